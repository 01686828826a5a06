"""Energies of the hits of a layer that share what the layer holds."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from calo4pqvae.errors import ConfigError
from calo4pqvae.models.voxels.quantiles import QuantileTable
from calo4pqvae.models.voxels.truncated_normal import (
    LEAST_UNIFORM,
    logit_of_truncated_normal,
    truncated_normal,
)

__all__ = ["SharedVoxels", "Shares"]

Layer = Float[Tensor, "*batch alpha r"]
Hits = Bool[Tensor, "*batch alpha r"]
Numbers = Float[Tensor, "*batch"]

LARGEST_Y = 25.0
"""Largest y = ln(v / v0): no hit takes e^25 thresholds, and a float holds e^y."""

LARGEST_STEP, ROUNDS = 1.5, 6
"""Largest step of the numbers that are moved until the sum is right [standard deviations], and
steps at most: of two the sum is mostly within a percent, and `_fit` makes up the rest."""

CLOSE = 0.01
"""Distance of the logarithm of the sum from the wanted one at which the steps end."""

KAPPA = 0.2
"""Share of the direction's width that counts: at 0 a hit that takes nearly all has no width."""


@dataclass(frozen=True, eq=False)
class Shares:
    """A group of voxels and what is left for it.

    Attributes:
        energies: voxel energies [MeV].
        left: energy of this group and those after it [MeV].
        n_left: their hits.
        last: whether no group after this one has hits.
    """

    energies: Layer
    left: Numbers
    n_left: Numbers
    last: Bool[Tensor, "*batch"]

    @property
    def hits(self) -> Hits:
        """Voxels with energy."""
        return self.energies > 0

    def room(self, threshold: float) -> Numbers:
        """Most that one hit can take: what is left, less the thresholds of the others [MeV]."""
        return (self.left - threshold * (self.n_left - 1)).clamp(min=threshold)

    def log_energies(self, threshold: float) -> Layer:
        """Give y, or y~ where the group is not the last one."""
        energies = torch.where(self.hits, self.energies, threshold)
        share = (energies / self.room(threshold)[..., None, None]).clamp(max=1 - 1e-4)
        y = torch.log(energies / threshold)
        return torch.where(self.last[..., None, None], y, y - torch.log1p(-share))


class SharedVoxels(nn.Module):
    r"""Distribution of the energies of a group of hits, of which an amount R is left to share.

    Unless the group is the last one with hits, each hit is drawn for itself: with
    $y = \ln(v / v_0)$, $\tilde y = y - \ln(1 - v / R')$ has a normal distribution
    $N(\mu_i, \sigma_i)$ cut at zero, where R' is R less the threshold $v_0$ of all other hits
    that are left, so that no hit takes more than there is.

    The last group has to make up R, which takes away one degree of freedom: the direction
    $a_i = v_i \sigma_i$ in which the sum changes fastest. As in a restricted likelihood, its
    width does not count: with $z_i = (y_i - \mu_i) / \sigma_i$ the loss is

    $\sum [\tfrac12 z_i^2 + \ln \sigma_i + \ln \Phi(\mu_i / \sigma_i)] -
    (1 - \kappa) \ln (|a| / R)$

    with $\kappa$ = 0.2, so that a hit that takes nearly all of R has a width at all. Draws
    begin with free numbers and are moved along a until the sum is right: to first order, a
    condition on Gaussian numbers is imposed in that way.

    What the normal distribution misses is learnt after training as a table: quantiles of the
    probability transform on training showers, for each ring in bins of $\mu$.

    Arguments:
        threshold: readout threshold $v_0$ [MeV], above zero.
        n_rings: number of rings of the cylinder.

    Raises:
        ConfigError: the geometry has no threshold.
    """

    WIDTHS = (0.05, 3.0)

    def __init__(self, threshold: float, n_rings: int) -> None:
        super().__init__()
        if not threshold > 0:
            raise ConfigError(
                "voxels that share a layer's energy need a geometry with a readout threshold "
                "above zero",
                remedy="threshold",
            )
        self.threshold = threshold
        self.quantiles = QuantileTable(n_rings)

    def loss(self, mu: Layer, width: Layer, group: Shares) -> Numbers:
        """Compute the negative log-likelihood of each group's energies [nats]."""
        sigma, hits = self._sigma(width), group.hits
        y = group.log_energies(self.threshold)
        free = (y - mu) / sigma
        nll = free**2 / 2 + torch.log(sigma) + torch.special.log_ndtr(mu / sigma)
        alone = _sum(torch.where(hits, nll, 0.0))
        share = group.energies / group.left.clamp(min=self.threshold)[..., None, None]
        moved = _sum((share * sigma) ** 2)
        known = torch.log(torch.where(moved > 0, moved, 1.0)) / 2
        return alone - torch.where(group.last, (1 - KAPPA) * known, 0.0)

    @property
    def table(self) -> QuantileTable:
        """Quantiles of the probability transform."""
        return self.quantiles

    def transform(
        self, mu: Layer, width: Layer, group: Shares
    ) -> tuple[Float[Tensor, " hits"], Float[Tensor, " hits"], Int[Tensor, " hits"]]:
        """Evaluate mu, logit F and ring of hits drawn for themselves, for `quantiles.fit`."""
        used = group.hits & ~group.last[..., None, None]
        y = group.log_energies(self.threshold)[used]
        mean, sigma = mu[used], self._sigma(width[used])
        ring = torch.arange(mu.shape[-1], device=mu.device).expand(mu.shape)
        return mean, logit_of_truncated_normal(y, mean, sigma), ring[used]

    def draw(self, mu: Layer, width: Layer, hits: Hits, group: Shares, uniform: Layer) -> Layer:
        """Draw energies of the hits [MeV]; the energies of `group` are not looked at.

        The last group with hits takes all that is left, any other leaves the threshold for
        each hit after it.
        """
        drawn = self._draw(mu, self._sigma(width), hits, group, uniform)
        return _fit(drawn, group, self.threshold)

    def _draw(
        self, mu: Layer, sigma: Layer, hits: Hits, group: Shares, uniform: Layer
    ) -> Layer:
        place = hits.flatten().nonzero()[:, 0]
        row = place // (hits.shape[-2] * hits.shape[-1])

        def of_hits(x: Tensor) -> Tensor:
            return x.flatten().index_select(0, place)

        mean = of_hits(mu)
        entry = self.quantiles.rows(mean, place % hits.shape[-1])
        distribution = _HitDistribution(
            self.threshold, self.quantiles, mean, of_hits(sigma), entry
        )
        w = torch.special.ndtri(of_hits(uniform))
        v = distribution.energies(w)
        drawn = (v / (1 + v / group.room(self.threshold)[row])).clamp(min=self.threshold)
        final = group.last[row].nonzero()[:, 0]
        if len(final):
            drawn[final] = distribution.at(final).condition(
                w[final], v[final], row[final], group.left
            )
        return mu.new_zeros(mu.numel()).index_copy(0, place, drawn).view(mu.shape)

    def _sigma(self, width: Tensor) -> Tensor:
        low, high = self.WIDTHS
        return low + (high - low) * torch.sigmoid(width)


@dataclass(frozen=True, eq=False)
class _HitDistribution:
    """Marginal distributions of single hits, as functions of a standard normal number."""

    threshold: float
    quantiles: QuantileTable
    mu: Float[Tensor, " hits"]
    sigma: Float[Tensor, " hits"]
    entry: Int[Tensor, " hits"]

    def at(self, chosen: Int[Tensor, " chosen"]) -> "_HitDistribution":
        """Distributions of some of the hits."""
        mine = (self.mu[chosen], self.sigma[chosen], self.entry[chosen])
        return _HitDistribution(self.threshold, self.quantiles, *mine)

    def energies(self, w: Tensor) -> Tensor:
        """Energies [MeV], rising in w."""
        uniform = torch.special.ndtr(w).clamp(LEAST_UNIFORM, 1 - LEAST_UNIFORM)
        survival = torch.sigmoid(-self.quantiles.read(self.entry, uniform))
        y = truncated_normal(self.mu, self.sigma, survival).clamp(0, LARGEST_Y)
        return self.threshold * torch.exp(y)

    def condition(self, w: Tensor, v: Tensor, row: Tensor, left: Numbers) -> Tensor:
        """Move w along the direction in which the sum moves, until it is near `left`.

        The first step takes the slope from the widths, later ones from what the step before
        did.
        """

        def total(x: Tensor) -> Tensor:
            return torch.zeros_like(left).index_add(0, row, x)

        slope = v * self.sigma
        direction = slope / total(slope**2).sqrt().clamp(min=1e-12)[row]
        moved, step, before = (torch.zeros_like(left) for _ in range(3))
        far = torch.ones_like(left, dtype=torch.bool)
        for _ in range(ROUNDS):
            now = total(v)
            gap = torch.where(now > 0, torch.log(left / now.clamp(min=1e-9)), 0.0)
            far = far & (gap.abs() >= CLOSE)
            steep = total(v * self.sigma * direction) / now.clamp(min=self.threshold)
            steep = torch.where((before - gap) * step > 0, (before - gap) / step, steep)
            step = (gap / steep.clamp(min=1e-3)).clamp(-LARGEST_STEP, LARGEST_STEP)
            moved, before = moved + step, gap
            v = torch.where(far[row], self.energies(w + moved[row] * direction), v)
        return v


def _fit(drawn: Layer, group: Shares, threshold: float) -> Layer:
    """Scale what lies above the threshold: to what is left if last, or if it is too much."""
    total, n = _sum(drawn), (drawn > 0).flatten(start_dim=-2).sum(dim=-1)
    most = group.left - threshold * (group.n_left - n)
    factor = (most - threshold * n).clamp(min=0) / (total - threshold * n).clamp(min=1e-9)
    factor = torch.where(group.last | (total > most), factor, 1.0)[..., None, None]
    return torch.where(drawn > 0, threshold + (drawn - threshold) * factor, 0.0)


def _sum(voxels: Layer) -> Numbers:
    return voxels.sum(dim=(-2, -1))
