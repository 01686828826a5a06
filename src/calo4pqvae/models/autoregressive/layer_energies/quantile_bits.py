"""Bits that say in which quantile bin each longitudinal quantity lies."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae.models.autoregressive.layer_energies.marginals import Interval, Quantities

__all__ = ["QuantileBits"]


class QuantileBits:
    r"""Thermometer bits of every quantity at thresholds that follow the incident energy.

    With n bits and probability of absence $p_0$, bit k says that the quantity's probability
    transform v exceeds $v_k = \max(p_0 + (1 - p_0) k / n,\ (k + 1) / (n + 1))$. Where absence
    is likely, the first bit is presence itself; where it is rare, all intervals are alike.
    Only the number of ones counts, so that every pattern has a meaning.

    Arguments:
        bits: number of bits of each quantity.
    """

    def __init__(self, bits: Sequence[int]) -> None:
        self.bits = tuple(bits)
        quantity = [q for q, n in enumerate(bits) for _ in range(n)]
        self._quantity = torch.tensor(quantity, dtype=torch.int64)
        self._k = torch.tensor([k for n in bits for k in range(n)], dtype=torch.float64)
        self._n = torch.tensor([n for n in bits for _ in range(n)], dtype=torch.float64)

    @property
    def n_bits(self) -> int:
        """Number of bits of all quantities together."""
        return len(self._quantity)

    def thresholds(self, absence: Quantities) -> Float[Tensor, "batch bits"]:
        """Thresholds of the bits on the normal scale, quantity by quantity."""
        quantity, k, n = (
            part.to(absence.device) for part in (self._quantity, self._k, self._n)
        )
        own = absence[:, quantity].double()
        return torch.special.ndtri(torch.maximum(own + (1 - own) * k / n, (k + 1) / (n + 1)))

    def encode(self, interval: Interval, absence: Quantities) -> Bool[Tensor, "batch bits"]:
        """Give the bits of quantities on the normal scale, quantity by quantity."""
        upper = interval[1][:, self._quantity.to(absence.device)]
        return upper > self.thresholds(absence)

    def decode(self, bits: Bool[Tensor, "batch bits"], absence: Quantities) -> Interval:
        """Give the interval of the normal scale that bits leave to each quantity."""
        edges = self.thresholds(absence)
        low = torch.full_like(absence.double(), -torch.inf)
        high = -low
        start = 0
        for quantity, n in enumerate(self.bits):
            if n:
                own = edges[:, start : start + n]
                end = torch.full_like(own[:, :1], torch.inf)
                own = torch.cat([-end, own, end], dim=1)
                count = bits[:, start : start + n].sum(dim=1, keepdim=True)
                low[:, quantity] = own.gather(1, count)[:, 0]
                high[:, quantity] = own.gather(1, count + 1)[:, 0]
                start += n
        return low, high
