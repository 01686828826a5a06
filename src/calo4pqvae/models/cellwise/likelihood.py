"""Likelihood of the voxels of given layer energies, cell by cell."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from calo4pqvae._core.rng import RandomSource
from calo4pqvae._core.typing import Showers
from calo4pqvae.models.autoregressive.sectors import shear_odd_rings
from calo4pqvae.models.base import Calibration
from calo4pqvae.models.cellwise.allocation import undecided
from calo4pqvae.models.cellwise.compiled_allocation import allocation_of
from calo4pqvae.models.cellwise.decoder import N_PAST, CellDecoder
from calo4pqvae.models.cellwise.lateral import Lateral
from calo4pqvae.models.cellwise.network import LayerEmbedding
from calo4pqvae.models.voxels.base import Terms

__all__ = ["losses", "measured"]


_WEIGHT = 0.1
"""Weight of the loss that teaches the expected energies, of which only means are used."""

_LEAST_LEVEL = 1e-6


def losses(decoder: CellDecoder, showers: Showers, t: Float[Tensor, "batch 1"]) -> Terms:
    """Compute ``values`` and ``hits``, negative log-likelihoods of a batch [nats a shower]."""
    showers = shear_odd_rings(showers)
    hits = (showers > 0).to(showers.dtype)
    n_hits = hits.sum(dim=(2, 3))
    layer_context, history, past = decoder(showers, t, decoder.measure(showers))
    counted = decoder.counts.loss(decoder.counts(layer_context), n_hits).sum()
    known = decoder.with_counts(layer_context, n_hits)
    net, order = decoder.sectors, decoder.order
    embedded = net.embed(order.lined_up(history), known)
    logit_mean, _, _ = decoder.mean_of(t, slice(None))
    gates = decoder.gates(known)
    told = torch.einsum("blarf,blrf->blar", past, gates[..., :N_PAST]) + logit_mean
    beside = torch.einsum("blarf,blrf->blar", decoder.beside(hits), gates[..., N_PAST:])
    told, beside, is_hit, energies = (order.lined_up(x) for x in (told, beside, hits, showers))
    shape = is_hit.shape[2:]

    logits, n_left, base = [], n_hits, embedded.direct + told
    allocate = allocation_of(order, base, n_hits)
    for number, stage in enumerate(order.stages):
        places, mine = (shape[0] - stage.first) * shape[1], stage.places
        scores = net.hit_logits(embedded, number, is_hit, n_left, places)
        scores = scores + (told + beside)[..., mine, :]
        logits.append(scores + allocate.offsets(number, scores, is_hit[..., mine, :]))
        n_left = n_left - is_hit[..., mine, :].sum(dim=(2, 3))
    chosen = cross_entropy(torch.cat(logits, dim=2), is_hit, reduction="none")
    counted = counted + torch.where(undecided(is_hit), chosen, 0.0).sum()

    given = _given(decoder, (embedded, known, t), is_hit, energies)
    values = decoder.deposits.loss(given.outputs, given.y, given.room, given.later).sum()
    values = values + _WEIGHT * given.mean_loss
    return {"values": values / len(showers), "hits": counted / len(showers)}


def measured(
    decoder: CellDecoder,
    showers: Showers,
    t: Float[Tensor, "batch 1"],
    noise: RandomSource,
    lateral: Lateral | None = None,
) -> Calibration:
    """Give mean, logit of the level, and ring of hits that come from cells of many particles.

    Which distribution of `Deposits` a hit comes from is drawn from its probability given the
    energy.

    Arguments:
        decoder: gives hits their distributions.
        showers: voxels [MeV].
        t: scaled energies.
        noise: decides which distribution.
        lateral: the axis that draws were told, if it is not the showers' own.
    """
    showers = shear_odd_rings(showers)
    lateral = decoder.measure(showers) if lateral is None else lateral
    layer_context, history, _ = decoder(showers, t, lateral)
    known = decoder.with_counts(layer_context, (showers > 0).sum(dim=(2, 3)).to(showers.dtype))
    order, distribution = decoder.order, decoder.deposits
    embedded = decoder.sectors.embed(order.lined_up(history), known)
    energies = order.lined_up(showers)
    is_hit = (energies > 0).to(energies.dtype)
    given = _given(decoder, (embedded, known, t), is_hit, energies)
    share, mu, level = distribution.of_many(given.outputs, given.y, given.room, given.later)
    mine = noise.uniform(len(share)) < share
    return mu[mine], torch.logit(level[mine], _LEAST_LEVEL), given.ring[mine]


class _Given(NamedTuple):
    """Hits whose energies are drawn: what decides them, and what they are.

    The last hit of a layer takes what is left and is not among them.
    """

    outputs: Tensor
    y: Tensor
    room: Tensor
    later: Tensor
    ring: Tensor
    mean_loss: Tensor


def _given(
    decoder: CellDecoder,
    layer: tuple[LayerEmbedding, Tensor, Tensor],
    is_hit: Tensor,
    energies: Tensor,
) -> _Given:
    """Find what each hit's energy is drawn from, given the true hits and energies before."""
    embedded, known, t = layer
    net, v0, n_r = decoder.sectors, decoder.threshold, is_hit.shape[-1]
    _, log_mean, output_mean = decoder.mean_of(t, slice(None))
    seen = torch.cat([decoder.scaled(energies), is_hit], dim=-1)
    n_left, sector_n = _left(is_hit)
    left, sector_left = _left(energies)
    rows = tuple(is_hit.any(dim=-1).nonzero(as_tuple=True))
    around = net.neighbourhood(is_hit)
    outputs, rows = net.outputs(embedded, rows, around, seen, (sector_left / v0, sector_n))
    outputs = outputs + output_mean[rows[0], rows[1], 0]
    log_e = net.log_expected(embedded.history[rows], around[rows], known[rows[:-1]])
    log_e = log_e + log_mean[rows[0], rows[1], 0]
    expected = torch.zeros_like(is_hit)
    expected[rows] = log_e.detach().exp() * is_hit[rows]
    rest, _ = _left(expected)
    n_left, left, v, rest = (x[rows] for x in (n_left, left, energies, rest))
    mean_loss = torch.where(v > 0, v / v0 * torch.exp(-log_e) + log_e, 0.0).sum()
    drawn = (v > 0) & (n_left > 1.5)
    shared = log_e.detach() + torch.log((left / v0 / rest.clamp(min=1e-3)).clamp(min=1e-3))
    of_cell = outputs.unflatten(-1, (-1, n_r)) + net.share * shared[:, None]
    later = n_left[drawn] - 1
    room = (left[drawn] / v0 - later).clamp(min=1.001).log()
    y = torch.minimum((v[drawn] / v0).log(), room)
    ring = torch.arange(n_r, device=v.device).expand(v.shape)[drawn]
    return _Given(of_cell.transpose(-1, -2)[drawn], y, room, later, ring, mean_loss)


def _left(x: Tensor) -> tuple[Tensor, Tensor]:
    """Sum each cell and all later ones, and each sector and all later ones.

    Cells of a sector are drawn towards the axis.
    """
    flat = x.flip(-1).flatten(start_dim=-2).double()
    left = flat.flip(-1).cumsum(-1).flip(-1).to(x.dtype).unflatten(-1, x.shape[-2:])
    return left.flip(-1), left[..., 0]
