"""What every model offers: bits of showers, showers of bits, losses, fits, and a prior."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypedDict

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from calo4pqvae._core.rng import RandomSource
from calo4pqvae._core.typing import Bits, IncidentEnergy, Showers
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.config import TrainingConfig
from calo4pqvae.data.batches import ShowerBatches
from calo4pqvae.data.energy_code import EnergyCode
from calo4pqvae.data.transforms import EnergyScale
from calo4pqvae.errors import ConfigError
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.calibration import calibrate_voxels

__all__ = ["Calibration", "Common", "Losses", "ShowerModel"]

Calibration = tuple[Float[Tensor, " hits"], Float[Tensor, " hits"], Int[Tensor, " hits"]]
"""Key, logit F(y) and ring of every hit."""


class Common(TypedDict):
    """What every model is made of: the first arguments of `ShowerModel`."""

    geometry: CylindricalGeometry
    scale: EnergyScale
    code: EnergyCode
    prior: BoltzmannMachine


@dataclass(frozen=True, eq=False)
class Losses:
    """Loss terms of one batch, and the exact bits that were drawn on the way.

    Attributes:
        values, hits: voxel terms.
        negative_entropy: mean of log q(z|x), entropies exact per level [nats].
        positive_energy: mean prior energy of the encoder's relaxed bits.
        bits: exact bits of all nodes, the data side of the prior's gradient.
        nodes: the relaxed bits behind them, None where bits are functions of the shower.
    """

    values: Float[Tensor, ""]
    hits: Float[Tensor, ""]
    negative_entropy: Float[Tensor, ""]
    positive_energy: Float[Tensor, ""]
    bits: Bits
    nodes: Float[Tensor, "batch nodes"] | None = None

    def total(self, kl_weight: float) -> Float[Tensor, ""]:
        """Sum the terms that encoder and decoder minimise."""
        kl = self.negative_entropy + self.positive_energy
        return self.values + self.hits + kl_weight * kl


class ShowerModel(nn.Module, ABC):
    """What every model offers: bits of showers, showers of bits, and a prior of the bits.

    Attributes:
        FIT_SETTINGS: settings that only `fit` and later steps depend on, so that a fit with
            other values takes over the trained networks.
        FITS_PRIOR: whether `fit` fits the prior, which then learns nothing from batches.
        LATER: beginnings of the names of tensors that models stored by earlier versions may
            lack; they are then as in an untrained model.

    Arguments:
        geometry: the regular cylinder whose showers it makes.
        scale: range of incident energies.
        code: code of the incident energy on partition 0.
        prior: distribution of the bits.
        voxels: distribution of a voxel given the decoder's numbers.
    """

    FIT_SETTINGS: ClassVar[frozenset[str]] = frozenset({"prior.burn_in"})
    FITS_PRIOR: ClassVar[bool] = False
    LATER: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        *,
        geometry: CylindricalGeometry,
        scale: EnergyScale,
        code: EnergyCode,
        prior: BoltzmannMachine,
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

    def restore(self, weights: Mapping[str, Tensor]) -> None:
        """Take all that this or an earlier version stored.

        Raises:
            RuntimeError: a tensor is missing that earlier versions had, or has another shape.
        """
        later = {k: v for k, v in self.state_dict().items() if k.startswith(self.LATER)}
        self.load_state_dict(later | dict(weights))

    def check(self) -> None:
        """Look at weights that were read from a file, beyond their types and shapes.

        Raises:
            ConfigError: they make no sense together.
        """

    def choose_values(self, kind: str) -> None:
        """Choose between the ways in which this model can make values of voxels.

        Arguments:
            kind: ``drawn`` from measured distributions; ``point``, single values with measured
                distributions of hits and totals; or ``literal``, single values and nothing
                measured, as in the paper.

        Raises:
            ConfigError: the model has one way only, or no distribution for this kind.
        """
        raise ConfigError(
            f"{kind} values are a choice of models that are trained for single values and have "
            "distributions to draw from as well (model.voxels.residuals=true, presets paper "
            "and paper-compact); this one has one way to make values"
        )

    def used_nodes(self) -> Bool[Tensor, " nodes"]:
        """Say which nodes of the prior carry something; the others are 0 in all data."""
        return torch.ones(self.prior.graph.n_nodes, dtype=torch.bool)

    def take_prior(self, prior: BoltzmannMachine, nodes: Bool[Tensor, " nodes"]) -> None:
        """Take another prior, of some of the nodes.

        Arguments:
            prior: prior of those nodes, in their order.
            nodes: which of the present ones these are; at least those that are used.
        """
        del nodes
        self.prior = prior

    def read_out(self, showers: Showers) -> Showers:
        """Apply the readout threshold: smaller deposits become exact zeros."""
        return torch.where(showers >= self.geometry.threshold, showers, 0.0)

    def decoded_together(self, device: torch.device) -> int:
        """Showers that are decoded together, in fixed shapes, to be the same to the last bit.

        Rounding of products depends on their shapes. On a CPU 512 cost 8 % more time than 1024
        and keep small jobs small; a GPU is no faster with fewer than 2048. A model whose
        arithmetic knows one shower at a time says 1.
        """
        return 512 if device.type == "cpu" else 2048

    def prepare(self, batches: ShowerBatches) -> None:
        """Fit what has a closed form, before the networks are trained: here, nothing.

        Arguments:
            batches: training showers.
        """

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
        self, showers: Showers, e_inc: IncidentEnergy, noise: RandomSource, sharpness: float
    ) -> Losses:
        """Compute the loss terms of a batch.

        Arguments:
            showers: voxel energies [MeV].
            e_inc: incident energies [MeV].
            noise: random numbers for latents and mask.
            sharpness: inverse temperature of the relaxations.
        """

    @abstractmethod
    def encode(self, showers: Showers, e_inc: IncidentEnergy, noise: RandomSource) -> Bits:
        """Draw exact bits of all nodes for given showers [MeV]."""

    def sample(
        self,
        e_inc: IncidentEnergy,  # noqa: ARG002
        seed: int,  # noqa: ARG002
        first: int,  # noqa: ARG002
        sweeps: int,  # noqa: ARG002
    ) -> tuple[Bits, Float[Tensor, " batch"]] | None:
        """Draw the bits of showers first, first + 1, ... of a seed, and their energies [nats].

        Each shower has random numbers of its own, whatever is drawn with it.

        Returns:
            None where the model has no sampler of its own: here, always.
        """
        return None

    @abstractmethod
    def decode(self, bits: Bits, e_inc: IncidentEnergy, noise: RandomSource) -> Showers:
        """Draw showers [MeV] for given bits, readout threshold applied.

        Everything random comes from `noise`, in an order that depends on the model alone: the
        same numbers give the same showers, and a `Replay` makes them a function of tensors.

        Raises:
            ConfigError: an energy lies outside the range of the model.
        """

    @abstractmethod
    def calibration(
        self, showers: Showers, e_inc: IncidentEnergy, noise: RandomSource
    ) -> Calibration:
        """Compare the energies of hits with the distributions that the decoder gives them.

        Arguments:
            showers: voxel energies [MeV], readout threshold applied.
            e_inc: incident energies [MeV].
            noise: random numbers for latents.

        Returns:
            of every hit what `QuantileTable.fit` takes: key, logit F(y), and ring.
        """
