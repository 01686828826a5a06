"""What draws of hits and of their energies miss on average, measured after training."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from calo4pqvae.models.cellwise.decoder import N_PAST
from calo4pqvae.models.cellwise.lateral import block_ends

__all__ = ["DrawCorrections"]

BONDED = (N_PAST, N_PAST + 1, 3, 6)
"""Weights of `CellDecoder.gates` that bonds and depths are added to."""

PerLayer = Float[Tensor, " batch"]
Levels = Float[Tensor, "batch alpha r"]


class DrawCorrections(nn.Module):
    """Tables that draws are shifted by, by block of depth and number of hits in the layer.

    Networks learn each layer given true ones before it; a draw follows layers that were drawn,
    and aims that they have missed by a little. Small faults add up: in the tail single hits
    lay in the innermost ring 36 % too often. The tables hold what makes draws right on
    average where they are counted. Before `fit_corrections` they change nothing.

    Arguments:
        shape: (layers, alpha, r) of the cylinder.

    Attributes:
        rings: added to the scores of hits, by ring; rows are blocks, then numbers of hits.
        bonds: added to the weights of hits beside a cell, in azimuth and in radius.
        depths: added to those of hits in the same cell, one layer before and two.
        far: added to the score of a cell for a hit in its ring in an earlier sector of its own
            stage, which no network sees, by distance in sectors from 1; for the innermost ring,
            and all others.
        levels: at each of `KNOTS` the share of draws below it, for hits of the innermost ring,
            the next one, and all others.
        last: logarithms of what is left for the last hit, over the mean of the layer's hits,
            that draws have at `LAST` quantiles, and those that Geant4 has; by ring as levels.
        moves: added to ln(energy / threshold) of a hit at multiples of `SPACING`, linear
            between; for rings from each of `FIRST_RINGS` to the next.
        profiles: logarithms of the roughness of profiles that draws have at `PROFILES`
            quantiles, and those that Geant4 has, at equally spaced scaled incident energies t
            from 0 to 1.
    """

    HITS = (1.5, 2.5, 4.5, 7.5, 15.5, 39.5, 59.5, 84.5)
    """Between the bins of the number of hits."""

    KNOTS = (
        *(0.0, 0.002, 0.01, 0.03, 0.07, 0.13, 0.2, 0.3, 0.4),
        *(0.5, 0.6, 0.7, 0.8, 0.87, 0.93, 0.97, 0.99, 0.998, 1.0),
    )
    GROUPS = 3

    LAST = (0.004, 0.01, 0.03, 0.07, *(k / 10 for k in range(1, 10)), 0.93, 0.97, 0.99, 0.996)

    SPACING, N_MOVES = 0.2, 66
    FIRST_RINGS = (0, 1, 2, 5)

    PROFILES, N_ENERGIES = (0.01, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 0.99), 9

    rings: Tensor
    bonds: Tensor
    depths: Tensor
    far: Tensor
    levels: Tensor
    last: Tensor
    moves: Tensor
    profiles: Tensor
    knots: Tensor
    hits: Tensor
    block: Tensor

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        n_layers, n_alpha, n_rings = shape
        self.n_alpha = n_alpha
        ends = torch.tensor(block_ends(n_layers))
        rows = len(ends) * (len(self.HITS) + 1)
        knots = torch.tensor(self.KNOTS)
        same = torch.linspace(-4, 2, len(self.LAST))
        self.register_buffer("rings", torch.zeros(rows, n_rings))
        self.register_buffer("bonds", torch.zeros(rows, 2))
        self.register_buffer("depths", torch.zeros(rows, 2))
        self.register_buffer("far", torch.zeros(rows, 2, max(1, n_alpha // 2)))
        self.register_buffer("levels", knots.repeat(rows, self.GROUPS, 1))
        self.register_buffer("last", same.repeat(rows * self.GROUPS, 2, 1))
        n_groups = len(self.FIRST_RINGS)
        self.register_buffer("moves", torch.zeros(rows, n_groups, self.N_MOVES))
        same = torch.linspace(-4, 2, len(self.PROFILES))
        self.register_buffer("profiles", same.repeat(self.N_ENERGIES, 2, 1))
        block = torch.bucketize(torch.arange(n_layers), ends, right=True)
        for name, fixed in (
            ("knots", knots),
            ("hits", torch.tensor(self.HITS)),
            ("block", block),
        ):
            self.register_buffer(name, fixed, persistent=False)

    @property
    def n_levels(self) -> int:
        """Number of the rows of levels: one for each group of rings."""
        return len(self.levels) * self.GROUPS

    def row_of(self, layer: Tensor | int, n_hits: Tensor) -> Int[Tensor, "..."]:
        """Find the rows of layers with so many hits."""
        bins = torch.bucketize(n_hits.to(self.hits), self.hits)
        return self.block[layer] * (len(self.hits) + 1) + bins

    def group_of(self, ring: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
        """Find the groups of rings."""
        return ring.clamp(max=self.GROUPS - 1)

    def of_scores(
        self, layer: int, n_hits: PerLayer
    ) -> tuple[Float[Tensor, "batch r"], Float[Tensor, "batch local"]]:
        """Give what is added to scores and to the weights of `CellDecoder.gates`."""
        row = self.row_of(layer, n_hits)
        added = self.bonds.new_zeros(len(row), N_PAST + 2)
        added[:, BONDED] = torch.cat([self.bonds, self.depths], dim=1)[row]
        return self.rings[row], added

    def of_far(self, layer: int, n_hits: PerLayer) -> Float[Tensor, "batch groups lags"]:
        """Give what a hit adds to cells of its own stage, in one layer."""
        return self.far[self.row_of(layer, n_hits)]

    def of_last(self, layer: int, n_hits: PerLayer) -> Float[Tensor, "batch groups 2 knots"]:
        """Give the quantiles of what is left for the last hit, in one layer."""
        return self.last.unflatten(0, (-1, self.GROUPS))[self.row_of(layer, n_hits)]

    def of_levels(self, layer: int, n_hits: PerLayer) -> Float[Tensor, "batch groups knots"]:
        """Give the shares below the knots, in one layer."""
        return self.levels[self.row_of(layer, n_hits)]

    def of_moves(self, layer: int, n_hits: PerLayer) -> Float[Tensor, "batch r moves"]:
        """Give what is added to logarithmic energies of hits, in one layer, ring by ring."""
        rings = torch.arange(self.rings.shape[1], device=self.rings.device)
        return self.moves[self.row_of(layer, n_hits)[:, None], self.range_of(rings)]

    def range_of(self, ring: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
        """Find the range of rings for `moves`."""
        first = torch.tensor(self.FIRST_RINGS, device=ring.device)
        return torch.bucketize(ring, first, right=True) - 1

    def of_profiles(self, t: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch 2 quantiles"]:
        """Give quantiles of the roughness at scaled incident energies."""
        at = t[:, 0].clamp(0, 1) * (self.N_ENERGIES - 1)
        low = at.long().clamp(max=self.N_ENERGIES - 2)
        part = (at - low).to(self.profiles)[:, None, None]
        return torch.lerp(self.profiles[low], self.profiles[low + 1], part)

    def reshape(self, layer: int, n_hits: PerLayer, uniform: Levels) -> Levels:
        """Turn uniform numbers of hits into the levels that real hits have in draws."""
        group = self.group_of(torch.arange(uniform.shape[2], device=uniform.device))
        shares = self.of_levels(layer, n_hits)[:, group]
        u = uniform.transpose(1, 2).contiguous()
        above = torch.searchsorted(shares.contiguous(), u).clamp(1, len(self.knots) - 1)
        low, high = shares.gather(2, above - 1), shares.gather(2, above)
        part = (u - low) / (high - low)
        level = torch.lerp(self.knots[above - 1], self.knots[above], part)
        return level.clamp(2.0**-25, 1 - 2.0**-24).transpose(1, 2)
