"""An exported graph beside the model itself: the same numbers in, and how long it takes."""

import time
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae._core.optional import require
from calo4pqvae._core.rng import Replay
from calo4pqvae.models.autoregressive.model import LayeredQVAE
from calo4pqvae.models.export.onnx.write import PAR04_MOST, shares
from calo4pqvae.units import GeV

__all__ = ["compare", "expected", "session"]

SHOWERS, TIMED = 64, 8


def session(content: bytes) -> Any:
    """Load a graph in ONNX Runtime, on one thread as a host would."""
    runtime = require("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


@torch.no_grad()
def expected(
    model: LayeredQVAE,
    noise: Float[np.ndarray, "showers noise"],
    e_inc: Float[np.ndarray, "showers 1"],
    states: Bool[np.ndarray, "intervals states nodes"],
    sweeps: int,
) -> Float[np.ndarray, "showers voxels"]:
    """Draw the showers [MeV] that a graph should give for these numbers, by the model."""
    numbers, energies = torch.from_numpy(noise), torch.from_numpy(e_inc)
    pick, of_sweeps, of_energies, of_voxels, turn = numbers.split(shares(model, sweeps), dim=1)
    n = len(noise)
    bits = _bits(model, energies, pick, of_sweeps.view(n, sweeps, -1), states)
    quantities, (n_layers, *_) = len(model.law.levels.bits), model.decoder.shape
    first, rest = of_energies.split([quantities, of_energies.shape[1] - quantities], dim=1)
    draws = [first.view(n, 1, -1), rest.view(n, -1, quantities)]
    draws += [of_voxels.view(n, n_layers, -1), turn]
    return model.decode(bits, energies, Replay(draws)).flatten(start_dim=1).numpy()


def _bits(
    model: LayeredQVAE,
    e_inc: Tensor,
    pick: Tensor,
    uniforms: Float[Tensor, "showers sweeps nodes"],
    states: Bool[np.ndarray, "intervals states nodes"],
) -> Bool[Tensor, "showers nodes"]:
    """Choose stored states and sweep them, partition after partition."""
    prior, (t, code) = model.prior, model.condition(e_inc)
    number = prior.coupling_bin(t)
    chosen = (pick[:, 0] * states.shape[1]).long()
    z = torch.from_numpy(states)[number, chosen].float()
    z[:, : code.shape[1]] = code.float()
    i, j = prior.graph.edges
    weight = z.new_zeros(len(z), z.shape[1], z.shape[1])
    weight[:, i, j] = weight[:, j, i] = prior.couplings(number)
    bias, ends = prior.node_bias(t), np.cumsum([0, *prior.graph.sizes]).tolist()
    for u in uniforms.unbind(dim=1):
        for start, end in pairwise(ends[1:]):
            field = torch.einsum("nij,nj->ni", weight[:, start:end], z) + bias[:, start:end]
            z[:, start:end] = (torch.sigmoid(field) > u[:, start:end]).float()
    return z > 0


def compare(
    model: LayeredQVAE,
    content: bytes,
    form: str,
    states: Bool[np.ndarray, "intervals states nodes"],
    sweeps: int,
) -> dict[str, Any]:
    """Draw showers over the whole range of energies by graph and model.

    Returns:
        showers compared, those with a differing hit, the median relative difference of an
        energy, and milliseconds a shower, one at a time.
    """
    rng, run = np.random.default_rng(20260101), session(content)
    noise = rng.random((SHOWERS, sum(shares(model, sweeps))), dtype=np.float32)
    noise = noise.clip(2.0**-25, 1 - 2.0**-24)
    e_inc = np.geomspace(model.scale.low, model.scale.high, SHOWERS, dtype=np.float32)[:, None]
    given = [_input(form, noise[k : k + 1], e_inc[k : k + 1]) for k in range(SHOWERS)]
    drawn = [run.run(None, mine)[0] for mine in given]
    start = time.process_time()
    for mine in given[:: SHOWERS // TIMED]:
        run.run(None, mine)
    found: dict[str, Any] = {"ms_one_at_a_time": 1e3 * (time.process_time() - start) / TIMED}
    if form == "par04-calodit":
        return found
    made = np.concatenate(drawn)
    if form == "par04-vae":
        n_layers, n_alpha, n_r = model.geometry.shape
        made = (
            made.reshape(-1, n_r, n_alpha, n_layers).transpose(0, 3, 2, 1).reshape(SHOWERS, -1)
        )
        made = made * e_inc
        noise = torch.special.ndtr(_normal(noise)).numpy().clip(2.0**-25, 1 - 2.0**-24)
    wanted = expected(model, noise, e_inc, states, sweeps)
    differing = ((made > 0) != (wanted > 0)).any(axis=1)
    both = made[~differing], wanted[~differing]
    relative = np.abs(both[0] / np.where(both[1] > 0, both[1], 1) - 1)[both[1] > 0]
    return found | {
        "showers_compared": SHOWERS,
        "showers_with_a_differing_hit": int(differing.sum()),
        "median_relative_difference": float(np.median(relative)),
    }


def _normal(noise: Float[np.ndarray, "showers noise"]) -> Float[Tensor, "showers noise"]:
    return torch.special.ndtri(torch.from_numpy(noise).double()).float()


def _input(
    form: str, noise: Float[np.ndarray, "1 noise"], e_inc: Float[np.ndarray, "1 1"]
) -> dict[str, np.ndarray]:
    """Line up what a host hands over."""
    if form == "plain":
        return {"noise": noise, "energy": e_inc}
    if form == "par04-vae":
        condition = np.array([[e_inc[0, 0] / PAR04_MOST, 0, 0, 1]], np.float32)
        return {"input": np.concatenate([_normal(noise).numpy(), condition], axis=1)}
    return {"input": np.array([[e_inc[0, 0] / GeV, 0, 0, 1, 0, 0, 0, 0]], np.float32)}
