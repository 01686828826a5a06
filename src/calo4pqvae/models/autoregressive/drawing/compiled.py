"""Draws of voxels on a CPU: matrix products by torch, everything between them compiled.

A group of sectors is two small networks, one for its hits and one for the energies of its hits,
each a single product away from the first hidden units: all that a sector is told stands in one
row. Showers go through in blocks that stay in the cache.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from calo4pqvae._core.typing import Showers
from calo4pqvae.models.autoregressive.causal import KEPT, CausalDecoder
from calo4pqvae.models.autoregressive.drawing import loops
from calo4pqvae.models.autoregressive.drawing.memory import advance
from calo4pqvae.models.autoregressive.sectors import Group, SectorNetwork
from calo4pqvae.models.voxels.shared import SharedVoxels

__all__ = ["CompiledDraws"]

_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class _Group:
    """A group of sectors, and the weights of a row of what is known.

    Columns of the weights are hidden units, then what goes past them.
    """

    place: tuple[int, int, np.ndarray]
    sectors: slice
    hits: Float[Tensor, "known_of_hits outputs_of_hits"]
    values: Float[Tensor, "known_of_values outputs_of_values"]


class CompiledDraws:
    """Draw voxels of given layer energies: what `draw_voxels` does, for a CPU.

    Arguments:
        decoder: what the voxels of a layer depend on.
        voxels: law of their energies.
    """

    def __init__(self, decoder: CausalDecoder, voxels: SharedVoxels) -> None:
        self.decoder, self.voxels = decoder, voxels
        self.groups = _fold(decoder.sectors)
        self.moments = decoder.moments.numpy()
        self.directions = decoder.directions.numpy()
        self.means = decoder.mean.detach().numpy()

    def __call__(
        self,
        layers: Float[Tensor, "batch layer"],
        t: Float[Tensor, "batch 1"],
        chances: Float[Tensor, "batch layer chances"],
    ) -> Showers:
        """Draw voxels [MeV]; see `draw_voxels`."""
        showers = torch.zeros(len(layers), *self.decoder.shape)
        parts = (part.split(_BLOCK) for part in (layers, t, chances, showers))
        for block in zip(*parts, strict=True):
            _Block(self, *block).draw()
        return showers


class _Block:
    """Some showers on their way through the layers."""

    def __init__(
        self, draws: CompiledDraws, layers: Tensor, t: Tensor, chances: Tensor, showers: Tensor
    ) -> None:
        decoder, rows = draws.decoder, len(layers)
        (_, n_alpha, n_r), sectors = decoder.shape, decoder.sectors
        self.draws, self.decoder, self.layers = draws, decoder, layers
        self.t, self.showers = t, showers.numpy()
        shape = (rows, decoder.shape[0], n_alpha, n_r)
        self.of_counts, of_hits, of_energies = chances.split([2, *[n_alpha * n_r] * 2], dim=2)
        self.of_hits = of_hits.logit().view(shape).numpy()
        self.of_energies = of_energies.unflatten(2, shape[2:])
        self.context = decoder.context(layers, t)
        self.state = layers.new_zeros(1, rows, decoder.memory.hidden_size)
        self.rings = layers.new_zeros(rows, 2 * n_r)
        n_known = sectors.history.in_features
        self.history = np.zeros((rows, n_alpha, n_known), dtype=np.float32)
        self.moments = np.zeros((rows, 1 + len(KEPT), 4), dtype=np.float32)
        most = rows * max(len(group.place[2]) for group in draws.groups)
        known = max(len(group.values) for group in draws.groups)
        self.known = torch.empty(most * known)
        self.products = torch.empty(most * (sectors.first + 2 * n_r))
        self.hidden = torch.empty(most, sectors.first)
        self.owner = np.empty(most, dtype=np.int64)

    def draw(self) -> None:
        """Draw all layers."""
        for number, energy in enumerate(self.layers.unbind(dim=1)):
            world, self.state = self.decoder.remember(
                self.rings, self.context[:, number], self.state
            )
            layer = _Layer(self, number, world, energy)
            if len(layer.lit):
                layer.draw()
            layer.advance()


class _Layer:
    """One layer of those showers of a block that have energy there."""

    def __init__(self, block: _Block, number: int, world: Tensor, energy: Tensor) -> None:
        self.block, self.number = block, number
        self.draws, self.sectors = block.draws, block.decoder.sectors
        lit = energy.nonzero()[:, 0]
        whole = len(lit) == len(energy)
        self.lit, self.energy = lit.numpy(), energy if whole else energy[lit]
        self.world, self.t = (x if whole else x[lit] for x in (world, block.t))
        self.mean = self.draws.means[:, :, number, 0].swapaxes(0, 1).reshape(6, -1)
        shape = (len(lit), *block.decoder.shape[1:])
        self.hits, self.voxels, self.scaled, self.mu, self.sigma = (
            np.zeros(shape, dtype=np.float32) for _ in range(5)
        )

    def draw(self) -> None:
        """Draw the number of hits, the hits, and their energies."""
        n_hits = self._count()
        bias = self._bias(n_hits).numpy()
        places, n_left = self.hits[0].size, n_hits.clone().numpy()
        for group in self.draws.groups:
            self._draw_hits(group, bias, n_left, places)
            places -= len(group.place[2]) * self.hits.shape[2]
        left, n_left = self.energy.clone().numpy(), n_hits.numpy()
        for group in self.draws.groups:
            n_left = self._draw_energies(group, bias, left, n_left)

    def advance(self) -> None:
        """Show the layer to those after it."""
        block, draws = self.block, self.draws
        row_of = np.full(len(block.layers), -1)
        row_of[self.lit] = np.arange(len(self.lit))
        made = (self.number, row_of, self.voxels, self.scaled)
        fixed = (draws.moments, draws.directions, draws.voxels.threshold, KEPT)
        memory = (block.history, block.moments, block.rings.numpy())
        advance(*made, *fixed, *memory, block.showers)

    def _count(self) -> Float[Tensor, " lit"]:
        counts = self.block.decoder.counts
        chance = self._mine(self.block.of_counts[:, self.number])
        most = torch.floor(self.energy / self.draws.voxels.threshold + 1e-4).clamp(min=1)
        return torch.minimum(counts.draw(counts(self.world), chance), most)

    def _bias(self, n_hits: Float[Tensor, " lit"]) -> Float[Tensor, "lit hidden"]:
        known = self.block.decoder.with_counts(self.world, n_hits)
        return self.sectors.world(known) + self.sectors.history.bias

    def _first(self, rows: int, weight: Tensor, bias: np.ndarray, first: int) -> Tensor:
        """Multiply what is known, leave hidden units, and give what goes past them."""
        block, n_hidden = self.block, self.sectors.first
        known = block.known[: rows * len(weight)].view(rows, -1)
        products = block.products[: rows * weight.shape[1]].view(rows, -1)
        torch.mm(known, weight, out=products)
        hidden = block.hidden[:rows].numpy()
        owner, n_alpha = block.owner, self.hits.shape[1]
        loops.add_bias(products.numpy(), bias, first, owner, n_alpha, hidden)
        silu(block.hidden[:rows], inplace=True)
        return products[:, n_hidden:]

    def _draw_hits(
        self, group: _Group, bias: np.ndarray, n_left: np.ndarray, places: int
    ) -> None:
        block, rows = self.block, len(self.lit) * len(group.place[2])
        known = block.known[: rows * len(group.hits)].view(rows, -1).numpy()
        seen = (block.history, self.lit, self.hits, n_left, places, group.place)
        loops.line_up_hits(*seen, known, block.owner)
        direct = self._first(rows, group.hits, bias, 0)
        logits = linear(block.hidden[:rows], self.sectors.hits.weight, self.sectors.hits.bias)
        outputs = (logits.numpy(), direct.numpy(), self.mean[:2], self.t[:, 0].numpy())
        chances = (block.of_hits, self.number, self.lit)
        margins = np.empty_like(self.hits[0])
        loops.choose_hits(*outputs, *chances, places, group.place, margins, self.hits, n_left)

    def _draw_energies(
        self, group: _Group, bias: np.ndarray, left: np.ndarray, n_left: np.ndarray
    ) -> np.ndarray:
        """Draw the energies of a group; return the hits that are left."""
        block, net, law = self.block, self.sectors, self.draws.voxels
        threshold, after = law.threshold, np.empty_like(n_left)
        most = len(self.lit) * len(group.place[2])
        known = block.known[: most * len(group.values)].view(most, -1).numpy()
        seen = (block.history, self.lit, self.hits, self.scaled, left, n_left, threshold)
        rows = loops.line_up_values(*seen, group.place, known, block.owner, after)
        if rows == 0:
            return n_left
        direct = self._first(rows, group.values, bias, net.first).numpy()
        second = silu(
            linear(block.hidden[:rows], net.inner.weight, net.inner.bias), inplace=True
        )
        both = linear(second, net.values.weight, net.values.bias).numpy()
        given = (self.mean, law.WIDTHS, self.t[:, 0].numpy(), block.owner)
        loops.set_laws(both, direct, *given, self.hits, self.mu, self.sigma)
        mu, sigma, hits = (x[:, group.sectors] for x in (self.mu, self.sigma, self.hits))
        uniform = self._mine(block.of_energies[:, self.number])[:, group.sectors].numpy()
        drawn = law.share(mu, sigma, hits, (left, n_left, after < 0.5), uniform)
        taken = (self.voxels, self.scaled, left, after, n_left)
        loops.take_energies(drawn, threshold, group.place, *taken)
        return n_left

    def _mine(self, rows: Tensor) -> Tensor:
        """Pick the rows of showers that have energy in the layer."""
        return rows if len(self.lit) == len(rows) else rows[self.lit]


def _fold(net: SectorNetwork) -> list[_Group]:
    """Stack the weights of every group in the order in which rows are lined up."""
    for_hits, for_values = net.history.weight.T.split(net.first, dim=1)
    direct = net.direct.weight.T
    beside_hits, beside_values = ([for_hits[:0]], [for_values[:0]])
    beside_hits += [_weight(layer) for layer in net.hits_beside]
    beside_values += [_weight(layer) for layer in net.values_beside]
    groups = []
    for number, group in enumerate(net.groups):
        hits, values = net.hits_left[number], net.energy_left[number]
        hit_rows = [for_hits, _bias(hits), _weight(hits), beside_hits[number]]
        value_rows = [for_values, _bias(values), _weight(net.around), _weight(values)]
        groups.append(
            _Group(
                (group.start, group.step, _places_beside(group)),
                group.sectors,
                _pad(torch.cat(hit_rows), direct[:, : net.n_r]),
                _pad(torch.cat([*value_rows, beside_values[number]]), direct[:, net.n_r :]),
            )
        )
    return groups


def _weight(layer: nn.Module) -> Tensor:
    return layer.get_parameter("weight").T


def _bias(layer: nn.Module) -> Tensor:
    return layer.get_parameter("bias")[None]


def _places_beside(group: Group) -> np.ndarray:
    """Known sectors near each one of a group."""
    near = np.arange(group.count)[:, None] + np.array(group.shifts, dtype=np.int64)
    return near % max(1, group.n_known) * group.known


def _pad(hidden: Tensor, direct: Tensor) -> Tensor:
    """Put columns beside the hidden ones that only the history has a part in."""
    rest = direct.new_zeros(len(hidden) - len(direct), direct.shape[1])
    return torch.cat([hidden, torch.cat([direct, rest])], dim=1).detach()
