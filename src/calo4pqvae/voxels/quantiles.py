"""A table of quantiles that replaces uniform numbers by draws from measured distributions."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from calo4pqvae.errors import ConfigError
from calo4pqvae.shapes import Showers

__all__ = ["QuantileTable"]


class QuantileTable(nn.Module):
    """Quantiles of a number in (0, 1), per ring and per bin of a key.

    Before `fit` the table is the identity. The bins of each ring hold fixed shares of its
    hits, finer towards large keys, where most of the energy is.

    Arguments:
        n_rings: number of rings.
    """

    LEVELS = 101
    SHARES = (0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99)
    FEWEST = 1000

    edges: Tensor
    table: Tensor

    def __init__(self, n_rings: int) -> None:
        super().__init__()
        levels = torch.linspace(0, 1, self.LEVELS)
        bins = len(self.SHARES) + 1
        self.register_buffer("edges", torch.zeros(n_rings, len(self.SHARES)))
        self.register_buffer("table", levels.repeat(n_rings, bins, 1))

    def forward(self, key: Showers, uniform: Showers) -> Showers:
        """Turn uniform numbers into draws, by linear interpolation between quantiles."""
        rings = [
            torch.bucketize(key[..., ring].contiguous(), edges)
            for ring, edges in enumerate(self.edges)
        ]
        ring = torch.arange(len(rings), device=key.device)
        row = ring * self.table.shape[1] + torch.stack(rings, dim=-1)
        place = uniform * (self.LEVELS - 1)
        below = place.long().clamp(max=self.LEVELS - 2)
        start = row * self.LEVELS + below
        flat = self.table.flatten()
        return torch.lerp(flat[start], flat[start + 1], place - below)

    def fit(
        self,
        key: Float[Tensor, " hits"],
        value: Float[Tensor, " hits"],
        ring: Int[Tensor, " hits"],
    ) -> None:
        """Fill the table from measured values.

        A ring with fewer than a thousand hits takes the table of all rings together.

        Raises:
            ConfigError: fewer than a thousand hits in all.
        """
        if len(key) < self.FEWEST:
            raise ConfigError(
                f"{len(key)} hits are too few to calibrate drawn voxels ({self.FEWEST} needed)"
            )
        for number in range(len(self.table)):
            mine = ring == number
            mine = mine if int(mine.sum()) >= self.FEWEST else torch.ones_like(mine)
            self._fit_ring(number, key[mine], value[mine])

    def _fit_ring(self, ring: int, key: Tensor, value: Tensor) -> None:
        shares = torch.tensor(self.SHARES, dtype=torch.float64)
        ranked = key.sort().values
        self.edges[ring] = ranked[(shares * len(key)).long().to(key.device)]
        levels = torch.linspace(0, 1, self.LEVELS, dtype=torch.float64)
        bins = torch.bucketize(key, self.edges[ring])
        for b in range(self.table.shape[1]):
            inside = value[bins == b].sort().values
            if len(inside):
                place = (levels * (len(inside) - 1)).round().long().to(key.device)
                self.table[ring, b] = inside[place]
