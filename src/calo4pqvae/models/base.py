"""The model of the paper: encoder, prior, decoder and voxels, and what all models offer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae._core.typing import Bits, IncidentEnergy, Showers
from calo4pqvae.boltzmann.machine import BoltzmannPrior
from calo4pqvae.config import TrainingConfig
from calo4pqvae.data.batches import ShowerBatches
from calo4pqvae.data.energy_code import EnergyCode
from calo4pqvae.data.transforms import EnergyScale, to_logits
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.calibration import calibrate_voxels
from calo4pqvae.models.vae.encoder import HierarchicalEncoder
from calo4pqvae.models.vae.relax import entropy
from calo4pqvae.models.voxels import DrawnVoxels, VoxelModel

__all__ = ["Calibration", "Calo4pQVAE", "Losses", "ShowerModel"]

Calibration = tuple[Float[Tensor, " hits"], Float[Tensor, " hits"], Int[Tensor, " hits"]]
"""Key, logit F(y) and ring of every hit."""


@dataclass(frozen=True, eq=False)
class Losses:
    """Loss terms of one batch, and the exact bits that were drawn on the way.

    Attributes:
        values, hits: voxel terms.
        negative_entropy: mean of log q(z|x), entropies exact per level [nats].
        positive_energy: mean prior energy of the encoder's relaxed bits.
        bits: exact bits of all nodes, the data side of the prior's gradient.
    """

    values: Float[Tensor, ""]
    hits: Float[Tensor, ""]
    negative_entropy: Float[Tensor, ""]
    positive_energy: Float[Tensor, ""]
    bits: Bits

    def total(self, kl_weight: float) -> Float[Tensor, ""]:
        """Sum the terms that encoder and decoder minimise."""
        kl = self.negative_entropy + self.positive_energy
        return self.values + self.hits + kl_weight * kl


class ShowerModel(nn.Module, ABC):
    """What every model offers: bits of showers, showers of bits, and a prior of the bits.

    Attributes:
        FIT_SETTINGS: settings that only `fit` and later steps depend on, so that a fit with
            other values takes over the trained networks.

    Arguments:
        geometry: the regular cylinder whose showers it makes.
        scale: range of incident energies.
        code: code of the incident energy on partition 0.
        prior: law of the bits.
        voxels: law of a voxel given the decoder's numbers.
    """

    FIT_SETTINGS: ClassVar[frozenset[str]] = frozenset({"prior.burn_in"})

    def __init__(
        self,
        *,
        geometry: CylindricalGeometry,
        scale: EnergyScale,
        code: EnergyCode,
        prior: BoltzmannPrior,
        voxels: nn.Module,
    ) -> None:
        super().__init__()
        self.geometry, self.scale, self.code = geometry, scale, code
        self.prior, self.voxels = prior, voxels

    def condition(
        self, e_inc: IncidentEnergy
    ) -> tuple[Float[Tensor, "batch 1"], Bool[Tensor, "batch clamped"]]:
        """Turn incident energies [MeV] into the scaled energy t and the bits of partition 0.

        Raises:
            ConfigError: an energy lies outside the range of the model.
        """
        self.scale.check(e_inc)
        return self.scale(e_inc), self.code(e_inc)

    def check(self) -> None:
        """Look at weights that were read from a file, beyond their types and shapes.

        Raises:
            ConfigError: they make no sense together.
        """

    def read_out(self, showers: Showers) -> Showers:
        """Apply the readout threshold: smaller deposits become exact zeros."""
        return torch.where(showers >= self.geometry.threshold, showers, 0.0)

    def fit(
        self,
        batches: ShowerBatches,
        settings: TrainingConfig,
        on_stage: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Fit what is left once the networks are trained: here, the spectrum of the voxels.

        Arguments:
            batches: training showers.
            settings: how to fit.
            on_stage: told the name of each stage before it.
        """
        on_stage("voxels")
        calibrate_voxels(self, batches, settings.seed)

    def bytes_to_fit(self, n_showers: int) -> int:
        """Estimate the memory that `fit` takes beside the showers themselves [bytes]."""
        del n_showers
        return 0

    def take_networks(self, weights: Mapping[str, Tensor]) -> None:
        """Take over what was trained in batches from the weights of such a model."""
        self.load_state_dict(weights)

    @abstractmethod
    def forward(
        self, showers: Showers, e_inc: IncidentEnergy, noise: SharedNoise, sharpness: float
    ) -> Losses:
        """Compute the loss terms of a batch.

        Arguments:
            showers: voxel energies [MeV].
            e_inc: incident energies [MeV].
            noise: random numbers for latents and mask.
            sharpness: inverse temperature of the relaxations.
        """

    @abstractmethod
    def encode(self, showers: Showers, e_inc: IncidentEnergy, noise: SharedNoise) -> Bits:
        """Draw exact bits of all nodes for given showers [MeV]."""

    @abstractmethod
    def decode(self, bits: Bits, e_inc: IncidentEnergy, noise: SharedNoise) -> Showers:
        """Draw showers [MeV] for given bits, readout threshold applied.

        Raises:
            ConfigError: an energy lies outside the range of the model.
        """

    @abstractmethod
    def calibration(
        self, showers: Showers, e_inc: IncidentEnergy, noise: SharedNoise
    ) -> Calibration:
        """Compare the energies of hits with the laws that the decoder gives them.

        Arguments:
            showers: voxel energies [MeV], readout threshold applied.
            e_inc: incident energies [MeV].
            noise: random numbers for latents.

        Returns:
            of every hit what `QuantileTable.fit` takes: key, logit F(y), and ring.
        """


class Calo4pQVAE(ShowerModel):
    r"""Discrete variational autoencoder with a four-partite Boltzmann prior.

    It minimises $-\ln p(x|z,e) + \beta\,[\ln q(z|x,e) + E(z)]$ over encoder and decoder. The
    prior's normalisation does not depend on them, and its own gradient is written by hand
    (`boltzmann.gradient`).

    Arguments:
        geometry: the regular cylinder whose showers it makes.
        scale: range of incident energies.
        code: code of the incident energy on partition 0.
        prior, encoder, decoder, voxels: its parts.

    Source: seed paper, section 3.
    """

    voxels: VoxelModel

    def __init__(
        self,
        *,
        geometry: CylindricalGeometry,
        scale: EnergyScale,
        code: EnergyCode,
        prior: BoltzmannPrior,
        encoder: HierarchicalEncoder,
        decoder: nn.Module,
        voxels: VoxelModel,
    ) -> None:
        super().__init__(geometry=geometry, scale=scale, code=code, prior=prior, voxels=voxels)
        self.encoder, self.decoder = encoder, decoder

    def forward(
        self, showers: Showers, e_inc: IncidentEnergy, noise: SharedNoise, sharpness: float
    ) -> Losses:
        """Compute the loss terms of a batch."""
        showers = self.read_out(showers)
        t, code = self.condition(e_inc)
        clamped = code.to(showers.dtype)
        uniform = noise.uniform(len(showers), self.prior.graph.n_latents)
        logits, latents = self.encoder(
            to_logits(showers, e_inc), t, clamped, uniform, sharpness
        )
        nodes = torch.cat([clamped, latents.float()], dim=1)
        terms = self.voxels.loss(self.decoder(nodes, t), showers, e_inc, noise, sharpness)
        return Losses(
            **terms,
            negative_entropy=-entropy(logits.float()).mean(),
            positive_energy=self.prior.energy(nodes, t).mean(),
            bits=nodes.detach() > 0.5,
        )

    @torch.no_grad()
    def encode(self, showers: Showers, e_inc: IncidentEnergy, noise: SharedNoise) -> Bits:
        """Draw exact bits of all nodes for given showers [MeV]."""
        t, code = self.condition(e_inc)
        x = to_logits(self.read_out(showers), e_inc)
        uniform = noise.uniform(len(showers), self.prior.graph.n_latents)
        _, latents = self.encoder(x, t, code.to(x.dtype), uniform, None)
        return torch.cat([code, latents.bool()], dim=1)

    @torch.no_grad()
    def calibration(
        self, showers: Showers, e_inc: IncidentEnergy, noise: SharedNoise
    ) -> Calibration:
        """Compare the energies of hits with the laws that their encoded bits give them."""
        if not isinstance(self.voxels, DrawnVoxels):
            raise TypeError("only drawn voxels can be calibrated")
        bits = self.encode(showers, e_inc, noise)
        outputs = self.decoder(bits.float(), self.scale(e_inc))
        return self.voxels.probability_transform(outputs, showers)

    @torch.no_grad()
    def decode(self, bits: Bits, e_inc: IncidentEnergy, noise: SharedNoise) -> Showers:
        """Draw showers [MeV] for given bits, readout threshold applied."""
        self.scale.check(e_inc)
        outputs = self.decoder(bits.float(), self.scale(e_inc))
        return self.read_out(self.voxels.draw(outputs, e_inc, noise))
