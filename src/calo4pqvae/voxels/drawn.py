"""Voxels drawn one by one from a learnt distribution."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from calo4pqvae.errors import ConfigError
from calo4pqvae.nn.relax import draw_bits
from calo4pqvae.random import SharedNoise
from calo4pqvae.shapes import IncidentEnergy, Showers
from calo4pqvae.voxels.base import Outputs, Terms, VoxelModel, cross_entropy, per_shower
from calo4pqvae.voxels.quantiles import QuantileTable

__all__ = ["DrawnVoxels"]


class DrawnVoxels(VoxelModel):
    r"""Voxels drawn one by one: a hit, then its energy above the readout threshold.

    With $y = \ln(v / v_0)$ and the threshold $v_0$, a hit has $y > 0$ from a normal
    distribution $N(\mu_i, \sigma_i)$ cut at zero, $\sigma_i$ between 0.05 and 3. What the cut
    normal misses is learnt after training as a table: quantiles of the probability transform
    $F_i(y)$ on training showers, for each ring in bins of $\mu$. Drawing from the table
    instead of a uniform number makes the spectrum right in every bin.

    Where layers are scaled to a known energy after the draw, only the ratios inside a layer
    count. With a common scale $\tau$ the loss allows each layer a factor $e^c$ of its own,
    $c \sim N(0, \tau)$, integrated in closed form: with the residuals $r_i = y_i - \mu_i$ of
    the layer's hits, $B = \sum r_i / \sigma_i^2$ and $C = \sum 1 / \sigma_i^2$, the negative
    log-likelihood changes by $\ln(1 + \tau^2 C) / 2 - B^2 / 2 (C + \tau^{-2})$. Without it,
    independent draws that are scaled afterwards would fluctuate too little. The loss then
    leaves the cut at zero out, since a factor moves it (cut and factor together would have
    no lower bound); draws keep it.

    Arguments:
        threshold: readout threshold $v_0$ [MeV], above zero.
        n_rings: number of rings of the cylinder.
        common_scale: $\tau$; 0 if layers are not scaled after the draw.

    Raises:
        ConfigError: the geometry has no threshold.
    """

    n_outputs = 3
    WIDTHS = (0.05, 3.0)

    def __init__(self, threshold: float, n_rings: int, common_scale: float = 0.0) -> None:
        super().__init__()
        self.common_scale = common_scale
        if not threshold > 0:
            raise ConfigError(
                "drawn voxels need a geometry with a readout threshold above zero; "
                "set one or take the point voxels"
            )
        self.threshold = threshold
        self.quantiles = QuantileTable(n_rings)

    def loss(
        self,
        outputs: Outputs,
        showers: Showers,
        e_inc: IncidentEnergy,  # noqa: ARG002
        noise: SharedNoise,  # noqa: ARG002
        sharpness: float,  # noqa: ARG002
    ) -> Terms:
        """Compute ``values`` and ``hits``, negative log-likelihoods [nats]."""
        logit, mu, sigma = self._split(outputs)
        hits = showers > 0
        y = self._log_energy(showers, hits)
        pull = (y - mu) / sigma
        nll = pull**2 / 2 + torch.log(sigma)
        if not self.common_scale:
            nll = nll + torch.special.log_ndtr(mu / sigma)
        values = per_shower(torch.where(hits, nll, 0.0))
        if self.common_scale:
            shift, weight = self._common_shift(y - mu, sigma, hits)
            gain = torch.log(weight * self.common_scale**2) / 2 - weight * shift**2 / 2
            values = values + gain.sum() / len(showers)
        return {
            "values": values,
            "hits": per_shower(cross_entropy(logit, hits)),
        }

    def draw(self, outputs: Outputs, e_inc: IncidentEnergy, noise: SharedNoise) -> Showers:
        """Draw hits, none below the threshold or above the incident energy."""
        logit, mu, width = outputs.unbind(dim=1)
        hits = draw_bits(logit, noise.uniform(*logit.shape)) > 0
        energies = self.draw_energies(mu, width, hits, noise.uniform(*mu.shape))
        return torch.minimum(energies, e_inc[:, :, None, None])

    def draw_energies(
        self, mu: Showers, width: Showers, hits: Bool[Tensor, "..."], uniform: Showers
    ) -> Showers:
        """Draw the energy of each hit [MeV]; other voxels are zero."""
        ring = torch.arange(mu.shape[3], device=mu.device).expand(mu.shape)[hits]
        mean, sigma = mu[hits], self._sigma(width[hits])
        survival = torch.sigmoid(-self.quantiles.at(mean, uniform[hits], ring))
        y = _cut_normal(mean, sigma, survival).clamp(min=0)
        return torch.zeros_like(mu).masked_scatter(hits, self.threshold * torch.exp(y))

    def probability_transform(
        self,
        outputs: Outputs,
        showers: Showers,
        uniform: Float[Tensor, "batch layer"] | None = None,
    ) -> tuple[Float[Tensor, " hits"], Float[Tensor, " hits"], Int[Tensor, " hits"]]:
        """Evaluate mu, logit F(y) and ring of every hit, the material of `quantiles.fit`.

        The common factor of each layer is drawn given the layer, by a uniform number; without
        such numbers there is none.
        """
        _, mu, sigma = self._split(outputs)
        hits = showers > 0
        y = self._log_energy(showers, hits)
        if uniform is not None:
            shift, weight = self._common_shift(y - mu, sigma, hits)
            shift = shift + torch.special.ndtri(uniform) / weight.sqrt()
            y = (y - shift[:, :, None, None]).clamp(min=0)
        log_survival = torch.special.log_ndtr((mu - y) / sigma)
        log_survival = log_survival - torch.special.log_ndtr(mu / sigma)
        log_survival = log_survival[hits].clamp(max=-(2.0**-24))
        logit = torch.log(-torch.expm1(log_survival)) - log_survival
        ring = torch.arange(mu.shape[3], device=mu.device).expand(mu.shape)
        return mu[hits], logit, ring[hits]

    def _common_shift(
        self, residual: Showers, sigma: Showers, hits: Bool[Tensor, "..."]
    ) -> tuple[Float[Tensor, "batch layer"], Float[Tensor, "batch layer"]]:
        """Mean and inverse variance of each layer's c given its hits."""
        weight = torch.where(hits, sigma**-2, 0.0)
        total = weight.sum(dim=(2, 3)) + self.common_scale**-2
        return (weight * residual).sum(dim=(2, 3)) / total, total

    def _split(self, outputs: Outputs) -> tuple[Showers, Showers, Showers]:
        logit, mu, width = outputs.unbind(dim=1)
        return logit, mu, self._sigma(width)

    def _sigma(self, width: Tensor) -> Tensor:
        low, high = self.WIDTHS
        return low + (high - low) * torch.sigmoid(width)

    def _log_energy(self, showers: Showers, hits: Bool[Tensor, "..."]) -> Showers:
        return torch.log(torch.where(hits, showers / self.threshold, 1.0))


def _cut_normal(mu: Tensor, sigma: Tensor, survival: Tensor) -> Tensor:
    """Solve P(Y > y | Y > 0) = survival for Y from N(mu, sigma).

    Where the cut lies over ten sigma out, ndtri leaves the range of float32; the leading
    term of the tail is then good to 1 %.
    """
    survival = survival.clamp(min=2.0**-24)
    tail = (survival * torch.special.ndtr(mu / sigma)).clamp(1e-37, 1 - 2.0**-24)
    near = mu - sigma * torch.special.ndtri(tail)
    cut, drop = -mu / sigma, -2 * torch.log(survival)
    far = sigma * drop / (cut.clamp(min=1) + torch.sqrt(cut**2 + drop))
    return torch.where(cut > 10, far, near)
