"""A table of quantiles that replaces uniform numbers by draws from measured distributions."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from calo4pqvae._core.typing import Showers

__all__ = ["QuantileTable", "read_rows"]


class QuantileTable(nn.Module):
    """Quantiles of a probability F, as its logit, per ring and per bin of a key.

    Before `fit` the table is the identity. The bins of each ring hold fixed shares of its
    hits, finer towards large keys, where most of the energy is. Levels are a percent apart,
    closer at both ends; between them the logit of F is interpolated in the logit of the level.
    Beyond the outermost levels it goes on with slope one, so that tails keep the form that the
    distribution of the voxels has.

    Arguments:
        n_rings: number of rings.
    """

    TAIL = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005)
    END = 2.0**-24
    SHARES = (*(k / 20 for k in range(1, 20)), 0.97, 0.98, 0.99, 0.995)
    FEWEST, FEWEST_OF_RING = 1000, 10_000

    levels: Tensor
    edges: Tensor
    table: Tensor

    def __init__(self, n_rings: int) -> None:
        super().__init__()
        bins, tail = len(self.SHARES) + 1, torch.tensor((self.END, *self.TAIL)).double()
        inner = torch.linspace(0.01, 0.99, 99).double()
        levels = torch.logit(torch.cat([inner, tail, 1 - tail]).sort().values).float()
        self.register_buffer("levels", levels)
        self.register_buffer("edges", torch.zeros(n_rings, len(self.SHARES)))
        self.register_buffer("table", levels.repeat(n_rings, bins, 1))

    def forward(self, key: Showers, uniform: Showers) -> Showers:
        """Turn uniform numbers into draws of logit F."""
        ring = torch.arange(len(self.edges), device=key.device).expand(key.shape)
        flat = self.at(key.flatten(), uniform.flatten(), ring.flatten())
        return flat.view(key.shape)

    def at(
        self,
        key: Float[Tensor, " hits"],
        uniform: Float[Tensor, " hits"],
        ring: Int[Tensor, " hits"],
    ) -> Float[Tensor, " hits"]:
        """Turn uniform numbers into draws of logit F, for single hits in given rings."""
        return self.read(self.rows(key, ring), uniform)

    def rows(
        self, key: Float[Tensor, " hits"], ring: Int[Tensor, " hits"]
    ) -> Int[Tensor, " hits"]:
        """Find the row of the table that belongs to each hit."""
        return ring * self.table.shape[1] + (key[:, None] > self.edges[ring]).sum(dim=1)

    def read(
        self, row: Int[Tensor, " hits"], uniform: Float[Tensor, " hits"]
    ) -> Float[Tensor, " hits"]:
        """Turn uniform numbers into draws of logit F from given rows."""
        return read_rows(self.table, self.levels, row, torch.logit(uniform, self.END))

    def fit(
        self,
        key: Float[Tensor, " hits"],
        value: Float[Tensor, " hits"],
        ring: Int[Tensor, " hits"],
    ) -> bool:
        """Fill the table from measured values of logit F.

        A ring with fewer than ten thousand hits takes the table of all rings together. Fewer
        than a thousand hits in all tell less than the distribution that they would correct:
        the table stays the identity.

        Returns:
            whether the table was filled.
        """
        if len(key) < self.FEWEST:
            return False
        for number in range(len(self.table)):
            mine = ring == number
            mine = mine if int(mine.sum()) >= self.FEWEST_OF_RING else torch.ones_like(mine)
            self._fit_ring(number, key[mine], value[mine])
        return True

    def _fit_ring(self, ring: int, key: Tensor, value: Tensor) -> None:
        shares = torch.tensor(self.SHARES, dtype=torch.float64)
        ranked = key.sort().values
        self.edges[ring] = ranked[(shares * len(key)).long().to(key.device)]
        bins = torch.bucketize(key, self.edges[ring])
        for b in range(self.table.shape[1]):
            inside = value[bins == b].sort().values
            if len(inside):
                levels = torch.sigmoid(self.levels[1:-1].double())
                place = (levels * (len(inside) - 1)).round().long()
                row, steps = inside[place], self.levels.diff()[[0, -1]]
                ends = row[[0, -1]] + steps * torch.tensor([-1.0, 1.0]).to(row)
                self.table[ring, b] = torch.cat([ends[:1], row, ends[1:]])


def read_rows(
    table: Tensor,
    levels: Float[Tensor, " levels"],
    row: Int[Tensor, " hits"],
    place: Float[Tensor, " hits"],
) -> Float[Tensor, " hits"]:
    """Interpolate in rows of a table, whose last axis belongs to rising levels."""
    above = torch.bucketize(place, levels).clamp(1, len(levels) - 1)
    low, high = levels[above - 1], levels[above]
    start, flat = row * len(levels) + above, table.flatten()
    return torch.lerp(flat[start - 1], flat[start], (place - low) / (high - low))
