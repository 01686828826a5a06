"""The layered model: bits that are layer energies, then layer after layer of voxels."""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from calo4pqvae._core.rng import RandomSource
from calo4pqvae._core.typing import Bits, IncidentEnergy, Showers
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.data.energy_code import EnergyCode
from calo4pqvae.data.symmetry import rotate_and_mirror
from calo4pqvae.data.transforms import EnergyScale
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.autoregressive.causal import CausalDecoder
from calo4pqvae.models.autoregressive.compiled import compiled, numbers_of
from calo4pqvae.models.autoregressive.drawing import calibration, draw_voxels, losses
from calo4pqvae.models.autoregressive.layer_bits import LayerBitsModel
from calo4pqvae.models.autoregressive.layer_energies import LongitudinalDistribution
from calo4pqvae.models.base import Calibration
from calo4pqvae.models.voxels import SharedVoxels
from calo4pqvae.models.voxels.base import Terms

__all__ = ["LayeredQVAE"]


class LayeredQVAE(LayerBitsModel):
    r"""Bits, layer energies, voxels: each given what was drawn before it.

    $p(x|e) = \sum_z p(z|e)\, p(E_1 .. E_{45}|z, e) \prod_l p(x_l | x_{<l}, E_1 .. E_{45}, e)$.
    The Boltzmann machine p(z|e) says in which quantile bin each layer energy and the total lie;
    the bits are functions of the shower, so that nothing is lost to an approximate posterior.
    A copula draws the energies inside the intervals, and the decoder the voxels, layer after
    layer, so that each layer sums to its energy.

    Arguments:
        geometry: the regular cylinder whose showers it makes.
        scale: range of incident energies.
        code: code of the incident energy on partition 0, which is empty where fields and
            couplings of the prior follow the energy.
        prior: distribution of the bits.
        distribution: layer energies to bits and back.
        decoder: what the voxels of a layer depend on.
        voxels: distribution of their energies.
    """

    voxels: SharedVoxels

    law: LongitudinalDistribution
    decoder: CausalDecoder

    def __init__(
        self,
        *,
        geometry: CylindricalGeometry,
        scale: EnergyScale,
        code: EnergyCode,
        prior: BoltzmannMachine,
        distribution: LongitudinalDistribution,
        decoder: CausalDecoder,
        voxels: SharedVoxels,
    ) -> None:
        super().__init__(
            geometry=geometry,
            scale=scale,
            code=code,
            prior=prior,
            distribution=distribution,
            voxels=voxels,
        )
        self.decoder = decoder

    def take_networks(self, weights: Mapping[str, Tensor]) -> None:
        """Take over decoder and voxels; the rest is fitted."""
        for name, part in (("decoder", self.decoder), ("voxels", self.voxels)):
            head = f"{name}."
            mine = {
                key.removeprefix(head): v for key, v in weights.items() if key.startswith(head)
            }
            part.load_state_dict(mine)

    def voxel_terms(self, showers: Showers, t: Float[Tensor, "batch 1"]) -> Terms:
        """Compute ``values`` and ``hits`` of showers [MeV]."""
        return losses(self.decoder, self.voxels, showers, t)

    @torch.no_grad()
    def decode(self, bits: Bits, e_inc: IncidentEnergy, noise: RandomSource) -> Showers:
        """Draw showers [MeV] for given bits: layer energies first, then voxels.

        The compiled core and torch draw the same showers from the same numbers, up to rounding;
        the first is for CPUs, the other for any device.
        """
        self.scale.check(e_inc)
        core = compiled(self)
        if core is None:
            layers = self.law.draw(bits, e_inc, self.scale(e_inc), noise)
            return self._draw_by_torch(layers, e_inc, noise)
        numbers = numbers_of(self, noise, len(bits), layers=True)
        drawn = core.decode(bits.numpy(), e_inc[:, 0].numpy(), numbers)
        return torch.from_numpy(drawn).view(-1, *self.geometry.shape)

    @torch.no_grad()
    def decode_layers(
        self, layers: Float[Tensor, "batch layer"], e_inc: IncidentEnergy, noise: RandomSource
    ) -> Showers:
        """Draw voxels for given layer energies [MeV], turned and mirrored at random."""
        core = compiled(self)
        if core is None:
            return self._draw_by_torch(layers, e_inc, noise)
        numbers = numbers_of(self, noise, len(layers), layers=False)
        drawn = core.fill(layers.numpy(), e_inc[:, 0].numpy(), numbers)
        return torch.from_numpy(drawn).view(-1, *self.geometry.shape)

    def _draw_by_torch(
        self, layers: Float[Tensor, "batch layer"], e_inc: IncidentEnergy, noise: RandomSource
    ) -> Showers:
        each = 2 + 2 * math.prod(self.decoder.shape[1:])
        uniforms = noise.uniform(*layers.shape, each)
        showers = draw_voxels(self.decoder, self.voxels, layers, self.scale(e_inc), uniforms)
        return rotate_and_mirror(showers, noise.uniform(len(showers), 2))

    def decoded_together(self, device: torch.device) -> int:
        """Showers that are computed together: the compiled core computes each alone."""
        alone = device.type == "cpu" and compiled(self) is not None
        return 1 if alone else super().decoded_together(device)

    @torch.no_grad()
    def sample(
        self, e_inc: IncidentEnergy, seed: int, first: int, sweeps: int
    ) -> tuple[Bits, Float[Tensor, " batch"]] | None:
        """Draw the bits of numbered showers, and their energies, by the compiled core."""
        self.scale.check(e_inc)
        core = compiled(self)
        if core is None:
            return None
        bits, energies = core.sample(e_inc[:, 0].numpy(), seed, first, sweeps)
        return torch.from_numpy(bits), torch.from_numpy(energies).float()

    @torch.no_grad()
    def calibration(
        self, showers: Showers, e_inc: IncidentEnergy, noise: RandomSource
    ) -> Calibration:
        """Compare energies of hits with their distributions, given the true earlier layers."""
        del noise
        return calibration(self.decoder, self.voxels, showers, self.scale(e_inc))
