"""From the decoder's numbers to voxel energies: what a voxel is, given its parameters.

Two models. `PointVoxels` is the paper's: a hit mask times a value. `DrawnVoxels` draws the
value of each hit from a learnt distribution, which the spread of real deposits needs.
"""

from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from calo4pqvae.data.transforms import from_logits, to_logits
from calo4pqvae.errors import ConfigError
from calo4pqvae.nn.relax import draw_bits, relaxed_bits
from calo4pqvae.random import SharedNoise
from calo4pqvae.shapes import IncidentEnergy, Showers

__all__ = ["DrawnVoxels", "PointVoxels", "VoxelModel"]

Outputs = Float[Tensor, "batch outputs layer alpha r"]
Terms = dict[str, Float[Tensor, ""]]


class VoxelModel(nn.Module):
    """Base of voxel models: the number of decoder outputs, a loss, and a draw."""

    n_outputs: int

    def loss(
        self,
        outputs: Outputs,
        showers: Showers,
        e_inc: IncidentEnergy,
        noise: SharedNoise,
        sharpness: float,
    ) -> Terms:
        """Compute the named loss terms: sums over voxels, means over the batch."""
        raise NotImplementedError  # pragma: no cover - interface

    def draw(self, outputs: Outputs, e_inc: IncidentEnergy, noise: SharedNoise) -> Showers:
        """Draw voxel energies [MeV]."""
        raise NotImplementedError  # pragma: no cover - interface


class PointVoxels(VoxelModel):
    r"""The paper's voxels: value times mask, in the variable x of eq. (1).

    The loss is $w \sum_i e^{k x_i} (x_i - m_i \hat x_i)^2$ plus the cross-entropy of the
    mask; $m_i$ is a relaxed bit whose sharpness grows in training. In generation the mask is
    a drawn bit.

    Arguments:
        weight: w, the weight of the squared error.
        exponent: k, how strongly energetic voxels count (0: all alike).

    Source: seed paper, section 3; w = 0.01 and k = 0.5 are those of the authors' code.
    """

    n_outputs = 2

    def __init__(self, weight: float = 0.01, exponent: float = 0.5) -> None:
        super().__init__()
        self.weight, self.exponent = weight, exponent

    def loss(
        self,
        outputs: Outputs,
        showers: Showers,
        e_inc: IncidentEnergy,
        noise: SharedNoise,
        sharpness: float,
    ) -> Terms:
        """Compute ``values`` (weighted squared error) and ``hits`` (cross-entropy)."""
        x = to_logits(showers, e_inc)
        logit, value = outputs[:, 0], softplus(outputs[:, 1])
        mask = relaxed_bits(logit, noise.uniform(*logit.shape), sharpness)
        error = torch.exp(self.exponent * x) * (x - mask * value) ** 2
        return {
            "values": self.weight * _per_shower(error),
            "hits": _per_shower(_cross_entropy(logit, showers > 0)),
        }

    def draw(self, outputs: Outputs, e_inc: IncidentEnergy, noise: SharedNoise) -> Showers:
        """Draw the mask, multiply, and invert eq. (1)."""
        logit, value = outputs[:, 0], softplus(outputs[:, 1])
        hits = draw_bits(logit, noise.uniform(*logit.shape))
        return from_logits(hits * value, e_inc)


class DrawnVoxels(VoxelModel):
    r"""Voxels drawn one by one: a hit, then its energy above the readout threshold.

    With $y = \ln(v / v_0)$ and the threshold $v_0$, a hit has $y > 0$ from a normal
    distribution $N(\mu_i, \sigma_i)$ cut at zero, $\sigma_i$ between 0.05 and 3. What the cut
    normal misses is learnt after training as a table: quantiles of the probability transform
    $F_i(y)$ on training showers, in bins of $\mu$. Drawing from the table instead of a
    uniform number makes the spectrum right in every bin.

    Arguments:
        threshold: readout threshold $v_0$ [MeV], above zero.

    Raises:
        ConfigError: the geometry has no threshold.
    """

    n_outputs = 3
    LEVELS = 101
    BIN_QUANTILES = (
        0.1,
        0.2,
        0.3,
        0.4,
        0.5,
        0.6,
        0.7,
        0.8,
        0.9,
        0.95,
        0.98,
        0.99,
        0.995,
        0.999,
    )
    WIDTHS = (0.05, 3.0)

    edges: Tensor
    table: Tensor

    def __init__(self, threshold: float) -> None:
        super().__init__()
        if not threshold > 0:
            raise ConfigError(
                "drawn voxels need a geometry with a readout threshold above zero; "
                "set one or take the point voxels"
            )
        self.threshold = threshold
        self.register_buffer("edges", torch.zeros(len(self.BIN_QUANTILES)))
        levels = torch.linspace(0, 1, self.LEVELS)
        self.register_buffer("table", levels.repeat(len(self.BIN_QUANTILES) + 1, 1))

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
        nll = pull**2 / 2 + torch.log(sigma) + torch.special.log_ndtr(mu / sigma)
        return {
            "values": _per_shower(torch.where(hits, nll, 0.0)),
            "hits": _per_shower(_cross_entropy(logit, hits)),
        }

    def draw(self, outputs: Outputs, e_inc: IncidentEnergy, noise: SharedNoise) -> Showers:
        """Draw hits, none below the threshold or above the incident energy."""
        logit, mu, sigma = self._split(outputs)
        hits = draw_bits(logit, noise.uniform(*logit.shape))
        survival = 1 - self._calibrated(mu, noise.uniform(*mu.shape))
        y = _cut_normal(mu, sigma, survival).clamp(min=0)
        return hits * torch.minimum(self.threshold * torch.exp(y), e_inc[:, :, None, None])

    def probability_transform(
        self, outputs: Outputs, showers: Showers
    ) -> tuple[Float[Tensor, " hits"], Float[Tensor, " hits"]]:
        """Evaluate mu and F(y) of every hit, the material of `calibrate`."""
        _, mu, sigma = self._split(outputs)
        hits = showers > 0
        y = self._log_energy(showers, hits)
        log_survival = torch.special.log_ndtr((mu - y) / sigma)
        log_survival = log_survival - torch.special.log_ndtr(mu / sigma)
        return mu[hits], -torch.expm1(log_survival[hits])

    def calibrate(self, mu: Float[Tensor, " hits"], transform: Float[Tensor, " hits"]) -> None:
        """Fill the table from the hits of training showers.

        Raises:
            ConfigError: fewer than a thousand hits.
        """
        if len(mu) < 1000:
            raise ConfigError(
                f"{len(mu)} hits are too few to calibrate drawn voxels (1000 needed)"
            )
        ranked = mu.sort().values
        places = (torch.tensor(self.BIN_QUANTILES, dtype=torch.float64) * len(mu)).long()
        self.edges.copy_(ranked[places.to(mu.device)])
        levels = torch.linspace(0, 1, self.LEVELS, dtype=torch.float64)
        bins = torch.bucketize(mu.contiguous(), self.edges)
        for b in range(len(self.table)):
            inside = transform[bins == b].sort().values
            if len(inside):
                place = (levels * (len(inside) - 1)).round().long().to(mu.device)
                self.table[b].copy_(inside[place])

    def _calibrated(self, mu: Showers, uniform: Showers) -> Showers:
        bins = torch.bucketize(mu.contiguous(), self.edges)
        place = uniform * (self.LEVELS - 1)
        below = place.long().clamp(max=self.LEVELS - 2)
        flat = self.table.flatten()
        low = flat[bins * self.LEVELS + below]
        high = flat[bins * self.LEVELS + below + 1]
        return torch.lerp(low, high, place - below)

    def _split(self, outputs: Outputs) -> tuple[Showers, Showers, Showers]:
        logit, mu, width = outputs.unbind(dim=1)
        low, high = self.WIDTHS
        return logit, mu, low + (high - low) * torch.sigmoid(width)

    def _log_energy(self, showers: Showers, hits: Bool[Tensor, "..."]) -> Showers:
        return torch.log(torch.where(hits, showers / self.threshold, 1.0))


def _cut_normal(mu: Showers, sigma: Showers, survival: Showers) -> Showers:
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


def _cross_entropy(logit: Showers, hits: Tensor) -> Showers:
    return binary_cross_entropy_with_logits(logit, hits.to(logit.dtype), reduction="none")


def _per_shower(voxels: Showers) -> Float[Tensor, ""]:
    return cast(Tensor, voxels.sum() / len(voxels))
