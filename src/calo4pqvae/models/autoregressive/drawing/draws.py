"""Draws of the voxels of given layer energies, in torch, for any device."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae._core.typing import Showers
from calo4pqvae.models.autoregressive.causal import CausalDecoder
from calo4pqvae.models.autoregressive.constants import SLACK
from calo4pqvae.models.autoregressive.sectors import LayerEmbedding, unshear_odd_rings
from calo4pqvae.models.voxels.shared import SharedVoxels, Shares

__all__ = ["draw_voxels"]

Layer = Float[Tensor, "batch alpha r"]
PerShower = Float[Tensor, " batch"]


def draw_voxels(
    decoder: CausalDecoder,
    voxels: SharedVoxels,
    layers: Float[Tensor, "batch layer"],
    t: Float[Tensor, "batch 1"],
    uniforms: Float[Tensor, "batch layer uniforms"],
) -> Showers:
    """Draw voxels [MeV] whose sums are the given layer energies [MeV].

    Of each layer's uniform numbers two are for the number of hits, one of each voxel for the
    hits, and one of each for the energies.
    """
    decoding = decoder.init_state(layers, t)
    showers = []
    for number, energy in enumerate(layers.unbind(dim=1)):
        layer_context, history = decoder.step(decoding, number)
        layer = energy.new_zeros(len(energy), *decoder.shape[1:])
        non_empty = energy.nonzero()[:, 0]
        known = (
            part[non_empty] for part in (layer_context, history, energy, t, uniforms[:, number])
        )
        layer[non_empty] = _draw_layer(decoder, voxels, number, *known)
        decoder.update(decoding, layer)
        showers.append(layer)
    return unshear_odd_rings(torch.stack(showers, dim=1))


def _draw_layer(
    decoder: CausalDecoder,
    voxels: SharedVoxels,
    number: int,
    layer_context: Tensor,
    history: Tensor,
    energy: PerShower,
    t: Float[Tensor, "batch 1"],
    uniforms: Float[Tensor, "batch uniforms"],
) -> Layer:
    """Draw one layer of showers that have energy there."""
    shape = decoder.shape[1:]
    for_count, for_hits, for_energies = uniforms.split([2, *[math.prod(shape)] * 2], dim=1)
    n_hits = decoder.counts.draw(decoder.counts(layer_context), for_count)
    most = torch.floor(energy / voxels.threshold + SLACK).clamp(min=1)
    n_hits = torch.minimum(n_hits, most)
    embedded = decoder.embed(layer_context, history, n_hits)
    mean = decoder.mean_of(t, number)
    hits = _draw_hits(decoder, embedded, mean[0], n_hits, for_hits.unflatten(1, shape))
    return _draw_energies(
        decoder, voxels, embedded, mean[1:], hits, energy, for_energies.unflatten(1, shape)
    )


def _draw_hits(
    decoder: CausalDecoder,
    embedded: LayerEmbedding,
    mean: Tensor,
    n_hits: PerShower,
    uniform: Layer,
) -> Bool[Tensor, "batch alpha r"]:
    n_alpha, n_r = decoder.shape[1:]
    hits = torch.zeros_like(uniform)
    places = n_alpha * n_r
    for number, group in enumerate(decoder.sectors.groups):
        logit = decoder.sectors.hit_logits(embedded, number, hits, n_hits, places) + mean
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
    embedded: LayerEmbedding,
    mean: tuple[Tensor, ...],
    hits: Bool[Tensor, "batch alpha r"],
    energy: PerShower,
    uniform: Layer,
) -> Layer:
    sectors, threshold = decoder.sectors, voxels.threshold
    is_hit = hits.to(energy.dtype)
    sectors.embed_hits(embedded, is_hit)
    layer, seen = (
        torch.zeros_like(is_hit),
        torch.cat([torch.zeros_like(is_hit), is_hit], dim=-1),
    )
    left, n_left = energy, is_hit.sum(dim=(1, 2))
    for number, group in enumerate(sectors.groups):
        mine = hits[:, group.sectors]
        mu, width = sectors.value_parameters(embedded, number, seen, left / threshold, n_left)
        after = n_left - mine.sum(dim=(1, 2))
        shares = Shares(layer[:, group.sectors], left, n_left, after < 0.5)
        drawn = voxels.draw(
            mu + mean[0], width + mean[1], mine, shares, uniform[:, group.sectors]
        )
        layer[:, group.sectors] = drawn
        seen[:, group.sectors, : drawn.shape[2]] = decoder.scaled(drawn)
        left, n_left = (left - drawn.sum(dim=(1, 2))).clamp(min=0), after
    return layer
