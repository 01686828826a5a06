"""Bits that say outright what a shower has in common over all its voxels.

A trained encoder writes the depth of a shower into hundreds of bits, each a little, and a
machine of few couplers a node cannot sample their common movement (docs/paper.md): sampled
showers are then too much alike. A few bits that hold total, depth and spread as digits of
independent uniform numbers need no coupler, and the decoder is told of them.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from calo4pqvae._core.polynomials import legendre
from calo4pqvae._core.typing import Bits, IncidentEnergy, Showers
from calo4pqvae.models.autoregressive.layer_energies.marginals import ConditionalQuantiles

__all__ = ["QUANTITIES", "GlobalBits", "quantities"]

Column = Float[Tensor, "batch 1"]
Numbers = Float[Tensor, "batch quantities"]

ORDER = 2
"""Polynomials in t of the regression of a quantity on those before it."""

LEAST_VARIANCE = 0.05
"""Of a quantity given those before it, in units of its own: keeps the scale finite."""

QUANTITIES = 3


class GlobalBits(nn.Module):
    r"""Binary digits of ln(total / incident energy), mean layer, and spread in depth.

    Each quantity becomes a standard normal number given the incident energy
    (`ConditionalQuantiles`), then independent of those before it by a linear regression whose
    coefficients depend on t: $w_q = (u_q - \sum_{p<q} c_{qp}(t)\, w_p) / s_q(t)$. The n bits of
    a quantity are the digits of $\lfloor 2^n\, \Phi(w) \rfloor$, highest first, so that bits of
    real showers are uniform and independent, as far as the regression goes. Back from bits, w
    is its mean over the interval that they name.

    Arguments:
        digits: bits of the three quantities.
        start: first of the nodes that hold them, counted over all partitions.

    Raises:
        ConfigError: `fit` is given fewer than fifty showers.

    Example:
        >>> bits = GlobalBits((3, 3, 2))
        >>> bits.n_bits
        8
        >>> bits.values(torch.tensor([[1, 1, 1, 0, 0, 0, 0, 1]]).bool()).round(decimals=2)
        tensor([[ 1.6500, -1.6500, -0.3200]])
    """

    regression: Tensor

    def __init__(self, digits: Sequence[int], start: int = 0) -> None:
        super().__init__()
        self.digits, self.start = tuple(digits), start
        self.marginals = ConditionalQuantiles(QUANTITIES)
        self.register_buffer("regression", torch.zeros(QUANTITIES, QUANTITIES, ORDER + 1))

    @property
    def n_bits(self) -> int:
        """Number of bits of all quantities together."""
        return sum(self.digits)

    def fit(self, x: Numbers, t: Column) -> None:
        """Learn the distributions of `quantities` of showers of scaled energies t."""
        present = x.isfinite()
        self.marginals.fit(torch.where(present, x, 0.0), present, t)
        u, features = self._normal(x, t), legendre(t.double(), ORDER)
        for q in range(1, QUANTITIES):
            before = self._whitened(u, t)[:, :q]
            design = (before[:, :, None] * features[:, None]).flatten(start_dim=1)
            solution = torch.linalg.lstsq(design, u[:, q : q + 1]).solution
            self.regression[q, :q] = solution.view(q, ORDER + 1).to(self.regression)

    def encode(self, showers: Showers, e_inc: IncidentEnergy, t: Column) -> Bits:
        """Give the bits of showers [MeV]."""
        w = self._whitened(self._normal(quantities(showers, e_inc), t), t)
        columns = []
        for q, n in enumerate(self.digits):
            interval = (torch.special.ndtr(w[:, q]) * 2**n).long().clamp(0, 2**n - 1)
            columns += [(interval >> k) & 1 for k in range(n - 1, -1, -1)]
        return torch.stack(columns, dim=1).bool()

    def values(self, bits: Bits) -> Numbers:
        """Give the normal numbers w that bits name, one for each quantity."""
        columns, start = [], 0
        for n in self.digits:
            mine = bits[:, start : start + n]
            powers = 2 ** torch.arange(n - 1, -1, -1, device=bits.device)
            interval = (mine.long() * powers).sum(dim=1)
            columns.append(_interval_means(n).to(bits.device)[interval])
            start += n
        return torch.stack(columns, dim=1)

    def told(self, nodes: Float[Tensor, "batch nodes"]) -> Numbers:
        """Give the numbers that a decoder is told, from the nodes of the machine."""
        return self.values(nodes[:, self.start : self.start + self.n_bits] > 0.5)

    def _normal(self, x: Numbers, t: Column) -> Numbers:
        """Put quantities on the normal scale; absent ones stand at the edge of absence."""
        present = x.isfinite()
        return self.marginals.to_normal(torch.where(present, x, 0.0), present, t)[1]

    def _whitened(self, u: Numbers, t: Column) -> Numbers:
        """Make quantities independent of those before them."""
        features, table = legendre(t.double(), ORDER), self.regression.double()
        slopes = torch.einsum("bk,qpk->bqp", features, table)
        columns: list[Tensor] = []
        for q in range(QUANTITIES):
            rest, variance = u[:, q], torch.ones_like(u[:, q])
            for p, known in enumerate(columns):
                rest = rest - slopes[:, q, p] * known
                variance = variance - slopes[:, q, p] ** 2
            columns.append(rest / variance.clamp(min=LEAST_VARIANCE).sqrt())
        return torch.stack(columns, dim=1)


def quantities(showers: Showers, e_inc: IncidentEnergy) -> Numbers:
    """Measure ln(total / incident energy), mean layer and spread; not finite where empty."""
    layers = showers.double().sum(dim=(2, 3))
    total = layers.sum(dim=1)
    place = torch.arange(layers.shape[1], device=layers.device).double()
    mean = (layers @ place) / total
    spread = ((layers * (place - mean[:, None]) ** 2).sum(dim=1) / total).sqrt()
    return torch.stack([torch.log(total / e_inc[:, 0].double()), mean, spread], dim=1)


def _interval_means(n: int) -> Float[Tensor, " intervals"]:
    """Mean of a standard normal number in each of 2^n intervals of equal probability."""
    edges = torch.special.ndtri(torch.arange(2**n + 1).double() / 2**n)
    density = torch.exp(-(edges**2) / 2) / (2 * torch.pi) ** 0.5
    return (2**n * (density[:-1] - density[1:])).float()
