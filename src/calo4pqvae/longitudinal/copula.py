"""Joint law of the longitudinal quantities on the normal scale: a Gaussian copula."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from calo4pqvae.longitudinal.marginals import Energies, Interval, Quantities

__all__ = ["GaussianCopula"]

_TINY = 1e-12

Uniform = Callable[..., Tensor]


class GaussianCopula(nn.Module):
    r"""Standard normal numbers with a correlation matrix that depends on the energy.

    $u \sim N(0, R(t))$ in `bins` equal intervals of t, restricted to a box: the intervals that
    bits, or an empty layer, leave to each number. Numbers in a box are drawn one after another
    from their exact conditional laws (Gibbs), a given number of rounds.

    Arguments:
        n_quantities: number of quantities.
        bins: intervals of t with a matrix of their own.
        bandwidth: standard deviation of the weights that showers around an interval have.
    """

    SHRINK = 0.01

    correlation: Tensor

    def __init__(self, n_quantities: int, bins: int = 16, bandwidth: float = 0.06) -> None:
        super().__init__()
        self.bins, self.bandwidth = bins, bandwidth
        self.register_buffer("correlation", torch.eye(n_quantities).repeat(bins, 1, 1))

    @torch.no_grad()
    def fit(self, interval: Interval, t: Energies, uniform: Uniform, rounds: int = 8) -> None:
        """Estimate the matrices; numbers known only up to an interval are drawn in turn."""
        u = _start(interval, uniform)
        centres = (torch.arange(self.bins, dtype=u.dtype, device=u.device) + 0.5) / self.bins
        for _ in range(rounds):
            for k, centre in enumerate(centres):
                weight = torch.exp(-(((t[:, 0] - centre) / self.bandwidth) ** 2) / 2)
                second = (u * weight[:, None]).T @ u / weight.sum()
                scale = second.diagonal().sqrt()
                unit = torch.eye(len(scale), dtype=u.dtype, device=u.device)
                matrix = second / scale / scale[:, None]
                self.correlation[k] = (1 - self.SHRINK) * matrix + self.SHRINK * unit
            u = self._sweep(u, interval, self._precision(t), uniform)

    @torch.no_grad()
    def draw(
        self, interval: Interval, t: Energies, uniform: Uniform, rounds: int
    ) -> Quantities:
        """Draw numbers inside their intervals.

        Arguments:
            interval: lower and upper end of each number.
            t: scaled incident energies.
            uniform: gives uniform numbers of a shape.
            rounds: Gibbs rounds over all quantities, from independent numbers in the box.
        """
        u, precision = _start(interval, uniform), self._precision(t)
        for _ in range(rounds):
            u = self._sweep(u, interval, precision, uniform)
        return u

    def _precision(self, t: Energies) -> Float[Tensor, "quantities batch quantities"]:
        number = (t[:, 0] * self.bins).long().clamp(0, self.bins - 1)
        inverse = torch.linalg.inv(self.correlation.double())
        return inverse.transpose(0, 1)[:, number].contiguous()

    @staticmethod
    def _sweep(u: Tensor, interval: Interval, precision: Tensor, uniform: Uniform) -> Tensor:
        u, draws = u.clone(), uniform(*u.shape).to(u.dtype)
        low, high = interval
        for q, row in enumerate(precision):
            own = row[:, q]
            mean = u[:, q] - (row * u).sum(dim=1) / own
            scale = own.rsqrt()
            ends = ((low[:, q] - mean) / scale, (high[:, q] - mean) / scale)
            drawn = mean + scale * _cut_normal(*ends, draws[:, q])
            u[:, q] = torch.minimum(torch.maximum(drawn, low[:, q]), high[:, q])
        return u


def _start(interval: Interval, uniform: Uniform) -> Quantities:
    low, high = interval
    drawn = _cut_normal(low, high, uniform(*low.shape).to(low.dtype))
    return torch.minimum(torch.maximum(drawn, low), high)


def _cut_normal(low: Tensor, high: Tensor, uniform: Tensor) -> Tensor:
    """Draw from a standard normal law between two ends, in the tail that keeps its digits."""
    mirrored = low > 0
    a, b = torch.where(mirrored, -high, low), torch.where(mirrored, -low, high)
    below, upto = torch.special.ndtr(a), torch.special.ndtr(b)
    drawn = torch.special.ndtri((below + uniform * (upto - below)).clamp(_TINY, 1 - _TINY))
    return torch.where(mirrored, -drawn, drawn)
