"""The layered model: bits that are layer energies, then layer after layer of voxels."""

import math
from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae._core.rng import RandomSource
from calo4pqvae._core.typing import Bits, IncidentEnergy, Showers
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.config import TrainingConfig
from calo4pqvae.data.batches import ShowerBatches
from calo4pqvae.data.energy_code import EnergyCode
from calo4pqvae.data.symmetry import rotate_and_mirror
from calo4pqvae.data.transforms import EnergyScale
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.autoregressive.causal import CausalDecoder
from calo4pqvae.models.autoregressive.compiled import compiled, numbers_of
from calo4pqvae.models.autoregressive.drawing import calibration, draw_voxels, losses
from calo4pqvae.models.autoregressive.fit import fit_longitudinal
from calo4pqvae.models.autoregressive.layer_energies import LongitudinalLaw
from calo4pqvae.models.base import Calibration, Losses, ShowerModel
from calo4pqvae.models.voxels import SharedVoxels

__all__ = ["LayeredQVAE"]


class LayeredQVAE(ShowerModel):
    r"""Bits, layer energies, voxels: each given what was drawn before it.

    $p(x|e) = \sum_z p(z|e)\, p(E_1 .. E_{45}|z, e) \prod_l p(x_l | x_{<l}, E_1 .. E_{45}, e)$.
    The Boltzmann machine p(z|e) says in which interval each layer energy and the total lie;
    the bits are functions of the shower, so that nothing is lost to an approximate posterior.
    A copula draws the energies inside the intervals, and the decoder the voxels, layer after
    layer, so that each layer sums to its energy.

    Arguments:
        geometry: the regular cylinder whose showers it makes.
        scale: range of incident energies.
        code: code of the incident energy on partition 0, which is empty where fields and
            couplings of the prior follow the energy.
        prior: law of the bits.
        law: layer energies to bits and back.
        decoder: what the voxels of a layer depend on.
        voxels: law of their energies.
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

    voxels: SharedVoxels

    def __init__(
        self,
        *,
        geometry: CylindricalGeometry,
        scale: EnergyScale,
        code: EnergyCode,
        prior: BoltzmannMachine,
        law: LongitudinalLaw,
        decoder: CausalDecoder,
        voxels: SharedVoxels,
    ) -> None:
        super().__init__(geometry=geometry, scale=scale, code=code, prior=prior, voxels=voxels)
        self.law, self.decoder = law, decoder

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

    def take_networks(self, weights: Mapping[str, Tensor]) -> None:
        """Take over decoder and voxels; the rest is fitted."""
        for name, part in (("decoder", self.decoder), ("voxels", self.voxels)):
            head = f"{name}."
            mine = {
                key.removeprefix(head): v for key, v in weights.items() if key.startswith(head)
            }
            part.load_state_dict(mine)

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

    def forward(
        self, showers: Showers, e_inc: IncidentEnergy, noise: RandomSource, sharpness: float
    ) -> Losses:
        """Compute the voxel terms; the bits and their law are fitted apart."""
        del noise, sharpness
        showers = self.read_out(showers)
        self.scale.check(e_inc)
        terms = losses(self.decoder, self.voxels, showers, self.scale(e_inc))
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
        layers = self.read_out(showers).sum(dim=(2, 3))
        return torch.cat([code, self.law.encode(layers, e_inc, t)[:, code.shape[1] :]], dim=1)

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
        """Compare energies of hits with their laws, given the true layers before them."""
        del noise
        return calibration(self.decoder, self.voxels, showers, self.scale(e_inc))
