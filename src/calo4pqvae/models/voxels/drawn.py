"""Voxels drawn one by one from a learnt distribution."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from calo4pqvae._core.rng import RandomSource
from calo4pqvae._core.typing import IncidentEnergy, Showers
from calo4pqvae.errors import ConfigError
from calo4pqvae.models.vae.relax import draw_bits
from calo4pqvae.models.voxels.base import Outputs, Terms, VoxelModel, cross_entropy, per_shower
from calo4pqvae.models.voxels.quantiles import QuantileTable
from calo4pqvae.models.voxels.truncated_normal import (
    logit_of_truncated_normal,
    truncated_normal,
)

__all__ = ["DrawnVoxels"]


class DrawnVoxels(VoxelModel):
    r"""Voxels drawn one by one: a hit, then its energy above the readout threshold.

    With $y = \ln(v / v_0)$ and the threshold $v_0$, a hit has $y > 0$ from a normal
    distribution $N(\mu_i, \sigma_i)$ cut at zero, $\sigma_i$ between 0.05 and 3. What the cut
    normal misses is learnt after training as a table: quantiles of the probability transform
    $F_i(y)$ on training showers, for each ring in bins of $\mu$. Drawing from the table
    instead of a uniform number makes the spectrum right in every bin.

    Arguments:
        threshold: readout threshold $v_0$ [MeV], above zero.
        n_rings: number of rings of the cylinder.

    Raises:
        ConfigError: the geometry has no threshold.
    """

    n_outputs = 3
    WIDTHS = (0.05, 3.0)

    def __init__(self, threshold: float, n_rings: int) -> None:
        super().__init__()
        if not threshold > 0:
            raise ConfigError(
                "drawn voxels need a geometry with a readout threshold above zero; "
                "set one or take the point voxels",
                remedy="threshold",
            )
        self.threshold = threshold
        self.quantiles = QuantileTable(n_rings)

    def loss(
        self,
        outputs: Outputs,
        showers: Showers,
        e_inc: IncidentEnergy,  # noqa: ARG002
        noise: RandomSource,  # noqa: ARG002
        sharpness: float,  # noqa: ARG002
    ) -> Terms:
        """Compute ``values`` and ``hits``, negative log-likelihoods [nats]."""
        logit, mu, sigma = self._split(outputs)
        hits = showers > 0
        y = self._log_energy(showers, hits)
        pull = (y - mu) / sigma
        nll = pull**2 / 2 + torch.log(sigma) + torch.special.log_ndtr(mu / sigma)
        return {
            "values": per_shower(torch.where(hits, nll, 0.0)),
            "hits": per_shower(cross_entropy(logit, hits)),
        }

    def draw(self, outputs: Outputs, e_inc: IncidentEnergy, noise: RandomSource) -> Showers:
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
        y = truncated_normal(mean, sigma, survival).clamp(min=0)
        return torch.zeros_like(mu).masked_scatter(hits, self.threshold * torch.exp(y))

    @property
    def table(self) -> QuantileTable:
        """Quantiles of the probability transform."""
        return self.quantiles

    def measured(
        self,
        outputs: Outputs,
        showers: Showers,
        e_inc: IncidentEnergy,  # noqa: ARG002
    ) -> tuple[Float[Tensor, " hits"], Float[Tensor, " hits"], Int[Tensor, " hits"]]:
        """Evaluate mu, logit F(y) and ring of every hit."""
        _, mu, sigma = self._split(outputs)
        hits = showers > 0
        y = self._log_energy(showers, hits)
        logit = logit_of_truncated_normal(y[hits], mu[hits], sigma[hits])
        ring = torch.arange(mu.shape[3], device=mu.device).expand(mu.shape)
        return mu[hits], logit, ring[hits]

    def _split(self, outputs: Outputs) -> tuple[Showers, Showers, Showers]:
        logit, mu, width = outputs.unbind(dim=1)
        return logit, mu, self._sigma(width)

    def _sigma(self, width: Tensor) -> Tensor:
        low, high = self.WIDTHS
        return low + (high - low) * torch.sigmoid(width)

    def _log_energy(self, showers: Showers, hits: Bool[Tensor, "..."]) -> Showers:
        return torch.log(torch.where(hits, showers / self.threshold, 1.0))
