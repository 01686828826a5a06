"""Voxels of given layer energies: their likelihood, what calibrates it, and draws."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from calo4pqvae.nn.causal import CausalDecoder
from calo4pqvae.nn.sectors import Opened, straighten, zigzag
from calo4pqvae.random import SharedNoise
from calo4pqvae.shapes import Showers
from calo4pqvae.voxels.base import Terms, cross_entropy
from calo4pqvae.voxels.shared import SharedVoxels, Shares

__all__ = ["calibration", "draw_showers", "losses"]

Layer = Float[Tensor, "batch alpha r"]
PerShower = Float[Tensor, " batch"]


@dataclass(frozen=True, eq=False)
class _Pass:
    """One group of sectors in all layers of whole showers."""

    logit: Tensor
    hits: Tensor
    mu: Tensor
    width: Tensor
    shares: Shares


def losses(
    decoder: CausalDecoder, voxels: SharedVoxels, showers: Showers, t: Float[Tensor, "batch 1"]
) -> Terms:
    """Compute ``values`` and ``hits``, negative log-likelihoods of a batch [nats a shower].

    ``hits`` counts the number of hits of each layer and which voxels they are, ``values`` the
    energies of the hits given these and the layer energies.
    """
    showers = zigzag(showers)
    world, history = decoder(showers, t)
    n_hits = (showers > 0).to(showers.dtype).sum(dim=(2, 3))
    hits = decoder.counts.loss(decoder.counts(world), n_hits).sum()
    values = torch.zeros_like(hits)
    for part in _passes(decoder, decoder.open(world, history, n_hits), showers, t):
        hits = hits + cross_entropy(part.logit, part.hits).sum()
        values = values + voxels.loss(part.mu, part.width, part.shares).sum()
    return {"values": values / len(showers), "hits": hits / len(showers)}


@torch.no_grad()
def calibration(
    decoder: CausalDecoder, voxels: SharedVoxels, showers: Showers, t: Float[Tensor, "batch 1"]
) -> tuple[Float[Tensor, " hits"], Float[Tensor, " hits"], Int[Tensor, " hits"]]:
    """Evaluate what the table of quantiles is fitted to: see `SharedVoxels.transform`."""
    showers = zigzag(showers)
    world, history = decoder(showers, t)
    n_hits = (showers > 0).to(showers.dtype).sum(dim=(2, 3))
    parts = [
        voxels.transform(part.mu, part.width, part.shares)
        for part in _passes(decoder, decoder.open(world, history, n_hits), showers, t)
    ]
    mu, logit, ring = (torch.cat(part) for part in zip(*parts, strict=True))
    return mu, logit, ring


def _passes(
    decoder: CausalDecoder, opened: Opened, showers: Showers, t: Float[Tensor, "batch 1"]
) -> Iterator[_Pass]:
    """Go through the groups, each given the true voxels before it."""
    sectors, threshold = decoder.sectors, decoder.threshold
    logit_mean, mu_mean, width_mean = decoder.mean_of(t, slice(None))
    hits = (showers > 0).to(showers.dtype)
    seen = torch.cat([decoder.scaled(showers), hits], dim=-1)
    n_left, left = hits.sum(dim=(2, 3)), showers.sum(dim=(2, 3))
    logits, places, n = [], showers.shape[2] * showers.shape[3], n_left
    for number, group in enumerate(sectors.groups):
        logits.append(sectors.hit_logits(opened, number, hits, n, places) + logit_mean)
        n = n - hits[:, :, group.sectors].sum(dim=(2, 3))
        places -= group.count * showers.shape[3]
    sectors.see_hits(opened, hits)
    for number, group in enumerate(sectors.groups):
        energies, mine = showers[:, :, group.sectors], hits[:, :, group.sectors]
        mu, width = sectors.value_parameters(opened, number, seen, left / threshold, n_left)
        after = n_left - mine.sum(dim=(2, 3))
        shares = Shares(energies, left, n_left, after < 0.5)
        mu, width = (mu + mu_mean).float(), (width + width_mean).float()
        yield _Pass(logits[number].float(), mine, mu, width, shares)
        n_left, left = after, (left - energies.sum(dim=(2, 3))).clamp(min=0)


@torch.no_grad()
def draw_showers(
    decoder: CausalDecoder,
    voxels: SharedVoxels,
    layers: Float[Tensor, "batch layer"],
    t: Float[Tensor, "batch 1"],
    noise: SharedNoise,
) -> Showers:
    """Draw voxels [MeV] whose sums are the given layer energies [MeV]."""
    passage = decoder.start(layers, t)
    voxels_each = math.prod(decoder.shape[1:])
    chances = noise.uniform(len(layers), len(layers[0]), 2 + 2 * voxels_each)
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
    most = torch.floor(energy / voxels.threshold + 1e-4).clamp(min=1)
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
