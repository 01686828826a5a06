"""Draws of the voxels of given layer energies, cell by cell, in torch, for any device."""

import math
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from calo4pqvae._core.typing import Showers
from calo4pqvae.models.autoregressive.sectors import straighten
from calo4pqvae.models.cellwise.allocation import Allocation
from calo4pqvae.models.cellwise.decoder import N_PAST, CellDecoder
from calo4pqvae.models.cellwise.lateral import Lateral
from calo4pqvae.models.cellwise.network import Opened
from calo4pqvae.models.voxels.quantiles import QuantileTable

__all__ = ["draw_voxels"]

Layer = Float[Tensor, "batch alpha r"]
PerShower = Float[Tensor, " batch"]


def draw_voxels(
    decoder: CellDecoder,
    shape: QuantileTable,
    layers: Float[Tensor, "batch layer"],
    lateral: Lateral,
    t: Float[Tensor, "batch 1"],
    chances: Float[Tensor, "batch layer chances"],
) -> Showers:
    """Draw voxels [MeV] whose sums are the given layer energies [MeV].

    Energies of hits follow their laws as `shape` bends them. Of each layer's uniform numbers
    two are for the number of hits, one of each cell for the hits, and one of each for the
    energies, in the order of drawing.
    """
    walk = decoder.start_walk(layers, t, lateral)
    showers = []
    for number, energy in enumerate(layers.unbind(dim=1)):
        world, history, past = decoder.look(walk, number)
        layer = energy.new_zeros(len(energy), *decoder.shape[1:])
        lit = energy.nonzero()[:, 0]
        known = (part[lit] for part in (world, history, past, energy, t, chances[:, number]))
        if len(lit):
            layer[lit] = _draw_layer(decoder, shape, number, *known)
        decoder.note(walk, layer)
        showers.append(layer)
    return straighten(torch.stack(showers, dim=1))


def _draw_layer(
    decoder: CellDecoder,
    table: QuantileTable,
    number: int,
    world: Tensor,
    history: Tensor,
    past: Tensor,
    energy: PerShower,
    t: Float[Tensor, "batch 1"],
    chances: Float[Tensor, "batch chances"],
) -> Layer:
    """Draw one layer of showers that have energy there."""
    shape, order = decoder.shape[1:], decoder.order
    chance, for_hits, for_energies = chances.split([2, *[math.prod(shape)] * 2], dim=1)
    most = torch.floor(energy / decoder.threshold + 1e-4).clamp(min=1)
    n_hits = torch.minimum(decoder.counts.draw(decoder.counts(world), chance), most)
    known = decoder.with_counts(world, n_hits)
    opened = decoder.sectors.open(order.lined_up(history), known)
    logit_mean, *value_means = decoder.mean_of(t, number)
    gates = decoder.gates(known)
    hits = _draw_hits(
        decoder, opened, (past, gates, logit_mean), n_hits, for_hits.unflatten(1, shape)
    )
    return order.back(
        _draw_energies(
            (decoder, table),
            opened,
            known,
            value_means,
            hits,
            energy,
            for_energies.unflatten(1, shape),
        )
    )


def _draw_hits(
    decoder: CellDecoder,
    opened: Opened,
    local: tuple[Tensor, Tensor, Tensor],
    n_hits: PerShower,
    uniform: Layer,
) -> Layer:
    """Draw hits, in the order of drawing."""
    past, gates, mean = local
    net, order = decoder.sectors, decoder.order
    n_alpha, n_r = decoder.shape[1:]
    hits, n_left, chance = torch.zeros_like(uniform), n_hits, torch.logit(uniform)
    told = torch.einsum("barf,brf->bar", past, gates[..., :N_PAST]) + mean
    told = order.lined_up(told)
    allocation = Allocation(order, opened.direct + told, n_hits)
    for number, stage in enumerate(order.stages):
        mine = stage.places
        beside = decoder.beside(order.back(hits))
        beside = order.lined_up(torch.einsum("barf,brf->bar", beside, gates[..., N_PAST:]))
        places = (n_alpha - stage.first) * n_r
        scores = net.hit_logits(opened, number, hits, n_left, places)
        scores = scores + (told + beside)[:, mine]
        hits[:, mine] = allocation.draw(number, scores, chance[:, mine])
        n_left = n_left - hits[:, mine].sum(dim=(1, 2))
    return hits


def _draw_energies(
    laws: tuple[CellDecoder, QuantileTable],
    opened: Opened,
    world: Tensor,
    means: list[Tensor],
    hits: Layer,
    energy: PerShower,
    uniform: Layer,
) -> Layer:
    """Draw the energies of hits, in the order of drawing; the last one takes what is left."""
    decoder, table = laws
    net, order, v0 = decoder.sectors, decoder.order, decoder.threshold
    n_r, around = decoder.shape[2], net.neighbourhood(hits)
    layer, seen = torch.zeros_like(hits), torch.cat([torch.zeros_like(hits), hits], dim=-1)
    left, n_left = energy.clone(), hits.sum(dim=(1, 2))
    log_e = net.log_expected(opened.history, around, world[:, None]) + means[0]
    rest = (log_e.exp() * hits).sum(dim=(1, 2))
    for sector in range(len(order.sectors)):
        lit = hits[:, sector].any(dim=1).nonzero()[:, 0]
        if not len(lit):
            continue
        wide = [x[:, None].expand(-1, len(order.sectors)) for x in (left / v0, n_left)]
        rows = (lit, torch.full_like(lit, sector))
        outputs, _ = net.outputs(opened, rows, around, seen, (wide[0], wide[1]))
        outputs = (outputs + means[1][lit, 0]).unflatten(-1, (-1, n_r))
        for r in reversed(range(n_r)):
            some = hits[lit, sector, r].nonzero()[:, 0]
            if not len(some):
                continue
            mine = lit[some]
            room, n = left[mine], n_left[mine]
            own, later = log_e[mine, sector, r], n - 1
            shared = own + torch.log((room / v0 / rest[mine].clamp(min=1e-3)).clamp(min=1e-3))
            of_cell = outputs[some, :, r] + net.share[:, r] * shared[:, None]
            most = (room / v0 - later).clamp(min=1.001).log()
            bent = partial(_bent, table, r)
            y = decoder.deposits.draw(of_cell, most, later, uniform[mine, sector, r], bent)
            v = torch.where(n < 1.5, room, v0 * y.exp()).clamp(min=v0)
            rest[mine] = (rest[mine] - own.exp()).clamp(min=0)
            layer[mine, sector, r] = v
            left[mine] = (room - v).clamp(min=0)
            n_left[mine] = n - 1
        seen[:, sector, :n_r] = decoder.scaled(layer[:, sector])
    return layer


def _bent(table: QuantileTable, ring: int, mu: Tensor, level: Tensor) -> Tensor:
    """Give levels the shape that real hits of a ring and a mean have."""
    rings = torch.full_like(mu, ring, dtype=torch.int64)
    return torch.sigmoid(table.at(mu, level, rings))
