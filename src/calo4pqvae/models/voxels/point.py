"""The paper's voxels: a hit mask times a value."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import softplus

from calo4pqvae._core.rng import RandomSource
from calo4pqvae._core.typing import IncidentEnergy, Showers
from calo4pqvae.data.transforms import from_logits, to_logits
from calo4pqvae.models.vae.relax import draw_bits, relaxed_bits
from calo4pqvae.models.voxels.base import Outputs, Terms, VoxelModel, cross_entropy, per_shower
from calo4pqvae.models.voxels.clusters import Clusters
from calo4pqvae.models.voxels.residuals import ResidualTable
from calo4pqvae.models.voxels.totals import Totals

__all__ = ["PointVoxels", "log_response"]


class PointVoxels(VoxelModel):
    r"""The paper's voxels: value times mask, in the variable x of eq. (1).

    The loss is $w \sum_i e^{k x_i} (x_i - m_i \hat x_i)^2$ plus the cross-entropy of the
    mask. In generation the mask is a drawn bit.

    With the true mask for $m_i$ and k = 0.5, as in the authors' code, the response is right to
    about 1 %: for a normal x the weight moves the mean by half the variance, which is the
    logarithm of the mean over the geometric mean. With a relaxed mask (the text of the paper)
    the best value of a voxel with hit probability p is p times the mean of x, since mask and
    hit are independent given the bits; x is a logarithm, and the response is 48 to 66 % too
    low however long one trains (docs/model.md).

    Three kinds of showers come of the same outputs. ``literal``: independent hits times the
    decoder's values, nothing else, as the paper has it. ``point``: the same values, but hits in
    clusters (`Clusters`) and a total that varies as Geant4's does (`Totals`), both measured
    after training. ``drawn``: a difference beside each value as well (`ResidualTable`).

    Arguments:
        weight: w, the weight of the squared error.
        exponent: k, how strongly energetic voxels count (0: all alike).
        true_mask: take the shower's own hits for $m_i$ in the loss.
        n_rings: rings of a table of residuals; 0 for point values alone.
        n_told: numbers that bits name outright (`GlobalBits`), which the total follows.

    Attributes:
        kind: which of the three `draw` makes; ``drawn`` unless there are no such distributions.

    Source: seed paper, section 3; w, k and the true mask are those of the authors' code.
    """

    n_outputs = 2

    def __init__(
        self,
        weight: float = 0.01,
        exponent: float = 0.5,
        true_mask: bool = True,
        n_rings: int = 0,
        n_told: int = 0,
    ) -> None:
        super().__init__()
        self.weight, self.exponent, self.true_mask = weight, exponent, true_mask
        self.residuals = ResidualTable(n_rings) if n_rings else None
        self.clusters = Clusters() if n_rings else None
        self.totals, self.point_totals = (Totals(n_told) if n_rings else None for _ in range(2))
        self.kind = "drawn" if n_rings else "literal"

    def loss(
        self,
        outputs: Outputs,
        showers: Showers,
        e_inc: IncidentEnergy,
        noise: RandomSource,
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

    def draw(self, outputs: Outputs, e_inc: IncidentEnergy, noise: RandomSource) -> Showers:
        """Draw the mask, multiply, and invert eq. (1)."""
        logit, value = outputs[:, 0], softplus(outputs[:, 1])
        if self.kind == "literal" or self.residuals is None or self.clusters is None:
            hits = draw_bits(logit, noise.uniform(*logit.shape))
            return from_logits(hits * value, e_inc)
        hits = self.clusters.draw(logit, noise)
        if self.kind == "point":
            return from_logits(hits * value, e_inc)
        uniform = noise.uniform(*value.shape)[hits]
        mine = value[hits] + self.residuals(value[hits], uniform, _rings(value)[hits])
        value = torch.zeros_like(value).masked_scatter(hits, mine.clamp(min=0))
        return from_logits(value, e_inc)

    def corrected(
        self,
        showers: Showers,
        e_inc: IncidentEnergy,
        t: Float[Tensor, "batch 1"],
        told: Float[Tensor, "batch quantities"] | None = None,
    ) -> Showers:
        """Give showers the spread of the total that Geant4's have, unless they are literal."""
        totals = self.totals_in_use
        if totals is None:
            return showers
        return showers * totals(log_response(showers, e_inc), t, told)[:, :, None, None]

    @property
    def totals_in_use(self) -> Totals | None:
        """What corrects totals of the chosen kind."""
        return {"drawn": self.totals, "point": self.point_totals}.get(self.kind)

    @property
    def table(self) -> ResidualTable | None:
        """Distribution of values around the decoder's."""
        return self.residuals

    def measured(
        self, outputs: Outputs, showers: Showers, e_inc: IncidentEnergy
    ) -> tuple[Float[Tensor, " hits"], Float[Tensor, " hits"], Int[Tensor, " hits"]]:
        """Give value, difference and ring of every hit."""
        x, hits = to_logits(showers, e_inc), showers > 0
        value = softplus(outputs[:, 1])
        return value[hits], (x - value)[hits], _rings(value)[hits]


def _rings(voxels: Showers) -> Int[Tensor, "batch layer alpha r"]:
    return torch.arange(voxels.shape[3], device=voxels.device).expand(voxels.shape)


def log_response(showers: Showers, e_inc: IncidentEnergy) -> Float[Tensor, "batch 1"]:
    """Compute ln(total / incident energy); an empty shower counts as one of 1e-9."""
    return torch.log((showers.sum(dim=(1, 2, 3))[:, None] / e_inc).clamp(min=1e-9))
