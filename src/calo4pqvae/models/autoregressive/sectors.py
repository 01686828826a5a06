"""The voxels of one layer, group after group of sectors, each seeing what lies beside it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from calo4pqvae.models.autoregressive.constants import COUNT_SCALE, SOFTENING, Y_SCALE

__all__ = [
    "Group",
    "LayerEmbedding",
    "SectorNetwork",
    "binary_subdivision",
    "shear_odd_rings",
    "unshear_odd_rings",
]

Sectors = Float[Tensor, "... _ _"]
Layer = Float[Tensor, "... _ r"]
Numbers = Float[Tensor, "..."]

_N_HITS_LEFT = 2
_N_ENERGY_LEFT = 3


@dataclass(frozen=True)
class Group:
    """Evenly spaced sectors that are drawn together.

    Attributes:
        start, step: the sectors start, start + step, ...
        count: how many they are.
        known: sectors 0, known, 2 known, ... were drawn before; 0 for the first group.
        shifts: places of the sectors beside each one, counted in steps of `known`.
        n_known: how many sectors were drawn before.
    """

    start: int
    step: int
    count: int
    known: int
    shifts: tuple[int, ...]
    n_known: int

    @property
    def sectors(self) -> slice:
        """The group's sectors."""
        return slice(self.start, None, self.step)

    def beside(self, x: Sectors) -> Sectors:
        """Line up, for each sector of the group, the known sectors on both sides."""
        known = x[..., :: self.known, :]
        near = [known.roll(-shift, dims=-2)[..., : self.count, :] for shift in self.shifts]
        return torch.cat(near, dim=-1)


def binary_subdivision(n_alpha: int) -> list[Group]:
    """Order sectors so that each new one lies in the middle between two that are known.

    Sixteen sectors make four groups: two opposite ones, then 2, 4 and 8. An odd number makes
    two: every other sector, among which two are neighbours, and those between them. Two sectors
    make two groups, one makes one.
    """
    if n_alpha == 1:
        return [Group(0, 1, 1, 0, (), 0)]
    if n_alpha % 2 or n_alpha == 2:
        first, second = (n_alpha + 1) // 2, n_alpha // 2
        return [Group(0, 2, first, 0, (), 0), Group(1, 2, second, 2, _beside(first), first)]
    groups: list[Group] = []
    spacing = 1
    while n_alpha % (2 * spacing) == 0 and n_alpha // spacing > 2:
        count = n_alpha // (2 * spacing)
        groups.insert(0, Group(spacing, 2 * spacing, count, 2 * spacing, _beside(count), count))
        spacing *= 2
    return [Group(0, spacing, n_alpha // spacing, 0, (), 0), *groups]


def _beside(n_known: int) -> tuple[int, ...]:
    """Shifts to the two nearest known sectors on either side, as far as these differ."""
    return tuple(dict.fromkeys(shift % n_known for shift in (0, 1, -1, 2)))


def shear_odd_rings(layer: Tensor) -> Tensor:
    """Move every odd ring by one sector along the last but one axis.

    Both the sectors beside a sector and its neighbours in radius then lie beside it.
    """
    return _move_odd_rings(layer, -1)


def unshear_odd_rings(layer: Tensor) -> Tensor:
    """Undo `shear_odd_rings`."""
    return _move_odd_rings(layer, 1)


def _move_odd_rings(layer: Tensor, step: int) -> Tensor:
    odd = torch.arange(layer.shape[-1], device=layer.device) % 2 == 1
    return torch.where(odd, layer.roll(step, dims=-2), layer)


@dataclass(eq=False)
class LayerEmbedding:
    """What is known of a layer's sectors before its first voxel.

    Attributes:
        hits, values: sums into the hidden units of hits and of energies.
        direct: what goes past the hidden units: logits, means and widths.
    """

    hits: Sectors
    values: Sectors
    direct: Sectors


class SectorNetwork(nn.Module):
    """Hits of a layer, then energies of the hits, group after group of sectors.

    The same weights serve all sectors of a group, and what does not concern the voxels of the
    layer itself serves all groups. A group sees earlier layers (`history`), the layer as a
    whole (`layer_context`), the nearest sectors of the groups before it, and how many hits and
    how much energy are left for it and for the groups after it.

    Arguments:
        n_alpha, n_r: sectors and rings.
        n_history: numbers known of each sector from earlier layers.
        n_layer_context: numbers known of the layer.
        hidden: hidden units of a sector: first, and second of the energies.
    """

    def __init__(
        self,
        n_alpha: int,
        n_r: int,
        n_history: int,
        n_layer_context: int,
        hidden: tuple[int, int],
    ) -> None:
        super().__init__()
        first, second = hidden
        self.n_r, self.first = n_r, first
        self.groups = binary_subdivision(n_alpha)
        near = [len(group.shifts) for group in self.groups]
        self.history = nn.Linear(n_history, 2 * first)
        self.direct = _without_bias(n_history, 3 * n_r)
        self.world = nn.Linear(n_layer_context, 2 * first)
        self.hits_left = nn.ModuleList(nn.Linear(_N_HITS_LEFT, first) for _ in near)
        self.hits_beside = nn.ModuleList(_without_bias(k * n_r, first) for k in near[1:])
        self.hits = nn.Linear(first, n_r)
        self.around = _without_bias(3 * n_r, first)
        self.energy_left = nn.ModuleList(nn.Linear(_N_ENERGY_LEFT, first) for _ in near)
        self.values_beside = nn.ModuleList(_without_bias(2 * k * n_r, first) for k in near[1:])
        self.inner = nn.Linear(first, second)
        self.values = nn.Linear(second, 2 * n_r)
        nn.init.zeros_(self.direct.weight)

    def embed(
        self, history: Sectors, layer_context: Float[Tensor, "... layer_context"]
    ) -> LayerEmbedding:
        """Begin a layer."""
        weight = torch.cat([self.history.weight, self.direct.weight])
        bias = self.world(layer_context) + self.history.bias
        hidden, direct = linear(history, weight).split([2 * self.first, 3 * self.n_r], dim=-1)
        hits, values = (hidden + bias[..., None, :]).split(self.first, dim=-1)
        return LayerEmbedding(hits, values, direct)

    def hit_logits(
        self, embedded: LayerEmbedding, number: int, hits: Layer, n_left: Numbers, places: int
    ) -> Layer:
        """Give the hit logits of one group.

        Arguments:
            embedded: the layer as `embed` left it.
            number: number of the group.
            hits: 1 for a hit; only sectors of earlier groups are looked at.
            n_left: hits of this group and those after it.
            places: their voxels.
        """
        group = self.groups[number]
        odds = torch.log((n_left + SOFTENING) / (places - n_left + SOFTENING))
        left = torch.stack([odds / COUNT_SCALE, torch.log1p(n_left) / COUNT_SCALE], dim=-1)
        hidden = (
            embedded.hits[..., group.sectors, :] + self.hits_left[number](left)[..., None, :]
        )
        if group.known:
            hidden += self.hits_beside[number - 1](group.beside(hits))
        direct = embedded.direct[..., group.sectors, : self.n_r]
        return self.hits(silu(hidden)) + direct + odds[..., None, None]

    def embed_hits(self, embedded: LayerEmbedding, hits: Layer) -> None:
        """Take note of all hits of the layer, before the first energy."""
        beside = torch.cat([hits, hits.roll(1, dims=-2), hits.roll(-1, dims=-2)], dim=-1)
        embedded.values = embedded.values + self.around(beside)

    def value_parameters(
        self,
        embedded: LayerEmbedding,
        number: int,
        seen: Sectors,
        energy_left: Numbers,
        n_left: Numbers,
    ) -> tuple[Layer, Layer]:
        """Give mean and width parameter of the logarithmic energies of one group.

        Arguments:
            embedded: the layer as `embed_hits` left it.
            number: number of the group.
            seen: scaled logarithmic energies and hits of each sector; only sectors of earlier
                groups are looked at.
            energy_left: energy for this group and those after it, in units of the threshold.
            n_left: hits of this group and those after it.
        """
        group = self.groups[number]
        y, each = torch.log1p(energy_left), torch.log1p(n_left)
        left = torch.stack([y / Y_SCALE, (y - each) / Y_SCALE, each / COUNT_SCALE], dim=-1)
        hidden = (
            embedded.values[..., group.sectors, :]
            + self.energy_left[number](left)[..., None, :]
        )
        if group.known:
            hidden += self.values_beside[number - 1](group.beside(seen))
        both = self.values(silu(self.inner(silu(hidden))))
        both = both + embedded.direct[..., group.sectors, self.n_r :]
        mu, width = both.split(self.n_r, dim=-1)
        return mu, width


def _without_bias(n_in: int, n_out: int) -> nn.Linear:
    return nn.Linear(n_in, n_out, bias=False)
