"""Hits and energies of one layer, sector after sector in the order of drawing."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from calo4pqvae.models.cellwise.allocation import odds_of
from calo4pqvae.models.cellwise.order import SectorOrder, Stage

__all__ = ["CellNetwork", "LayerEmbedding"]

Sectors = Float[Tensor, "... _ _"]
Numbers = Float[Tensor, "..."]

_Y_SCALE = 8.0


@dataclass(frozen=True, eq=False)
class LayerEmbedding:
    """What is known of a layer's sectors, in the order of drawing, before its first voxel.

    Attributes:
        hits: sums into the hidden units of hits.
        direct: what goes past the hidden units: logits.
        bias: what the layer adds to the hidden units of energies.
        history: what is known of each sector from earlier layers.
    """

    hits: Sectors
    direct: Sectors
    bias: Float[Tensor, "... hidden"]
    history: Sectors


class CellNetwork(nn.Module):
    """Logits of hits, and parameters of deposits, of sectors that are drawn in turn.

    The same weights serve all sectors of a stage, and what does not concern the voxels of the
    layer itself serves all stages. A sector sees earlier layers (`history`), the layer as a
    whole (`layer_context`), the sectors beside it that are drawn, and how many hits and how
    much energy are left for it and all later ones. All tensors with sectors are in the order
    of drawing.

    Arguments:
        order: of the sectors.
        n_r: rings.
        n_history: numbers known of each sector from earlier layers.
        n_layer_context: numbers known of the layer.
        n_local: numbers known of each cell from its neighbours in the layer and before it.
        n_outputs: outputs of the deposits' distribution for each cell.
        hidden: hidden units of a sector: first, and second of the energies.
    """

    def __init__(
        self,
        order: SectorOrder,
        n_r: int,
        n_history: int,
        n_layer_context: int,
        n_local: int,
        n_outputs: int,
        hidden: tuple[int, int],
    ) -> None:
        super().__init__()
        first, second = hidden
        self.n_r, self.first = n_r, first
        self.order = order
        near = [stage.beside.shape[1] for stage in order.stages]
        self.hits_history = nn.Linear(n_history, first)
        self.values_history = nn.Linear(n_history, first)
        self.hits_direct = _without_bias(n_history, n_r)
        self.values_direct = _without_bias(n_history, n_outputs * n_r)
        self.world = nn.Linear(n_layer_context, 2 * first)
        self.local = _without_bias(n_layer_context, n_local * n_r)
        self.hits_left = nn.ModuleList(nn.Linear(2, first) for _ in near)
        self.hits_beside = nn.ModuleList(_without_bias(k * n_r, first) for k in near[1:])
        self.hits = nn.Linear(first, n_r)
        self.around = _without_bias(3 * n_r, first)
        self.energy_left = nn.ModuleList(nn.Linear(3, first) for _ in near)
        self.share = nn.Parameter(torch.zeros(n_outputs, n_r))
        self.expected = nn.Linear(n_history + 3 * n_r, n_r)
        self.expected_world = _without_bias(n_layer_context, n_r)
        self.values_beside = nn.ModuleList(_without_bias(2 * k * n_r, first) for k in near[1:])
        self.inner = nn.Linear(first, second)
        self.values = nn.Linear(second, n_outputs * n_r)
        flat = (self.hits_direct, self.values_direct, self.local)
        for layer in (*flat, self.expected, self.expected_world):
            nn.init.zeros_(layer.weight)

    def embed(
        self, history: Sectors, layer_context: Float[Tensor, "... layer_context"]
    ) -> LayerEmbedding:
        """Begin a layer."""
        weight = torch.cat([self.hits_history.weight, self.hits_direct.weight])
        hidden, direct = linear(history, weight).split([self.first, self.n_r], dim=-1)
        for_hits, for_values = self.world(layer_context).split(self.first, dim=-1)
        hits = hidden + (for_hits + self.hits_history.bias)[..., None, :]
        return LayerEmbedding(hits, direct, for_values, history)

    def hit_logits(
        self, embedded: LayerEmbedding, number: int, hits: Sectors, n_left: Numbers, places: int
    ) -> Sectors:
        """Give the scores of one stage: logits up to a constant that the allocation finds.

        Arguments:
            embedded: the layer as `embed` left it.
            number: number of the stage.
            hits: 1 for a hit, of all sectors; only those of earlier stages are looked at.
            n_left: hits of this stage and all later ones.
            places: their cells.
        """
        stage = self.order.stages[number]
        left = torch.stack([odds_of(n_left, places) / 4, torch.log1p(n_left) / 4], dim=-1)
        own = self.hits_left[number](left)[..., None, :]
        hidden = embedded.hits[..., stage.places, :] + own
        if number:
            hidden = hidden + self.hits_beside[number - 1](_beside(stage, hits))
        return self.hits(silu(hidden)) + embedded.direct[..., stage.places, :]

    def neighbourhood(self, hits: Sectors) -> Float[Tensor, "... alpha around"]:
        """Line up the hits of each sector and of those on both sides, before any energy."""
        natural = self.order.back(hits)
        around = [natural, natural.roll(1, dims=-2), natural.roll(-1, dims=-2)]
        return self.order.lined_up(torch.cat(around, dim=-1))

    def log_expected(
        self,
        history: Sectors,
        around: Sectors,
        layer_context: Float[Tensor, "... layer_context"],
    ) -> Sectors:
        """Give the logarithm of the energy that each cell has on average if it is hit.

        Neither what other cells of the layer received nor what is left has a part in it.
        """
        of_sector = self.expected(torch.cat([history, around], dim=-1))
        return of_sector + self.expected_world(layer_context)

    def outputs(
        self,
        embedded: LayerEmbedding,
        rows: tuple[Tensor, ...],
        around: Sectors,
        seen: Sectors,
        left: tuple[Numbers, Numbers],
    ) -> tuple[Float[Tensor, "rows outputs"], tuple[Tensor, ...]]:
        """Give the deposits' parameters for sectors with hits: output after output.

        Arguments:
            embedded: the layers.
            rows: indices of the sectors: their layers' (any number of axes), and their places
                in the order of drawing.
            around: what `neighbourhood` gave.
            seen: scaled logarithmic energies and hits of all sectors; only those of earlier
                stages are looked at.
            left: energy, in units of the threshold, and hits of each sector and all later ones.

        Returns:
            the outputs, and the indices of the rows in their order: by stage.
        """
        made, order = [], []
        for number, stage in enumerate(self.order.stages):
            mine = (rows[-1] >= stage.first) & (rows[-1] < stage.end)
            at = tuple(index[mine] for index in rows)
            if len(at[0]):
                near = self._near(stage, at, seen) if number else None
                made.append(self._outputs(number, embedded, at, around, near, left))
                order.append(at)
        return torch.cat(made), tuple(torch.cat(x) for x in zip(*order, strict=True))

    def _near(self, stage: Stage, at: tuple[Tensor, ...], seen: Sectors) -> Tensor:
        places = stage.beside.to(seen.device)[at[-1] - stage.first]
        layer = (index[:, None] for index in at[:-1])
        return seen[(*layer, places)].flatten(start_dim=1)

    def _outputs(
        self,
        number: int,
        embedded: LayerEmbedding,
        at: tuple[Tensor, ...],
        around: Sectors,
        near: Tensor | None,
        left: tuple[Numbers, Numbers],
    ) -> Float[Tensor, "rows outputs"]:
        history = embedded.history[at]
        y, each = (torch.log1p(x[at]) for x in left)
        told = torch.stack([y / _Y_SCALE, (y - each) / _Y_SCALE, each / 4], dim=-1)
        hidden = self.values_history(history) + embedded.bias[at[:-1]]
        hidden = hidden + self.around(around[at]) + self.energy_left[number](told)
        if near is not None:
            hidden = hidden + self.values_beside[number - 1](near)
        return self.values(silu(self.inner(silu(hidden)))) + self.values_direct(history)


def _beside(stage: Stage, x: Sectors) -> Sectors:
    places = stage.beside.to(x.device)
    near = x.index_select(-2, places.flatten())
    return near.unflatten(-2, tuple(places.shape)).flatten(start_dim=-2)


def _without_bias(n_in: int, n_out: int) -> nn.Linear:
    return nn.Linear(n_in, n_out, bias=False)
