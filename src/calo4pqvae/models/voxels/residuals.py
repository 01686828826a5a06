"""What a squared error leaves open: the distribution of values around the predicted one."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from calo4pqvae.models.voxels.quantiles import read_rows

__all__ = ["ResidualTable"]


class ResidualTable(nn.Module):
    """Quantiles of the difference between a hit's value and the decoder's, by value and ring.

    A decoder trained with a squared error gives the mean of a distribution that it does not
    describe. The table describes it: in bins of the predicted value that hold equal shares of
    a ring's hits, the measured quantiles of the difference. Beyond the outermost quantiles
    nothing is extrapolated.

    Arguments:
        n_rings: number of rings.
    """

    BINS = 24
    LEVELS = (
        0.0,
        0.0005,
        0.002,
        0.005,
        *(k / 100 for k in range(1, 100)),
        0.995,
        0.998,
        0.9995,
        1.0,
    )
    FEWEST, FEWEST_OF_RING = 1000, 10_000

    levels: Tensor
    edges: Tensor
    table: Tensor

    def __init__(self, n_rings: int) -> None:
        super().__init__()
        levels = torch.tensor(self.LEVELS)
        self.register_buffer("levels", levels)
        self.register_buffer("edges", torch.zeros(n_rings, self.BINS - 1))
        self.register_buffer("table", torch.zeros(n_rings, self.BINS, len(levels)))

    def forward(
        self,
        value: Float[Tensor, " hits"],
        uniform: Float[Tensor, " hits"],
        ring: Int[Tensor, " hits"],
    ) -> Float[Tensor, " hits"]:
        """Draw differences for hits of predicted value in given rings."""
        row = ring * self.BINS + (value[:, None] > self.edges[ring]).sum(dim=1)
        return read_rows(self.table, self.levels, row, uniform)

    def fit(
        self,
        value: Float[Tensor, " hits"],
        difference: Float[Tensor, " hits"],
        ring: Int[Tensor, " hits"],
    ) -> bool:
        """Fill the table; with fewer than a thousand hits it stays zero.

        A ring with fewer than ten thousand hits takes those of all rings together.

        Returns:
            whether the table was filled.
        """
        if len(value) < self.FEWEST:
            return False
        shares = torch.arange(1, self.BINS, dtype=torch.float64) / self.BINS
        for number in range(len(self.table)):
            mine = ring == number
            mine = mine if int(mine.sum()) >= self.FEWEST_OF_RING else torch.ones_like(mine)
            v, d = value[mine], difference[mine]
            self.edges[number] = v.sort().values[(shares * len(v)).long().to(v.device)]
            bins = torch.bucketize(v, self.edges[number])
            for b in range(self.BINS):
                inside = d[bins == b].sort().values
                if len(inside):
                    place = (self.levels.double() * (len(inside) - 1)).round().long()
                    self.table[number, b] = inside[place]
        return True
