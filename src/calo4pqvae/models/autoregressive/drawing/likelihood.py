"""Likelihood of the voxels of given layer energies, and what calibrates it."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from calo4pqvae._core.typing import Showers
from calo4pqvae.models.autoregressive.causal import CausalDecoder
from calo4pqvae.models.autoregressive.sectors import LayerEmbedding, shear_odd_rings
from calo4pqvae.models.voxels.base import Terms, cross_entropy
from calo4pqvae.models.voxels.shared import SharedVoxels, Shares

__all__ = ["calibration", "losses"]


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
    showers = shear_odd_rings(showers)
    layer_context, history = decoder(showers, t)
    n_hits = (showers > 0).to(showers.dtype).sum(dim=(2, 3))
    hits = decoder.counts.loss(decoder.counts(layer_context), n_hits).sum()
    values = torch.zeros_like(hits)
    for part in _passes(decoder, decoder.embed(layer_context, history, n_hits), showers, t):
        hits = hits + cross_entropy(part.logit, part.hits).sum()
        values = values + voxels.loss(part.mu, part.width, part.shares).sum()
    return {"values": values / len(showers), "hits": hits / len(showers)}


@torch.no_grad()
def calibration(
    decoder: CausalDecoder, voxels: SharedVoxels, showers: Showers, t: Float[Tensor, "batch 1"]
) -> tuple[Float[Tensor, " hits"], Float[Tensor, " hits"], Int[Tensor, " hits"]]:
    """Evaluate what the table of quantiles is fitted to: see `SharedVoxels.transform`."""
    showers = shear_odd_rings(showers)
    layer_context, history = decoder(showers, t)
    n_hits = (showers > 0).to(showers.dtype).sum(dim=(2, 3))
    parts = [
        voxels.transform(part.mu, part.width, part.shares)
        for part in _passes(decoder, decoder.embed(layer_context, history, n_hits), showers, t)
    ]
    mu, logit, ring = (torch.cat(part) for part in zip(*parts, strict=True))
    return mu, logit, ring


def _passes(
    decoder: CausalDecoder,
    embedded: LayerEmbedding,
    showers: Showers,
    t: Float[Tensor, "batch 1"],
) -> Iterator[_Pass]:
    """Go through the groups, each given the true voxels before it."""
    sectors, threshold = decoder.sectors, decoder.threshold
    logit_mean, mu_mean, width_mean = decoder.mean_of(t, slice(None))
    hits = (showers > 0).to(showers.dtype)
    seen = torch.cat([decoder.scaled(showers), hits], dim=-1)
    n_left, left = hits.sum(dim=(2, 3)), showers.sum(dim=(2, 3))
    logits, places, n = [], showers.shape[2] * showers.shape[3], n_left
    for number, group in enumerate(sectors.groups):
        logits.append(sectors.hit_logits(embedded, number, hits, n, places) + logit_mean)
        n = n - hits[:, :, group.sectors].sum(dim=(2, 3))
        places -= group.count * showers.shape[3]
    sectors.embed_hits(embedded, hits)
    for number, group in enumerate(sectors.groups):
        energies, mine = showers[:, :, group.sectors], hits[:, :, group.sectors]
        mu, width = sectors.value_parameters(embedded, number, seen, left / threshold, n_left)
        after = n_left - mine.sum(dim=(2, 3))
        shares = Shares(energies, left, n_left, after < 0.5)
        mu, width = (mu + mu_mean).float(), (width + width_mean).float()
        yield _Pass(logits[number].float(), mine, mu, width, shares)
        n_left, left = after, (left - energies.sum(dim=(2, 3))).clamp(min=0)
