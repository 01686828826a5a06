"""What models whose bits tell layer energies have in common: bits, and their fit."""

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from calo4pqvae._core.rng import RandomSource
from calo4pqvae._core.typing import Bits, IncidentEnergy, Showers
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.config import TrainingConfig
from calo4pqvae.data.batches import ShowerBatches
from calo4pqvae.data.energy_code import EnergyCode
from calo4pqvae.data.transforms import EnergyScale
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.autoregressive.fit import fit_longitudinal
from calo4pqvae.models.autoregressive.layer_energies import LongitudinalDistribution
from calo4pqvae.models.base import Losses, ShowerModel
from calo4pqvae.models.voxels.base import Terms

__all__ = ["LayerBitsModel"]


class LayerBitsModel(ShowerModel):
    """A model whose bits are functions of the shower: intervals of its layer energies.

    The networks are trained on the voxels alone; the distribution of the bits is fitted last.

    Arguments:
        distribution: layer energies, and what goes with them, to bits and back.
        others: as for `ShowerModel`.
    """

    FIT_SETTINGS: ClassVar[frozenset[str]] = frozenset(
        {
            *(f"model.{key}" for key in ("level_bits", "copula_bins", "copula_rounds")),
            "model.coupling_bins",
            *(f"prior.{key}" for key in ("lattice", "grid", "nodes_per_partition")),
            *(f"prior.{key}" for key in ("bias_order", "working_graph", "burn_in")),
            "training.fit_steps",
            "training.sweeps",
        }
    )

    FITS_PRIOR: ClassVar[bool] = True

    def __init__(
        self,
        *,
        geometry: CylindricalGeometry,
        scale: EnergyScale,
        code: EnergyCode,
        prior: BoltzmannMachine,
        distribution: LongitudinalDistribution,
        voxels: nn.Module,
    ) -> None:
        super().__init__(geometry=geometry, scale=scale, code=code, prior=prior, voxels=voxels)
        self.law = distribution

    @abstractmethod
    def voxel_terms(self, showers: Showers, t: Float[Tensor, "batch 1"]) -> Terms:
        """Compute ``values`` and ``hits`` of showers [MeV], read out."""

    def fit(
        self,
        batches: ShowerBatches,
        settings: TrainingConfig,
        on_stage: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Fit the spectrum of the voxels, then everything that concerns layer energies."""
        super().fit(batches, settings, on_stage)
        fit_longitudinal(self, batches, settings, on_stage)

    def bytes_to_fit(self, n_showers: int) -> int:
        """Estimate the memory of `fit`: three copies of all statistics of the prior."""
        graph, prior = self.prior.graph, self.prior
        couplings = graph.n_edges * (1 if prior.coupling_slope is None else 2)
        numbers = (prior.bias_order + 1) * graph.n_nodes + couplings
        return 3 * 4 * n_showers * numbers + 2 * 8 * numbers**2

    def used_nodes(self) -> Bool[Tensor, " nodes"]:
        """Say which nodes carry a bit; partition 0 does."""
        used = torch.zeros(self.prior.graph.n_nodes, dtype=torch.bool)
        used[self.law.node_of_bit.cpu()] = used[self.prior.graph.partitions[0]] = True
        return used

    def take_prior(self, prior: BoltzmannMachine, nodes: Bool[Tensor, " nodes"]) -> None:
        """Take another prior, of some of the nodes; bits stay on their nodes."""
        super().take_prior(prior, nodes)
        number = torch.cumsum(nodes, dim=0) - 1
        self.law.node_of_bit.copy_(number[self.law.node_of_bit])
        self.law.n_nodes = int(nodes.sum())

    def check(self) -> None:
        """Look at weights that were read from a file, beyond their types and shapes.

        Raises:
            ConfigError: two bits lie on one node, or one on none.
        """
        self.law.check()

    def profiles(self, showers: Showers) -> Float[Tensor, "batch numbers"]:
        """Measure what the distribution describes: the energies of the layers [MeV]."""
        return self.read_out(showers).sum(dim=(2, 3))

    def forward(
        self, showers: Showers, e_inc: IncidentEnergy, noise: RandomSource, sharpness: float
    ) -> Losses:
        """Compute the voxel terms; the bits and their distribution are fitted apart."""
        del noise, sharpness
        showers = self.read_out(showers)
        self.scale.check(e_inc)
        terms = self.voxel_terms(showers, self.scale(e_inc))
        nothing = terms["hits"].new_zeros(())
        bits = torch.zeros(len(showers), self.prior.graph.n_nodes, dtype=torch.bool)
        return Losses(
            **terms,
            negative_entropy=nothing,
            positive_energy=nothing,
            bits=bits.to(showers.device),
        )

    @torch.no_grad()
    def encode(self, showers: Showers, e_inc: IncidentEnergy, noise: RandomSource) -> Bits:
        """Give the bits of showers [MeV]; no random number is needed."""
        del noise
        t, code = self.condition(e_inc)
        bits = self.law.encode(self.profiles(showers), e_inc, t)
        return torch.cat([code, bits[:, code.shape[1] :]], dim=1)
