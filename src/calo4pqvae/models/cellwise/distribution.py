"""Distribution of layer energies and centres of blocks of depth at an incident energy."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae._core.rng import RandomSource
from calo4pqvae._core.typing import Bits, IncidentEnergy
from calo4pqvae.models.autoregressive.layer_energies import LongitudinalDistribution
from calo4pqvae.models.autoregressive.layer_energies.copula import GaussianCopula
from calo4pqvae.models.autoregressive.layer_energies.distribution import Levels
from calo4pqvae.models.autoregressive.layer_energies.marginals import (
    ConditionalQuantiles,
    Energies,
    Interval,
)
from calo4pqvae.models.autoregressive.layer_energies.quantile_bits import QuantileBits
from calo4pqvae.models.cellwise.lateral import Lateral, block_ends
from calo4pqvae.units import GeV

__all__ = ["ShowerDistribution", "n_lateral"]

REACH = 1.1
"""Factor on the normal scale of the radius that a drawn shower aims at: drawn ones reach it by
nine tenths. Chosen on training showers (docs/research/structure.md)."""

_ANCHOR = 1
"""The block whose centre gives the orientation: the one before the maximum's end holds most
energy below 10 GeV, where centres wander most."""

_N_SUMS = 4

_BANDWIDTH, _SHRINK = 0.02, 0.003
"""Correlations of neighbouring layers rise with the energy, from 0.56 at 15 to 0.80 at 85 GeV:
with windows of 0.06 and a shrinkage of 0.01 they were 0.76 there, since most showers of the
window have less energy, and profiles were too rough."""

Profiles = Float[Tensor, "batch numbers"]
Frame = Float[Tensor, "batch 2"]


def n_lateral(n_layers: int) -> int:
    """Count the lateral quantities of showers with so many layers."""
    return 2 * len(block_ends(n_layers))


class ShowerDistribution(LongitudinalDistribution):
    r"""Joint distribution of longitudinal quantities and of the centre in blocks of depth.

    The centre $c_k$ of block k is told in a frame that the shower itself fixes: the first axis
    points to the centre of the anchor block, and a mirror makes the first other block lie to
    the left. Quantities are $\ln |c_a| \sqrt{E_a}$ of the anchor, both components of
    $c_k \sqrt{E_k}$ of all others (a centre of few particles wanders as one over the root of
    their energy), and the mean radius. The frame itself is drawn at random: rotations and
    mirror images are exact symmetries.

    `layers` of this class are profiles: the energy of each layer, then sums of E eta, E phi and
    E r of each.

    Arguments:
        lateral_bits: bits of each lateral quantity.
        others: as for `LongitudinalDistribution`.
    """

    def __init__(
        self,
        n_layers: int,
        threshold: float,
        n_nodes: int,
        bits: Levels = (1, 2, 8, 4, 6),
        bins: int = 16,
        rounds: int = 20,
        lateral_bits: int = 2,
    ) -> None:
        super().__init__(n_layers, threshold, n_nodes, bits, bins, rounds)
        n_more = n_lateral(n_layers)
        self.n_leading = self.copula.correlation.shape[1] - n_layers + n_more
        n = n_layers + self.n_leading
        self.marginals = ConditionalQuantiles(n)
        self.levels = QuantileBits([*self.levels.bits, *[lateral_bits] * n_more])
        self.copula = GaussianCopula(n, bins, _BANDWIDTH, shrink=_SHRINK, ordered=True)
        self.register_buffer("node_of_bit", torch.arange(self.levels.n_bits))

    def quantities(
        self, layers: Profiles, e_inc: IncidentEnergy
    ) -> tuple[Float[Tensor, "batch quantities"], Bool[Tensor, "batch quantities"]]:
        """Measure the quantities, and note which are present."""
        energies, sums = self.split(layers)
        x, present = super().quantities(energies, e_inc)
        lateral = Lateral.measure(sums.double(), energies.double())
        more, some = _told(lateral, self._of_blocks(energies.double()))
        return torch.cat([x, more], dim=1), torch.cat([present, some], dim=1)

    def split(self, layers: Profiles) -> tuple[Tensor, Float[Tensor, "batch layer 3"]]:
        """Give energies of the layers, and sums of E eta, E phi and E r."""
        n = self.n_layers
        return layers[:, :n], layers[:, n:].unflatten(1, (n, _N_SUMS - 1))

    def draw_shower(
        self, states: Bits, e_inc: IncidentEnergy, t: Energies, noise: RandomSource
    ) -> tuple[Float[Tensor, "batch layer"], Lateral]:
        """Draw layer energies [MeV] and the lateral part for states of the machine."""
        box = self.levels.decode(states[:, self.node_of_bit], self.marginals.absence(t))
        return self.draw_in(box, e_inc, t, noise)

    def draw_in(
        self, box: Interval, e_inc: IncidentEnergy, t: Energies, noise: RandomSource
    ) -> tuple[Float[Tensor, "batch layer"], Lateral]:
        """Draw both inside intervals of the normal scale."""
        u = self.copula.draw(box, t, noise.uniform, self.rounds, leading=self.n_leading)
        x, present = self.marginals.from_normal(_wider(u), t)
        layers = self.scale(x, present, e_inc)
        return layers, self._lateral(x, present, layers, noise)

    def lateral_of(
        self,
        layers: Float[Tensor, "batch layer"],
        e_inc: IncidentEnergy,
        t: Energies,
        noise: RandomSource,
    ) -> Lateral:
        """Draw the lateral part of showers whose layer energies [MeV] are given."""
        x, present = super().quantities(layers, e_inc)
        n = n_lateral(self.n_layers)
        pad = torch.nn.functional.pad
        low, high = self.marginals.to_normal(pad(x, (0, n)), pad(present, (0, n)), t)
        low[:, -n:], high[:, -n:] = -torch.inf, torch.inf
        u = self.copula.draw((low, high), t, noise.uniform, self.rounds)
        return self._lateral(*self.marginals.from_normal(_wider(u), t), layers, noise)

    def _lateral(
        self,
        x: Tensor,
        present: Tensor,
        layers: Float[Tensor, "batch layer"],
        noise: RandomSource,
    ) -> Lateral:
        """Take the lateral part out of drawn quantities, in a frame drawn at random."""
        more = -n_lateral(self.n_layers)
        frame = 2 * math.pi * noise.uniform(len(layers), 1)
        sign = torch.where(noise.uniform(len(layers), 1) < 0.5, -1.0, 1.0).double()
        axis = torch.cat([frame.cos(), frame.sin()], dim=1).double()
        blocks = self._of_blocks(layers.double())
        return _untold(x[:, more:], present[:, more:], blocks, axis, sign)

    def _of_blocks(
        self, energies: Float[Tensor, "batch layer"]
    ) -> Float[Tensor, "batch blocks"]:
        ends = block_ends(self.n_layers)
        parts = zip((0, *ends[:-1]), ends, strict=True)
        return torch.stack([energies[:, a:b].sum(dim=1) for a, b in parts], dim=1)


def _wider(u: Float[Tensor, "batch quantities"]) -> Float[Tensor, "batch quantities"]:
    """Move the mean radius, the last quantity, away from its middle."""
    return torch.cat([u[:, :-1], REACH * u[:, -1:]], dim=1)


def _others(n_blocks: int) -> list[int]:
    """Blocks beside the anchor; the first gives the mirror."""
    anchor = min(_ANCHOR, n_blocks - 1)
    return sorted((k for k in range(n_blocks) if k != anchor), key=lambda k: k < anchor)


def _told(
    lateral: Lateral, blocks: Float[Tensor, "batch blocks"]
) -> tuple[Float[Tensor, "batch more"], Bool[Tensor, "batch more"]]:
    """Tell centres in the shower's own frame."""
    n = blocks.shape[1]
    anchor, others = min(_ANCHOR, n - 1), _others(n)
    scaled = lateral.centres * (blocks / GeV).sqrt()[..., None]
    length = scaled[:, anchor].norm(dim=1, keepdim=True)
    axis = scaled[:, anchor] / length.clamp(min=1e-12)
    columns = [torch.log(length.clamp(min=1e-12))]
    present = [length > 1e-9]
    sign = None
    for k in others:
        along = (scaled[:, k] * axis).sum(dim=1, keepdim=True)
        across = axis[:, :1] * scaled[:, k, 1:] - axis[:, 1:] * scaled[:, k, :1]
        sign = torch.where(across < 0, -1.0, 1.0) if sign is None else sign
        columns += [along, across * sign]
        present += [(blocks[:, k, None] > 0) & present[0]] * 2
    columns.append(lateral.radius)
    present.append(blocks.sum(dim=1, keepdim=True) > 0)
    return torch.cat(columns, dim=1), torch.cat(present, dim=1)


def _untold(
    x: Float[Tensor, "batch more"],
    present: Bool[Tensor, "batch more"],
    blocks: Float[Tensor, "batch blocks"],
    axis: Frame,
    sign: Float[Tensor, "batch 1"],
) -> Lateral:
    """Put centres into a frame whose first axis points along `axis`; a block stays inside."""
    n = blocks.shape[1]
    anchor, others = min(_ANCHOR, n - 1), _others(n)
    x = torch.where(present, x, 0.0)
    pairs = torch.zeros(len(x), n, 2, dtype=torch.float64, device=x.device)
    pairs[:, anchor, 0] = torch.where(present[:, 0], x[:, 0].exp(), 0.0)
    for place, k in enumerate(others):
        pairs[:, k] = x[:, 1 + 2 * place : 3 + 2 * place]
    pairs[:, :, 1] *= sign
    left = torch.stack([-axis[:, 1], axis[:, 0]], dim=1)
    turned = pairs[..., :1] * axis[:, None] + pairs[..., 1:] * left[:, None]
    weight = (blocks / GeV).sqrt()
    some = weight > 1e-3
    centres = torch.where(some[..., None], turned / weight.clamp(min=1e-3)[..., None], 0.0)
    length = centres.norm(dim=-1, keepdim=True).clamp(min=1.0)
    return Lateral((centres / length).float(), x[:, -1:].clamp(0, 1).float())
