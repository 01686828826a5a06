"""The paper's voxels: a hit mask times a value."""

import torch
from torch.nn.functional import softplus

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae._core.typing import IncidentEnergy, Showers
from calo4pqvae.data.transforms import from_logits, to_logits
from calo4pqvae.models.vae.relax import draw_bits, relaxed_bits
from calo4pqvae.models.voxels.base import Outputs, Terms, VoxelModel, cross_entropy, per_shower

__all__ = ["PointVoxels"]


class PointVoxels(VoxelModel):
    r"""The paper's voxels: value times mask, in the variable x of eq. (1).

    The loss is $w \sum_i e^{k x_i} (x_i - m_i \hat x_i)^2$ plus the cross-entropy of the
    mask; $m_i$ is a relaxed bit whose sharpness grows in training. In generation the mask is
    a drawn bit.

    The authors' code trains otherwise: $m_i$ is the true mask and k = 0.5. With a relaxed mask
    such an exponent makes a missed hit cost far more than a false one, and the mask saturates.

    Arguments:
        weight: w, the weight of the squared error.
        exponent: k, how strongly energetic voxels count (0: all alike).
        true_mask: take the shower's own hits for $m_i$ in the loss.

    Source: seed paper, section 3; w = 0.01 is that of the authors' code.
    """

    n_outputs = 2

    def __init__(
        self, weight: float = 0.01, exponent: float = 0.0, true_mask: bool = False
    ) -> None:
        super().__init__()
        self.weight, self.exponent, self.true_mask = weight, exponent, true_mask

    def loss(
        self,
        outputs: Outputs,
        showers: Showers,
        e_inc: IncidentEnergy,
        noise: SharedNoise,
        sharpness: float,
    ) -> Terms:
        """Compute ``values`` (weighted squared error) and ``hits`` (cross-entropy)."""
        x, hits = to_logits(showers, e_inc), showers > 0
        logit, value = outputs[:, 0], softplus(outputs[:, 1])
        mask = hits
        if not self.true_mask:
            mask = relaxed_bits(logit, noise.uniform(*logit.shape), sharpness)
        error = torch.exp(self.exponent * x) * (x - mask * value) ** 2
        return {
            "values": self.weight * per_shower(error),
            "hits": per_shower(cross_entropy(logit, hits)),
        }

    def draw(self, outputs: Outputs, e_inc: IncidentEnergy, noise: SharedNoise) -> Showers:
        """Draw the mask, multiply, and invert eq. (1)."""
        logit, value = outputs[:, 0], softplus(outputs[:, 1])
        hits = draw_bits(logit, noise.uniform(*logit.shape))
        return from_logits(hits * value, e_inc)
