"""Joint distribution of the longitudinal quantities on the normal scale: a Gaussian copula."""

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from calo4pqvae.models.autoregressive.layer_energies.box import gibbs_in_box
from calo4pqvae.models.autoregressive.layer_energies.marginals import (
    Energies,
    Interval,
    Quantities,
)
from calo4pqvae.models.autoregressive.layer_energies.ordered import draw_in_order
from calo4pqvae.models.autoregressive.layer_energies.window import effective_number, window

__all__ = ["GaussianCopula"]

Uniform = Callable[..., Tensor]
Ends = tuple[np.ndarray, np.ndarray]


class GaussianCopula(nn.Module):
    r"""Standard normal numbers with a correlation matrix that depends on the energy.

    $u \sim N(0, R(t))$ in `bins` equal intervals of t, restricted to a box: the intervals that
    bits, or an empty layer, leave to each number. Numbers in a box are drawn one after another
    from their exact conditional distributions (Gibbs), a given number of rounds.

    Arguments:
        n_quantities: number of quantities.
        bins: intervals of t with a matrix of their own.
        bandwidth: standard deviation of the weights that showers around an interval have.
        shrink: how far a matrix is shrunk towards no correlation, where showers are many.
        ordered: draws begin with numbers that know those before them, the last quantity first,
            in place of independent ones: the rounds have less left to do.
    """

    FEWEST_PER_QUANTITY = 4.0
    """Showers per quantity below which a window widens: a matrix of fewer is mostly noise."""

    correlation: Tensor

    def __init__(
        self,
        n_quantities: int,
        bins: int = 16,
        bandwidth: float = 0.06,
        *,
        shrink: float = 0.01,
        ordered: bool = False,
    ) -> None:
        super().__init__()
        self.bins, self.bandwidth, self.ordered = bins, bandwidth, ordered
        self.shrink = shrink
        self.register_buffer("correlation", torch.eye(n_quantities).repeat(bins, 1, 1))

    @torch.no_grad()
    def fit(self, interval: Interval, t: Energies, uniform: Uniform, rounds: int = 8) -> None:
        """Estimate the matrices; numbers known only up to an interval are drawn in turn.

        A matrix is shrunk towards no correlation, by more than `shrink` where all showers
        together are fewer than four for each quantity.
        """
        u, ends = self._start(interval, uniform)
        wanted = self.FEWEST_PER_QUANTITY * u.shape[1]
        centres = (np.arange(self.bins) + 0.5) / self.bins
        weights = [window(t[:, 0].double() - c, self.bandwidth, wanted) for c in centres]
        shrinks = [max(self.shrink, 1 - effective_number(w) / wanted) for w in weights]
        for _ in range(rounds):
            for k, (w, shrink) in enumerate(zip(weights, shrinks, strict=True)):
                weight = w.numpy()[:, None]
                second = (u * weight).T @ u / weight.sum()
                scale = np.sqrt(second.diagonal()).clip(min=1e-6)
                matrix = (1 - shrink) * second / scale / scale[:, None]
                np.fill_diagonal(matrix, 1.0)
                self.correlation[k] = torch.from_numpy(matrix)
            gibbs_in_box(u, *ends, *self._precision(t), self._uniform(uniform, len(u), 1))

    @torch.no_grad()
    def draw(
        self, interval: Interval, t: Energies, uniform: Uniform, rounds: int, leading: int = 0
    ) -> Quantities:
        """Draw numbers inside their intervals; computed on the CPU.

        Leading numbers keep their own joint distribution in their own intervals, whatever the
        intervals of the others say; without any, the distribution is that of all numbers in the
        whole box.

        Arguments:
            interval: lower and upper end of each number.
            t: scaled incident energies.
            uniform: gives uniform numbers of a shape.
            rounds: Gibbs rounds over all quantities, from independent numbers in the box.
            leading: how many of the last quantities are drawn first, the others given them.
        """
        if self.ordered:
            return self._draw_ordered(interval, t, uniform, rounds, leading)
        u, (low, high) = self._start(interval, uniform)
        draws = self._uniform(uniform, len(u), rounds)
        if leading:
            first, least, most, numbers = (
                np.ascontiguousarray(part[..., -leading:]) for part in (u, low, high, draws)
            )
            gibbs_in_box(first, least, most, *self._precision(t, leading), numbers)
            for part in (u, low, high):
                part[:, -leading:] = first
        gibbs_in_box(u, low, high, *self._precision(t), draws)
        return torch.from_numpy(u).to(t.device)

    @torch.no_grad()
    def log_probability(
        self, interval: Interval, t: Energies, uniform: Uniform, draws: int
    ) -> Float[Tensor, " batch"]:
        """Estimate the logarithm of the probability of boxes, from a number of draws each."""
        low, high = (end.double().cpu().numpy()[:, ::-1].copy() for end in interval)
        root, number = self._root(t)
        made = []
        for _ in range(draws):
            numbers = self._uniform(uniform, len(t), 1)[:, 0]
            made.append(draw_in_order(low, high, root, number, numbers)[1])
        return torch.logsumexp(torch.from_numpy(np.stack(made)), dim=0) - math.log(draws)

    def _draw_ordered(
        self, interval: Interval, t: Energies, uniform: Uniform, rounds: int, leading: int
    ) -> Quantities:
        low, high = (end.double().cpu().numpy().copy() for end in interval)
        first = self._uniform(uniform, len(low), 1)[:, 0]
        least, most = (np.ascontiguousarray(end[:, ::-1]) for end in (low, high))
        drawn, _ = draw_in_order(least, most, *self._root(t), first)
        u = np.ascontiguousarray(drawn[:, ::-1])
        if leading:
            low[:, -leading:] = high[:, -leading:] = u[:, -leading:]
        draws = self._uniform(uniform, len(u), rounds)
        gibbs_in_box(u, low, high, *self._precision(t), draws)
        return torch.from_numpy(u).to(t.device)

    def _root(self, t: Energies) -> tuple[np.ndarray, np.ndarray]:
        """Cholesky factor of the quantities in reversed order, and each shower's bin."""
        number = (t[:, 0] * self.bins).long().clamp(0, self.bins - 1)
        backwards = self.correlation.flip(1, 2).double().cpu()
        return torch.linalg.cholesky(backwards).numpy(), number.cpu().numpy()

    def _start(self, interval: Interval, uniform: Uniform) -> tuple[np.ndarray, Ends]:
        """Draw every number in its interval as if there were no correlation."""
        low, high = (end.double().cpu().numpy().copy() for end in interval)
        u = np.zeros_like(low)
        alone = np.eye(low.shape[1])[None]
        draws = self._uniform(uniform, len(u), 1)
        fixed = low == high
        u[fixed] = low[fixed]
        gibbs_in_box(u, low, high, alone, np.zeros(len(u), dtype=np.int64), draws)
        return u, (low, high)

    def _precision(self, t: Energies, last: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Inverse correlation of the last quantities (0: of all), and each shower's bin."""
        number = (t[:, 0] * self.bins).long().clamp(0, self.bins - 1)
        inverse = torch.linalg.inv(self.correlation[:, -last:, -last:].double())
        return inverse.cpu().numpy(), number.cpu().numpy()

    def _uniform(self, uniform: Uniform, rows: int, rounds: int) -> np.ndarray:
        return uniform(rows, rounds, self.correlation.shape[1]).double().cpu().numpy()
