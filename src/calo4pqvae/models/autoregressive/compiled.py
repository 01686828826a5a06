"""A layered model in the compiled core, packed anew when a weight has changed."""

import math
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from calo4pqvae._core.rng import RandomSource, RowNoise
from calo4pqvae.models.autoregressive.core import Core, Numbers
from calo4pqvae.models.autoregressive.packing import pack, packable, to_bytes

if TYPE_CHECKING:
    from calo4pqvae.models.autoregressive.model import LayeredQVAE

__all__ = ["compiled", "numbers_of"]

_CORES: "WeakKeyDictionary[LayeredQVAE, tuple[tuple[int, ...], Core]]" = WeakKeyDictionary()


def compiled(model: "LayeredQVAE") -> Core | None:
    """Give the model's core; None off the CPU, for an odd energy code, or without compiler."""
    tensors = [*model.parameters(), *model.buffers()]
    if any(tensor.device.type != "cpu" for tensor in tensors) or not packable(model):
        return None
    state = tuple(x for tensor in tensors for x in (tensor.data_ptr(), tensor._version))
    known = _CORES.get(model)
    if known and known[0] == state:
        return known[1]
    if not Core.available():
        return None
    core = Core(to_bytes(pack(model, sweeps=0)))
    _CORES[model] = state, core
    return core


def numbers_of(
    model: "LayeredQVAE", noise: RandomSource, rows: int, *, layers: bool
) -> Numbers:
    """Take the numbers of showers from a source, in the order in which torch takes them.

    Arguments:
        model: model that will draw.
        noise: the source; rows that are new are drawn by the core itself.
        rows: number of showers.
        layers: whether layer energies are drawn too.
    """
    quantities, (n_layers, n_alpha, n_r) = len(model.law.levels.bits), model.decoder.shape
    of_layers = [(1, quantities), (model.law.rounds, quantities)]
    shapes = [(n_layers, 2 + 2 * n_alpha * n_r), (2,)]
    each = sum(math.prod(shape) for shape in (*of_layers, *shapes))
    if layers and isinstance(noise, RowNoise) and noise.used == 0:
        noise.used += each
        return Numbers(noise.seed, noise.begin)
    drawn: list[Tensor] = []
    if layers:
        shapes = [*of_layers, *shapes]
    else:
        drawn.append(torch.full((rows, sum(map(math.prod, of_layers))), 0.5))
    drawn += [noise.uniform(rows, *shape).flatten(start_dim=1) for shape in shapes]
    return Numbers(uniforms=torch.cat(drawn, dim=1).numpy())
