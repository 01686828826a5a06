"""Draws of the voxels of given layer energies, cell by cell, in torch, for any device."""

import math
from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from calo4pqvae._core.typing import Showers
from calo4pqvae.models.autoregressive.sectors import unshear_odd_rings
from calo4pqvae.models.cellwise.allocation import Allocation
from calo4pqvae.models.cellwise.corrections import DrawCorrections
from calo4pqvae.models.cellwise.decoder import N_PAST, CellDecoder
from calo4pqvae.models.cellwise.lateral import Lateral
from calo4pqvae.models.cellwise.network import LayerEmbedding
from calo4pqvae.models.cellwise.remainder import share_remainder
from calo4pqvae.models.voxels.quantiles import QuantileTable

__all__ = ["draw_voxels"]

Layer = Float[Tensor, "batch alpha r"]
PerShower = Float[Tensor, " batch"]


def draw_voxels(
    decoder: CellDecoder,
    shape: QuantileTable,
    corrections: DrawCorrections,
    layers: Float[Tensor, "batch layer"],
    lateral: Lateral,
    t: Float[Tensor, "batch 1"],
    uniforms: Float[Tensor, "batch layer uniforms"],
) -> Showers:
    """Draw voxels [MeV] whose sums are the given layer energies [MeV].

    Hits follow their distributions as `shape` and `corrections` reshape them. Of each layer's
    uniform numbers two are for the number of hits, one of each cell for the hits, and one of
    each for the energies, in the order of drawing.
    """
    decoding = decoder.init_cells(layers, t, lateral)
    showers = []
    for number, energy in enumerate(layers.unbind(dim=1)):
        layer_context, history, past = decoder.step_cells(decoding, number)
        layer = energy.new_zeros(len(energy), *decoder.shape[1:])
        non_empty = energy.nonzero()[:, 0]
        known = (
            part[non_empty]
            for part in (layer_context, history, past, energy, t, uniforms[:, number])
        )
        if len(non_empty):
            layer[non_empty] = _draw_layer((decoder, shape, corrections), number, *known)
        decoder.update_cells(decoding, layer)
        showers.append(layer)
    return unshear_odd_rings(torch.stack(showers, dim=1))


def _draw_layer(
    parts: tuple[CellDecoder, QuantileTable, DrawCorrections],
    number: int,
    layer_context: Tensor,
    history: Tensor,
    past: Tensor,
    energy: PerShower,
    t: Float[Tensor, "batch 1"],
    uniforms: Float[Tensor, "batch uniforms"],
) -> Layer:
    """Draw one layer of showers that have energy there."""
    decoder, table, corrections = parts
    shape, order = decoder.shape[1:], decoder.order
    for_count, for_hits, for_energies = uniforms.split([2, *[math.prod(shape)] * 2], dim=1)
    most = torch.floor(energy / decoder.threshold + 1e-4).clamp(min=1)
    n_hits = torch.minimum(decoder.counts.draw(decoder.counts(layer_context), for_count), most)
    known = decoder.with_counts(layer_context, n_hits)
    embedded = decoder.sectors.embed(order.lined_up(history), known)
    logit_mean, *value_means = decoder.mean_of(t, number)
    of_rings, of_bonds = corrections.of_scores(number, n_hits)
    gates = decoder.gates(known) + of_bonds[:, None]
    local = (past, gates, logit_mean + of_rings[:, None])
    allocation = partial(Allocation, order, far=corrections.of_far(number, n_hits))
    hits = _draw_hits(
        decoder, embedded, local, allocation, n_hits, for_hits.unflatten(1, shape)
    )
    levels = corrections.reshape(number, n_hits, for_energies.unflatten(1, shape))
    shaped = (levels, corrections.of_moves(number, n_hits))
    given = ((decoder, table), embedded, known, value_means, hits, energy, shaped)
    quantiles = corrections.of_last(number, n_hits)
    shared = share_remainder(_draw_energies(*given), energy, decoder.threshold, quantiles)
    return order.back(shared)


def _draw_hits(
    decoder: CellDecoder,
    embedded: LayerEmbedding,
    local: tuple[Tensor, Tensor, Tensor],
    allocate: Callable[[Layer, PerShower], Allocation],
    n_hits: PerShower,
    uniform: Layer,
) -> Layer:
    """Draw hits, in the order of drawing."""
    past, gates, mean = local
    net, order = decoder.sectors, decoder.order
    n_alpha, n_r = decoder.shape[1:]
    hits, n_left, logits = torch.zeros_like(uniform), n_hits, torch.logit(uniform)
    told = torch.einsum("barf,brf->bar", past, gates[..., :N_PAST]) + mean
    told = order.lined_up(told)
    allocation = allocate(embedded.direct + told, n_hits)
    for number, stage in enumerate(order.stages):
        mine = stage.places
        beside = decoder.beside(order.back(hits))
        beside = order.lined_up(torch.einsum("barf,brf->bar", beside, gates[..., N_PAST:]))
        places = (n_alpha - stage.first) * n_r
        scores = net.hit_logits(embedded, number, hits, n_left, places)
        scores = scores + (told + beside)[:, mine]
        hits[:, mine] = allocation.draw(number, scores, logits[:, mine])
        n_left = n_left - hits[:, mine].sum(dim=(1, 2))
    return hits


def _draw_energies(
    distributions: tuple[CellDecoder, QuantileTable],
    embedded: LayerEmbedding,
    layer_context: Tensor,
    means: list[Tensor],
    hits: Layer,
    energy: PerShower,
    shaped: tuple[Layer, Float[Tensor, "batch r moves"]],
) -> Layer:
    """Draw the energies of hits, in the order of drawing; the last one takes what is left."""
    (decoder, table), (uniform, moves) = distributions, shaped
    net, order, v0 = decoder.sectors, decoder.order, decoder.threshold
    n_r, around = decoder.shape[2], net.neighbourhood(hits)
    layer, seen = torch.zeros_like(hits), torch.cat([torch.zeros_like(hits), hits], dim=-1)
    left, n_left = energy.clone(), hits.sum(dim=(1, 2))
    log_e = net.log_expected(embedded.history, around, layer_context[:, None]) + means[0]
    rest = (log_e.exp() * hits).sum(dim=(1, 2))
    for sector in range(len(order.sectors)):
        with_hits = hits[:, sector].any(dim=1).nonzero()[:, 0]
        if not len(with_hits):
            continue
        wide = [x[:, None].expand(-1, len(order.sectors)) for x in (left / v0, n_left)]
        rows = (with_hits, torch.full_like(with_hits, sector))
        outputs, _ = net.outputs(embedded, rows, around, seen, (wide[0], wide[1]))
        outputs = (outputs + means[1][with_hits, 0]).unflatten(-1, (-1, n_r))
        for r in reversed(range(n_r)):
            some = hits[with_hits, sector, r].nonzero()[:, 0]
            if not len(some):
                continue
            mine = with_hits[some]
            room, n = left[mine], n_left[mine]
            own, later = log_e[mine, sector, r], n - 1
            shared = own + torch.log((room / v0 / rest[mine].clamp(min=1e-3)).clamp(min=1e-3))
            of_cell = outputs[some, :, r] + net.share[:, r] * shared[:, None]
            most = (room / v0 - later).clamp(min=1.001).log()
            reshape = partial(_reshaped, table, r)
            y = decoder.deposits.draw(of_cell, most, later, uniform[mine, sector, r], reshape)
            y = torch.minimum((y + _added(moves[mine, r], y)).clamp(min=0), most)
            v = torch.where(n < 1.5, room, v0 * y.exp()).clamp(min=v0)
            rest[mine] = (rest[mine] - own.exp()).clamp(min=0)
            layer[mine, sector, r] = v
            left[mine] = (room - v).clamp(min=0)
            n_left[mine] = n - 1
        seen[:, sector, :n_r] = decoder.scaled(layer[:, sector])
    return layer


def _added(
    moves: Float[Tensor, "batch moves"], y: Float[Tensor, " batch"]
) -> Float[Tensor, " batch"]:
    """Read `DrawCorrections.moves` at logarithmic energies."""
    at = (y / DrawCorrections.SPACING).clamp(max=moves.shape[1] - 1)
    low = at.long().clamp(max=moves.shape[1] - 2)
    below, above = (moves.gather(1, (low + k)[:, None])[:, 0] for k in (0, 1))
    return torch.lerp(below, above, at - low)


def _reshaped(table: QuantileTable, ring: int, mu: Tensor, level: Tensor) -> Tensor:
    """Give levels the shape that real hits of a ring and a mean have."""
    rings = torch.full_like(mu, ring, dtype=torch.int64)
    return torch.sigmoid(table.at(mu, level, rings))
