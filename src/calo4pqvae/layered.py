"""The layered model: bits that are layer energies, then layer after layer of voxels."""

import torch
from jaxtyping import Float
from torch import Tensor

from calo4pqvae.data.energy_code import EnergyCode
from calo4pqvae.data.transforms import EnergyScale
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.longitudinal import LongitudinalLaw
from calo4pqvae.model import Losses, ShowerModel
from calo4pqvae.nn.causal import CausalDecoder
from calo4pqvae.prior.boltzmann import BoltzmannPrior
from calo4pqvae.random import SharedNoise
from calo4pqvae.shapes import Bits, IncidentEnergy, Showers
from calo4pqvae.voxels import DrawnVoxels

__all__ = ["LayeredQVAE"]


class LayeredQVAE(ShowerModel):
    r"""Bits, layer energies, voxels: each given what was drawn before it.

    $p(x|e) = \sum_z p(z|e)\, p(E_1 .. E_{45}|z, e) \prod_l p(x_l | x_{<l}, E_1 .. E_{45}, e)$.
    The Boltzmann machine p(z|e) says in which interval each layer energy and the total lie;
    the bits are functions of the shower, so that nothing is lost to an approximate posterior.
    A copula draws the energies inside the intervals, and the decoder the voxels, layer after
    layer; each layer is scaled to its energy.

    Arguments:
        geometry: the regular cylinder whose showers it makes.
        scale: range of incident energies.
        code: code of the incident energy on partition 0, which is empty where fields and
            couplings of the prior follow the energy.
        prior: law of the bits.
        law: layer energies to bits and back.
        decoder: parameters of a layer's voxels.
        voxels: law of a voxel given these.
    """

    voxels: DrawnVoxels

    def __init__(
        self,
        *,
        geometry: CylindricalGeometry,
        scale: EnergyScale,
        code: EnergyCode,
        prior: BoltzmannPrior,
        law: LongitudinalLaw,
        decoder: CausalDecoder,
        voxels: DrawnVoxels,
    ) -> None:
        super().__init__(geometry=geometry, scale=scale, code=code, prior=prior, voxels=voxels)
        self.law, self.decoder = law, decoder

    def forward(
        self, showers: Showers, e_inc: IncidentEnergy, noise: SharedNoise, sharpness: float
    ) -> Losses:
        """Compute the voxel terms; the bits and their law are fitted apart."""
        showers = self.read_out(showers)
        self.scale.check(e_inc)
        outputs = self.decoder(showers, self.scale(e_inc))
        terms = self.voxels.loss(outputs, showers, e_inc, noise, sharpness)
        nothing = terms["hits"].new_zeros(())
        bits = torch.zeros(len(showers), self.prior.graph.n_nodes, dtype=torch.bool)
        return Losses(
            **terms,
            negative_entropy=nothing,
            positive_energy=nothing,
            bits=bits.to(showers.device),
        )

    @torch.no_grad()
    def encode(self, showers: Showers, e_inc: IncidentEnergy, noise: SharedNoise) -> Bits:
        """Give the bits of showers [MeV]; no random number is needed."""
        del noise
        t, code = self.condition(e_inc)
        layers = self.read_out(showers).sum(dim=(2, 3))
        return torch.cat([code, self.law.encode(layers, e_inc, t)[:, code.shape[1] :]], dim=1)

    @torch.no_grad()
    def decode(self, bits: Bits, e_inc: IncidentEnergy, noise: SharedNoise) -> Showers:
        """Draw showers [MeV] for given bits: layer energies first, then voxels."""
        self.scale.check(e_inc)
        layers = self.law.draw(bits, e_inc, self.scale(e_inc), noise)
        return self.decode_layers(layers, e_inc, noise)

    @torch.no_grad()
    def decode_layers(
        self, layers: Float[Tensor, "batch layer"], e_inc: IncidentEnergy, noise: SharedNoise
    ) -> Showers:
        """Draw voxels for given layer energies [MeV]."""
        passage = self.decoder.start(layers, self.scale(e_inc))
        shape = (len(layers), 1, *self.geometry.shape[1:])
        showers = []
        for number, energy in enumerate(layers.unbind(dim=1)):
            logit, shared = self.decoder.hit_logits(passage, number)
            hits = _draw_hits(logit, energy > 0, noise.uniform(*shape)[:, 0])
            mu, width = self.decoder.value_parameters(passage, number, hits, shared)
            drawn = self.voxels.draw_energies(
                mu[:, None], width[:, None], hits[:, None], noise.uniform(*shape)
            )
            layer = _scale_to(drawn[:, 0], energy, self.geometry.threshold)
            self.decoder.advance(passage, layer)
            showers.append(layer)
        return torch.stack(showers, dim=1)

    @torch.no_grad()
    def voxel_parameters(
        self, showers: Showers, e_inc: IncidentEnergy, noise: SharedNoise
    ) -> Float[Tensor, "batch outputs layer alpha r"]:
        """Give the decoder's numbers for every layer given the true layers before it."""
        del noise
        return self.decoder(self.read_out(showers), self.scale(e_inc))


def _draw_hits(logit: Tensor, lit: Tensor, uniform: Tensor) -> Tensor:
    """Draw hits: none in an empty layer, at least one, the most willing, in any other."""
    margin = (logit + torch.logit(uniform)).flatten(start_dim=1)
    hits = margin > 0
    hits = hits | torch.nn.functional.one_hot(margin.argmax(dim=1), hits.shape[1]).bool()
    return (hits & lit[:, None]).view(logit.shape)


def _scale_to(layer: Tensor, energy: Tensor, threshold: float) -> Tensor:
    """Scale a layer's voxels by one factor to sum to its energy, none below the threshold.

    Voxels that the factor takes below the threshold stay there, and the others give what is
    lacking in proportion to what they hold above it. A layer with more hits than its energy
    allows loses the smallest ones.
    """
    flat = layer.flatten(start_dim=1)
    hits = flat > 0
    least = threshold * hits.sum(dim=1)
    if bool((least > energy).any()):
        rank = flat.argsort(dim=1, descending=True).argsort(dim=1)
        hits = hits & (rank + 1 <= energy[:, None] / threshold + 1e-4)
        least = threshold * hits.sum(dim=1)
    kept = torch.where(hits, flat, 0.0)
    kept = kept * (energy / kept.sum(dim=1).clamp(min=1e-9))[:, None]
    above = torch.where(hits, kept - threshold, 0.0).clamp(min=0)
    factor = (energy - least).clamp(min=0) / above.sum(dim=1).clamp(min=1e-9 * threshold)
    return torch.where(hits, threshold + above * factor[:, None], 0.0).view(layer.shape)
