"""What every voxel model offers, and the two sums that all losses are made of."""

from abc import ABC, abstractmethod
from typing import cast

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from calo4pqvae._core.rng import RandomSource
from calo4pqvae._core.typing import IncidentEnergy, Showers
from calo4pqvae.models.voxels.quantiles import QuantileTable
from calo4pqvae.models.voxels.residuals import ResidualTable

__all__ = ["Outputs", "Terms", "VoxelModel", "cross_entropy", "per_shower"]

Outputs = Float[Tensor, "batch outputs layer alpha r"]
Terms = dict[str, Float[Tensor, ""]]


class VoxelModel(nn.Module, ABC):
    """Base of voxel models: the number of decoder outputs, a loss, and a draw."""

    n_outputs: int

    @abstractmethod
    def loss(
        self,
        outputs: Outputs,
        showers: Showers,
        e_inc: IncidentEnergy,
        noise: RandomSource,
        sharpness: float,
    ) -> Terms:
        """Compute the named loss terms: sums over voxels, means over the batch."""

    @property
    def table(self) -> QuantileTable | ResidualTable | None:
        """What is fitted after training to `measured`, if there is such a table."""
        return None

    @abstractmethod
    def measured(
        self, outputs: Outputs, showers: Showers, e_inc: IncidentEnergy
    ) -> tuple[Float[Tensor, " hits"], Float[Tensor, " hits"], Int[Tensor, " hits"]]:
        """Give key, value and ring of every hit: the material of the table's `fit`."""

    @abstractmethod
    def draw(self, outputs: Outputs, e_inc: IncidentEnergy, noise: RandomSource) -> Showers:
        """Draw voxel energies [MeV]."""

    def corrected(
        self,
        showers: Showers,
        e_inc: IncidentEnergy,
        t: Float[Tensor, "batch 1"],
        told: Float[Tensor, "batch quantities"] | None = None,
    ) -> Showers:
        """Correct what voxels drawn one by one get wrong together: here, nothing.

        Arguments:
            showers: voxel energies as drawn [MeV].
            e_inc: incident energies [MeV].
            t: scaled energies.
            told: numbers that bits name outright, if there are such bits.
        """
        del e_inc, t, told
        return showers


def cross_entropy(logit: Showers, hits: Tensor) -> Showers:
    """Compute the cross-entropy of each voxel's hit [nats]."""
    return binary_cross_entropy_with_logits(logit, hits.to(logit.dtype), reduction="none")


def per_shower(voxels: Showers) -> Float[Tensor, ""]:
    """Sum over voxels, average over showers."""
    return cast(Tensor, voxels.sum() / len(voxels))
