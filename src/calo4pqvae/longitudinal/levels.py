"""Bits that say in which interval of its law each longitudinal quantity lies."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae.longitudinal.marginals import Interval, Quantities

__all__ = ["LevelBits"]


class LevelBits:
    r"""Thermometer bits of every quantity at thresholds that follow the incident energy.

    With n bits and probability of absence $p_0$, bit k says that the quantity's probability
    transform v exceeds $v_k = \max(p_0 + (1 - p_0) k / n,\ (k + 1) / (n + 1))$. Where absence
    is likely, the first bit is presence itself; where it is rare, all intervals are alike.
    Only the number of ones counts, so that every pattern has a meaning.

    Arguments:
        bits: number of bits of each quantity.
    """

    def __init__(self, bits: int) -> None:
        self.bits = bits

    def thresholds(self, absence: Quantities) -> Float[Tensor, "batch quantities bits"]:
        """Thresholds of the bits on the normal scale."""
        k = torch.arange(self.bits, dtype=absence.dtype, device=absence.device)
        rising = absence[..., None] + (1 - absence[..., None]) * k / self.bits
        even = ((k + 1) / (self.bits + 1)).expand_as(rising)
        return torch.special.ndtri(torch.maximum(rising, even))

    def encode(self, interval: Interval, absence: Quantities) -> Bool[Tensor, "batch bits"]:
        """Give the bits of quantities on the normal scale, quantity by quantity."""
        upper = interval[1][..., None]
        edges = self.thresholds(absence)
        return (upper > edges).flatten(start_dim=1)

    def decode(self, bits: Bool[Tensor, "batch bits"], absence: Quantities) -> Interval:
        """Give the interval of the normal scale that bits leave to each quantity."""
        edges = self.thresholds(absence)
        end = torch.full_like(edges[..., :1], torch.inf)
        edges = torch.cat([-end, edges, end], dim=2)
        count = bits.view(*absence.shape, self.bits).sum(dim=2, keepdim=True)
        return edges.gather(2, count)[..., 0], edges.gather(2, count + 1)[..., 0]
