"""What draws of hits and of their energies miss on average, measured after training."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from calo4pqvae.models.cellwise.lateral import block_ends

__all__ = ["DrawCorrections"]

PerLayer = Float[Tensor, " batch"]
Levels = Float[Tensor, "batch alpha r"]


class DrawCorrections(nn.Module):
    """Tables that draws are shifted by, by block of depth and number of hits in the layer.

    Networks learn each layer given true ones before it; a draw follows layers that were drawn,
    and aims that they have missed by a little. Small faults add up: in the tail single hits
    lay in the innermost ring 36 % too often. The tables hold what makes draws right on
    average where they are counted. Before `fit_corrections` they change nothing.

    Arguments:
        n_layers: number of layers.
        n_rings: number of rings.

    Attributes:
        rings: added to the scores of hits, by ring; rows are blocks, then numbers of hits.
        bonds: added to the weights of hits beside a cell, in azimuth and in radius.
        levels: at each of `KNOTS` the share of draws below it, for hits of the innermost ring,
            the next one, and all others.
    """

    HITS = (1.5, 2.5, 4.5, 7.5, 15.5, 39.5, 59.5, 84.5)
    """Between the bins of the number of hits."""

    KNOTS = (
        *(0.0, 0.002, 0.01, 0.03, 0.07, 0.13, 0.2, 0.3, 0.4),
        *(0.5, 0.6, 0.7, 0.8, 0.87, 0.93, 0.97, 0.99, 0.998, 1.0),
    )
    GROUPS = 3

    rings: Tensor
    bonds: Tensor
    levels: Tensor
    knots: Tensor
    hits: Tensor
    block: Tensor

    def __init__(self, n_layers: int, n_rings: int) -> None:
        super().__init__()
        ends = torch.tensor(block_ends(n_layers))
        n_blocks, n_bins = len(ends), len(self.HITS) + 1
        knots = torch.tensor(self.KNOTS)
        self.register_buffer("rings", torch.zeros(n_blocks * n_bins, n_rings))
        self.register_buffer("bonds", torch.zeros(n_blocks * n_bins, 2))
        self.register_buffer("levels", knots.repeat(n_blocks * n_bins, self.GROUPS, 1))
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
    ) -> tuple[Float[Tensor, "batch r"], Float[Tensor, "batch 2"]]:
        """Give what is added to scores and to weights of hits beside, in one layer."""
        row = self.row_of(layer, n_hits)
        return self.rings[row], self.bonds[row]

    def of_levels(self, layer: int, n_hits: PerLayer) -> Float[Tensor, "batch groups knots"]:
        """Give the shares below the knots, in one layer."""
        return self.levels[self.row_of(layer, n_hits)]

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
