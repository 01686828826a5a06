"""Draws of the voxels of given layer energies, in torch, for any device."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae._core.typing import Showers
from calo4pqvae.models.autoregressive.causal import CausalDecoder
from calo4pqvae.models.autoregressive.constants import SLACK
from calo4pqvae.models.autoregressive.sectors import Opened, straighten
from calo4pqvae.models.voxels.shared import SharedVoxels, Shares

__all__ = ["draw_voxels"]

Layer = Float[Tensor, "batch alpha r"]
PerShower = Float[Tensor, " batch"]


def draw_voxels(
    decoder: CausalDecoder,
    voxels: SharedVoxels,
    layers: Float[Tensor, "batch layer"],
    t: Float[Tensor, "batch 1"],
    chances: Float[Tensor, "batch layer chances"],
) -> Showers:
    """Draw voxels [MeV] whose sums are the given layer energies [MeV].

    Of each layer's uniform numbers two are for the number of hits, one of each voxel for the
    hits, and one of each for the energies.
    """
    passage = decoder.start(layers, t)
    showers = []
    for number, energy in enumerate(layers.unbind(dim=1)):
        world, history = decoder.step(passage, number)
        layer = energy.new_zeros(len(energy), *decoder.shape[1:])
        lit = energy.nonzero()[:, 0]
        known = (part[lit] for part in (world, history, energy, t, chances[:, number]))
        layer[lit] = _draw_layer(decoder, voxels, number, *known)
        decoder.advance(passage, layer)
        showers.append(layer)
    return straighten(torch.stack(showers, dim=1))


def _draw_layer(
    decoder: CausalDecoder,
    voxels: SharedVoxels,
    number: int,
    world: Tensor,
    history: Tensor,
    energy: PerShower,
    t: Float[Tensor, "batch 1"],
    chances: Float[Tensor, "batch chances"],
) -> Layer:
    """Draw one layer of showers that have energy there."""
    shape = decoder.shape[1:]
    chance, for_hits, for_energies = chances.split([2, *[math.prod(shape)] * 2], dim=1)
    n_hits = decoder.counts.draw(decoder.counts(world), chance)
    most = torch.floor(energy / voxels.threshold + SLACK).clamp(min=1)
    n_hits = torch.minimum(n_hits, most)
    opened = decoder.open(world, history, n_hits)
    mean = decoder.mean_of(t, number)
    hits = _draw_hits(decoder, opened, mean[0], n_hits, for_hits.unflatten(1, shape))
    return _draw_energies(
        decoder, voxels, opened, mean[1:], hits, energy, for_energies.unflatten(1, shape)
    )


def _draw_hits(
    decoder: CausalDecoder, opened: Opened, mean: Tensor, n_hits: PerShower, uniform: Layer
) -> Bool[Tensor, "batch alpha r"]:
    n_alpha, n_r = decoder.shape[1:]
    hits = torch.zeros_like(uniform)
    places = n_alpha * n_r
    for number, group in enumerate(decoder.sectors.groups):
        logit = decoder.sectors.hit_logits(opened, number, hits, n_hits, places) + mean
        places -= group.count * n_r
        margin = logit + torch.logit(uniform[:, group.sectors])
        mine = _choose(margin, (n_hits - places).clamp(min=0), n_hits)
        hits[:, group.sectors] = mine.to(hits.dtype)
        n_hits = n_hits - mine.sum(dim=(1, 2))
    return hits > 0


def _choose(margin: Layer, least: PerShower, most: PerShower) -> Bool[Tensor, "batch alpha r"]:
    """Choose voxels with a positive margin, the best ones, not fewer or more than allowed."""
    flat = margin.flatten(start_dim=1)
    chosen = flat > 0
    count = chosen.sum(dim=1).to(most.dtype)
    wanted = torch.minimum(torch.maximum(count, least), most)
    wrong = (wanted != count).nonzero()[:, 0]
    if len(wrong):
        wanted = wanted[wrong, None].long()
        ranked = flat[wrong].sort(dim=1, descending=True).values
        edge = ranked.gather(1, (wanted - 1).clamp(min=0))
        chosen[wrong] = (flat[wrong] >= edge) & (wanted > 0)
    return chosen.view(margin.shape)


def _draw_energies(
    decoder: CausalDecoder,
    voxels: SharedVoxels,
    opened: Opened,
    mean: tuple[Tensor, ...],
    hits: Bool[Tensor, "batch alpha r"],
    energy: PerShower,
    uniform: Layer,
) -> Layer:
    sectors, threshold = decoder.sectors, voxels.threshold
    lit = hits.to(energy.dtype)
    sectors.see_hits(opened, lit)
    layer, seen = torch.zeros_like(lit), torch.cat([torch.zeros_like(lit), lit], dim=-1)
    left, n_left = energy, lit.sum(dim=(1, 2))
    for number, group in enumerate(sectors.groups):
        mine = hits[:, group.sectors]
        mu, width = sectors.value_parameters(opened, number, seen, left / threshold, n_left)
        after = n_left - mine.sum(dim=(1, 2))
        shares = Shares(layer[:, group.sectors], left, n_left, after < 0.5)
        drawn = voxels.draw(
            mu + mean[0], width + mean[1], mine, shares, uniform[:, group.sectors]
        )
        layer[:, group.sectors] = drawn
        seen[:, group.sectors, : drawn.shape[2]] = decoder.scaled(drawn)
        left, n_left = (left - drawn.sum(dim=(1, 2))).clamp(min=0), after
    return layer
