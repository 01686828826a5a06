"""Distribution of each longitudinal quantity given the incident energy, as tables."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from calo4pqvae.errors import ConfigError
from calo4pqvae.models.autoregressive.layer_energies.window import (
    NEGLIGIBLE,
    effective_number,
    window,
)

__all__ = ["ConditionalQuantiles", "Energies", "Interval", "Quantities"]

Quantities = Float[Tensor, "batch quantities"]
Energies = Float[Tensor, "batch 1"]
Interval = tuple[Quantities, Quantities]

_RIDGE, _NEWTON_STEPS, _LARGEST_LOGIT = 1e-5, 15, 11.5

CERTAIN = 2e-5
"""Probabilities of absence nearer to 0 or 1 than this stand at the bound of the logit
(1e-5): no shower around told otherwise, and the quantity is always, or never, present."""


class ConditionalQuantiles(nn.Module):
    r"""Quantiles of quantities x that are present or absent, given the scaled energy t.

    A quantity is absent (a layer is empty) with probability $p_0(t)$; otherwise its
    distribution is $F(x|t)$. Both are tables over evenly spaced energies, linear in between. On
    the scale of a standard normal number, $u = \Phi^{-1}(p_0 + (1 - p_0) F(x|t))$; an absent
    quantity is any u below $\Phi^{-1}(p_0)$.

    Each table entry is estimated from showers weighted by a Gaussian in t (`window`), of which
    at least fifty have a say. Trends are local straight lines: that of x is taken out before
    the quantiles are read off, $p_0$ is that of a logistic regression. Energies without showers
    are reached by continuing these lines, never further than one range of x beyond what was
    seen. A quantity that no shower around an energy has is never present there.

    Arguments:
        n_quantities: number of quantities.
        knots: energies of the table.
        bandwidth: standard deviation of the weights, in units of t.
    """

    REACH, STEP = 3.4, 0.2
    FEWEST = 50.0

    table: Tensor
    absent: Tensor

    def __init__(self, n_quantities: int, knots: int = 25, bandwidth: float = 0.04) -> None:
        super().__init__()
        self.bandwidth = bandwidth
        scale = self._scale(torch.zeros(()))
        self.register_buffer("table", scale.repeat(knots, n_quantities, 1))
        self.register_buffer("absent", torch.full((knots, n_quantities), -12.0))

    def fit(
        self, x: Quantities, present: Bool[Tensor, "batch quantities"], t: Energies
    ) -> None:
        """Fill the tables from showers.

        Raises:
            ConfigError: fewer than fifty showers in all.
        """
        if len(x) < self.FEWEST:
            raise ConfigError(f"{len(x)} showers are too few to learn layer energies from")
        t, x = t[:, 0].double(), x.double()
        for k, knot in enumerate(torch.linspace(0, 1, len(self.table)).tolist()):
            weight = window(t - knot, self.bandwidth, self.FEWEST)
            self.absent[k] = _local_logit(t - knot, weight, ~present)
            for q in range(x.shape[1]):
                self._fit_entry(k, q, t - knot, x[:, q], present[:, q])

    def absence(self, t: Energies) -> Quantities:
        """Probability of absence at scaled energies t."""
        return torch.sigmoid(self._between(self.absent, t))

    def to_normal(
        self, x: Quantities, present: Bool[Tensor, "batch quantities"], t: Energies
    ) -> Interval:
        """Put quantities on the normal scale: both ends alike, or below u(p_0) if absent."""
        table, scale = self._between(self.table, t), self._scale(x)
        above = (table < x[..., None].double()).sum(dim=2).clamp(1, len(scale) - 1)
        low, high = (table.gather(2, (above - n)[..., None])[..., 0] for n in (1, 0))
        part = ((x - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)
        z = scale[above - 1] + self.STEP * part
        absence = self.absence(t)
        survival = (1 - absence) * torch.special.ndtr(-z)
        u = -torch.special.ndtri(survival)
        edge = torch.special.ndtri(absence)
        never = torch.full_like(u, -torch.inf)
        return torch.where(present, u, never), torch.where(present, u, edge)

    def from_normal(
        self, u: Quantities, t: Energies
    ) -> tuple[Quantities, Bool[Tensor, "batch quantities"]]:
        """Turn normal numbers into quantities, and say which are present."""
        table, absence = self._between(self.table, t), self.absence(t)
        present = u > torch.special.ndtri(absence)
        present = (present | (absence < CERTAIN)) & (absence < 1 - CERTAIN)
        survival = (torch.special.ndtr(-u) / (1 - absence)).clamp(1e-6, 1 - 1e-6)
        place = (self.REACH - torch.special.ndtri(survival)) / self.STEP
        place = place.clamp(0, table.shape[2] - 1.001)
        below = place.long()[..., None]
        low, high = (table.gather(2, below + n)[..., 0] for n in (0, 1))
        return torch.lerp(low, high, place - place.floor()), present

    def _fit_entry(self, k: int, q: int, gap: Tensor, x: Tensor, present: Tensor) -> None:
        if not bool(present.any()):
            return
        mine = window(gap[present], self.bandwidth, self.FEWEST)
        near = mine > NEGLIGIBLE
        w, g, y = mine[near] / mine[near].sum(), gap[present][near], x[present][near]
        flat, order = (y - _local_slope(w, g, y) * g).sort()
        row = self._quantiles(flat, w[order])
        room = y.max() - y.min()
        row = row.clamp(y.min() - room, y.max() + room)
        self.table[k, q] = row + 1e-6 * torch.arange(len(row))

    def _quantiles(self, ranked: Tensor, weight: Tensor) -> Tensor:
        """Read the levels of the scale off weighted values in rising order."""
        rank = weight.cumsum(0) - weight / 2
        levels = torch.special.ndtr(self._scale(rank))
        if len(rank) == 1:
            return ranked.expand(len(levels))
        above = torch.searchsorted(rank, levels).clamp(1, len(rank) - 1)
        part = ((levels - rank[above - 1]) / (rank[above] - rank[above - 1])).clamp(0, 1)
        return torch.lerp(ranked[above - 1], ranked[above], part)

    def _scale(self, like: Tensor) -> Tensor:
        n = round(2 * self.REACH / self.STEP) + 1
        return torch.linspace(-self.REACH, self.REACH, n, device=like.device).double()

    def _between(self, table: Tensor, t: Energies) -> Tensor:
        place = t[:, 0].double().clamp(0, 1) * (len(table) - 1)
        below = place.long().clamp(max=len(table) - 2)
        part = (place - below).view(-1, *[1] * (table.ndim - 1))
        return torch.lerp(table[below].double(), table[below + 1].double(), part)


def _local_slope(
    weight: Float[Tensor, " showers"],
    gap: Float[Tensor, " showers"],
    y: Float[Tensor, " showers"],
) -> Tensor:
    r"""Estimate the slope of y, shrunk where it would be extrapolated from too short a lever.

    The error of a straight line at gap 0 is $s \sqrt{(1 + \bar g^2 / S) / n}$ with the
    variance S of the gaps: $\bar g^2 / n$ beside S leaves lines alone that are known well
    where they are used, and takes back those of few showers, or of showers of one energy, far
    away.
    """
    g_mean, y_mean = weight @ gap, weight @ y
    lever = weight @ (gap - g_mean) ** 2 + g_mean**2 / effective_number(weight)
    return (weight @ ((gap - g_mean) * (y - y_mean))) / lever.clamp(min=1e-12)


def _local_logit(
    gap: Float[Tensor, " showers"],
    weight: Float[Tensor, " showers"],
    happens: Bool[Tensor, "showers events"],
) -> Float[Tensor, " events"]:
    """Estimate the logit of each event's probability at gap 0, locally linear in the gap."""
    near = weight > NEGLIGIBLE
    w = weight[near, None] / weight[near].sum()
    y, x = happens[near].double(), torch.ones(int(near.sum()), 2).double()
    x[:, 1] = gap[near] / (w[:, 0] @ gap[near] ** 2).sqrt().clamp(min=1e-12)
    ridge = torch.tensor([0.0, _RIDGE]).double()
    line = torch.zeros(2, y.shape[1]).double()
    line[0] = torch.logit((w * y).sum(dim=0), 1e-5)
    for _ in range(_NEWTON_STEPS):
        p = torch.sigmoid(x @ line)
        rise = x.T @ (w * (y - p)) - ridge[:, None] * line
        curve = torch.einsum("na,nb,nq->qab", x, x, w * p * (1 - p))
        curve = curve + torch.diag(ridge + 1e-9)
        line = line + torch.linalg.solve(curve, rise.T[..., None])[..., 0].T.clamp(-1, 1)
    return line[0].clamp(-_LARGEST_LOGIT, _LARGEST_LOGIT)
