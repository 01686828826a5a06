"""The cellwise model: layer energies and axis as bits, then cell after cell."""

import math
from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from calo4pqvae._core.rng import RandomSource, derive_seed
from calo4pqvae._core.typing import Bits, IncidentEnergy, Showers
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.config import TrainingConfig
from calo4pqvae.data.batches import ShowerBatches
from calo4pqvae.data.energy_code import EnergyCode
from calo4pqvae.data.symmetry import rotate_and_mirror
from calo4pqvae.data.transforms import EnergyScale
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.autoregressive.layer_bits import LayerBitsModel
from calo4pqvae.models.autoregressive.sectors import shear_odd_rings
from calo4pqvae.models.base import Calibration
from calo4pqvae.models.cellwise.compiled import CompiledCells
from calo4pqvae.models.cellwise.corrections import DrawCorrections
from calo4pqvae.models.cellwise.decoder import CellDecoder
from calo4pqvae.models.cellwise.distribution import ShowerDistribution
from calo4pqvae.models.cellwise.draws import draw_voxels
from calo4pqvae.models.cellwise.fit_corrections import fit_corrections
from calo4pqvae.models.cellwise.lateral import Lateral
from calo4pqvae.models.cellwise.likelihood import losses, measured
from calo4pqvae.models.cellwise.roughness import smoothed
from calo4pqvae.models.cellwise.spectrum import SpectrumShape
from calo4pqvae.models.voxels.base import Terms

__all__ = ["CellwiseQVAE"]


class CellwiseQVAE(LayerBitsModel):
    r"""Bits, layer energies and the axis in blocks of depth, cells: each given those before.

    $p(x|e) = \sum_z p(z|e)\, p(E, c|z, e) \prod_l \prod_i p(x_{li}|x_{<li}, E, c, e)$ with the
    layer energies E and the centres c of blocks of depth, of which the bits tell the intervals.

    Arguments:
        distribution: layer energies and centres to bits and back.
        decoder: what the cells of a layer depend on, and the distribution of their energies.
        others: as for `LayerBitsModel`.
    """

    FIT_SETTINGS: ClassVar[frozenset[str]] = LayerBitsModel.FIT_SETTINGS | {
        "model.lateral_bits"
    }

    LATER: ClassVar[tuple[str, ...]] = (
        "corrections.",
        "corrections.depths",
        "corrections.far",
        "corrections.last",
        "corrections.moves",
        "corrections.profiles",
    )

    law: ShowerDistribution
    voxels: SpectrumShape

    def __init__(
        self,
        *,
        geometry: CylindricalGeometry,
        scale: EnergyScale,
        code: EnergyCode,
        prior: BoltzmannMachine,
        distribution: ShowerDistribution,
        decoder: CellDecoder,
    ) -> None:
        super().__init__(
            geometry=geometry,
            scale=scale,
            code=code,
            prior=prior,
            distribution=distribution,
            voxels=SpectrumShape(decoder.shape[2]),
        )
        self.decoder = decoder
        self.corrections = DrawCorrections(decoder.shape)

    def take_networks(self, weights: Mapping[str, Tensor]) -> None:
        """Take over the decoder; the rest is fitted."""
        head = "decoder."
        mine = {k.removeprefix(head): v for k, v in weights.items() if k.startswith(head)}
        self.decoder.load_state_dict(mine)

    def fit(
        self,
        batches: ShowerBatches,
        settings: TrainingConfig,
        on_stage: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Fit the spectrum of hits, layer energies and axis, then what draws miss."""
        super().fit(batches, settings, on_stage)
        on_stage("draws")
        fit_corrections(self, batches, derive_seed(settings.seed, 3))

    def voxel_terms(self, showers: Showers, t: Float[Tensor, "batch 1"]) -> Terms:
        """Compute ``values`` and ``hits`` of showers [MeV]."""
        return losses(self.decoder, showers, t)

    def profiles(self, showers: Showers) -> Float[Tensor, "batch numbers"]:
        """Measure what the distribution describes: layer energies and sums of centres."""
        showers = shear_odd_rings(self.read_out(showers))
        sums = showers.flatten(start_dim=-2) @ self.decoder.weights
        return torch.cat([showers.sum(dim=(2, 3)), sums.flatten(start_dim=1)], dim=1)

    @torch.no_grad()
    def decode(self, bits: Bits, e_inc: IncidentEnergy, noise: RandomSource) -> Showers:
        """Draw showers [MeV] for given bits: layer energies and axis first, then cells."""
        self.scale.check(e_inc)
        t = self.scale(e_inc)
        layers, lateral = self.law.draw_shower(bits, e_inc, t, noise)
        layers = smoothed(layers, self.corrections.of_profiles(t))
        return self.decode_shower(layers, lateral, e_inc, noise)

    @torch.no_grad()
    def decode_layers(
        self, layers: Float[Tensor, "batch layer"], e_inc: IncidentEnergy, noise: RandomSource
    ) -> Showers:
        """Draw cells for given layer energies [MeV] and an axis that agrees with them."""
        t = self.scale(e_inc)
        lateral = self.law.lateral_of(layers, e_inc, t, noise)
        return self.decode_shower(layers, lateral, e_inc, noise)

    @torch.no_grad()
    def decode_shower(
        self,
        layers: Float[Tensor, "batch layer"],
        lateral: Lateral,
        e_inc: IncidentEnergy,
        noise: RandomSource,
    ) -> Showers:
        """Draw cells for given layer energies [MeV] and axis, turned and mirrored at random."""
        each = 2 + 2 * math.prod(self.decoder.shape[1:])
        uniforms = noise.uniform(len(layers), len(layers[0]), each)
        t, shape = self.scale(e_inc), self.voxels.table
        if layers.device.type == "cpu":
            cells = CompiledCells(self.decoder, shape, self.corrections)
            showers = cells(layers, lateral, t, uniforms)
        else:
            parts = (self.decoder, shape, self.corrections)
            showers = draw_voxels(*parts, layers, lateral, t, uniforms)
        return rotate_and_mirror(showers, noise.uniform(len(showers), 2))

    @torch.no_grad()
    def calibration(
        self, showers: Showers, e_inc: IncidentEnergy, noise: RandomSource
    ) -> Calibration:
        """Compare energies of hits with their distributions, given all that is drawn before."""
        return measured(self.decoder, showers, self.scale(e_inc), noise)
