"""Compiled loops that decide the energies of the hits of a layer, between its matrix products.

Sectors with hits are lined up by their places in the order of drawing: `owners` are their
layers, `places` their places. `made` are the hits of the layers, and `last` those of the layer
before, of all showers, of which those of this layer are `non_empty`.
"""

import math
from typing import no_type_check

import numpy as np

from calo4pqvae._core.jit import compiled
from calo4pqvae._core.truncated_normal import normal_from, normal_up_to
from calo4pqvae.models.cellwise.corrections import DrawCorrections
from calo4pqvae.models.cellwise.deposits import N_LATER
from calo4pqvae.models.cellwise.hit_list import HitList
from calo4pqvae.models.cellwise.remainder import LEAST_OTHERS
from calo4pqvae.models.voxels.quantiles import QuantileTable

__all__ = [
    "add_hits",
    "begin_sectors",
    "give_energies",
    "reshape_levels",
    "share_remainder",
    "spread",
    "sum_expected",
]

_LEAST = 1e-6
_FARTHEST = 300.0
_FIRST, _LAST = 2.0**-25, 1 - 2.0**-24
END, SPACING = QuantileTable.END, DrawCorrections.SPACING


@compiled(fastmath={"contract"})
@no_type_check
def add_hits(  # noqa: ANN201
    owners, places, circle, non_empty, last: HitList, made: HitList, of_last, around, told  # noqa: ANN001
):  # fmt: skip
    """Add what the layer before and the hits of the layer itself say of sectors with hits."""
    width, n_outputs = around.shape[2], told.shape[1]
    for m in range(len(owners)):
        n, j = owners[m], places[m]
        row = last.row_of[non_empty[n]]
        for side in range(3):
            place = circle[j, side]
            for i in range(made.starts[n, place], made.starts[n, place + 1]):
                r = made.rings[n, i]
                for h in range(width):
                    told[m, h] += around[side, r, h]
            if row < 0:
                continue
            for i in range(last.starts[row, place], last.starts[row, place + 1]):
                r, y = last.rings[row, i], last.scaled[row, i]
                for h in range(n_outputs):
                    told[m, h] += y * of_last[side, 0, r, h] + of_last[side, 1, r, h]


@compiled(fastmath={"contract"})
@no_type_check
def begin_sectors(  # noqa: ANN201
    past, start, bias, told, owner, left, n_left, threshold, made: HitList, beside, known  # noqa: ANN001
):  # fmt: skip
    """Add up what the hidden units of one place's sectors are told.

    Arguments:
        past: what is known of all sectors with hits beforehand.
        start: number of the first sector of this place.
        bias: what the layer as a whole adds.
        told: weights of the stage.
        owner: layers of the sectors.
        left: energy that is left in each layer.
        n_left: hits that are left.
        threshold: readout threshold [MeV].
        made: hits of the layers, with energies as far as drawn.
        beside: places of the sectors near this one.
        known: receives the sums.
    """
    width = known.shape[1]
    of_left, of_beside, own_bias = told
    for m in range(len(owner)):
        n = owner[m]
        y, each = math.log1p(left[n] / threshold), math.log1p(n_left[n])
        a, b, c = np.float32(y / 8), np.float32((y - each) / 8), np.float32(each / 4)
        for h in range(width):
            known[m, h] = past[start + m, h] + bias[n, h] + own_bias[h]
            known[m, h] += a * of_left[0, h] + b * of_left[1, h] + c * of_left[2, h]
        for near in range(len(beside)):
            place = beside[near]
            for i in range(made.starts[n, place], made.starts[n, place + 1]):
                r, y = made.rings[n, i], made.scaled[n, i]
                for h in range(width):
                    known[m, h] += y * of_beside[near, 0, r, h] + of_beside[near, 1, r, h]


@compiled()
@no_type_check
def sum_expected(  # noqa: ANN201
    told, first, more, mean, t, owners, places, made: HitList, log_e, expected, rest,  # noqa: ANN001
):  # fmt: skip
    """Find logarithms of expected energies of hits, and the energies, and add these.

    Those of networks begin at column `first` of `told`; layers add `more`.
    """
    for m in range(len(owners)):
        n, place = owners[m], places[m]
        for i in range(made.starts[n, place], made.starts[n, place + 1]):
            r = made.rings[n, i]
            x = told[m, first + r] + more[n, r] + mean[0, r] + mean[1, r] * t[n]
            log_e[m, r], expected[m, r] = x, math.exp(x)
            rest[n] += expected[m, r]


@compiled()
@no_type_check
def reshape_levels(uniforms, non_empty, made: HitList, shares, knots, levels):  # noqa: ANN001, ANN201
    """Turn uniform numbers of hits into levels: see `DrawCorrections.reshape`."""
    n_groups, n_r = shares.shape[1], levels.shape[2]
    for n in range(len(levels)):
        for place in range(levels.shape[1]):
            for i in range(made.starts[n, place], made.starts[n, place + 1]):
                r = made.rings[n, i]
                below = shares[n, min(r, n_groups - 1)]
                u = uniforms[non_empty[n], place * n_r + r]
                k = min(_below(below, u), len(knots) - 2)
                part = (u - below[k]) / (below[k + 1] - below[k])
                level = knots[k] + part * (knots[k + 1] - knots[k])
                levels[n, place, r] = min(max(level, _FIRST), _LAST)


@compiled(error_model="numpy")
@no_type_check
def give_energies(  # noqa: ANN201
    outputs, told, start, direct, mean, share, t, owner, place, threshold, widths, tables,  # noqa: ANN001
    quantiles, log_e, expected, levels, moves, made: HitList, voxels, left, n_left, rest,  # noqa: ANN001
):  # fmt: skip
    """Draw energies of a sector's hits, towards the axis; the last one takes what is left.

    Outputs that go past the hidden units begin at column `direct` of `told`.
    """
    n_spectra, n_r = tables[2].shape[1], log_e.shape[1]
    output = np.zeros(n_spectra + 2)
    for m in range(len(owner)):
        n, row = owner[m], start + m
        for i in range(made.starts[n, place], made.starts[n, place + 1]):
            r = made.rings[n, i]
            if n_left[n] < 1.5:
                v = max(left[n], threshold)
                y = math.log(v / threshold)
            else:
                own = left[n] / threshold / max(rest[n], 1e-3)
                own = log_e[row, r] + math.log(max(own, 1e-3))
                for k in range(n_spectra + 2):
                    at = k * n_r + r
                    x = outputs[m, at] + told[row, direct + at] + share[k, r] * own
                    output[k] = x + mean[0, at] + mean[1, at] * t[n]
                later = n_left[n] - 1
                room = math.log(max(left[n] / threshold - later, 1.001))
                level = levels[n, place, r]
                y = _draw(output, widths, room, later, tables, quantiles, r, level)
                y = min(max(y + _added(moves[n, r], y), 0.0), room)
                v = threshold * math.exp(y)
            rest[n] = max(rest[n] - expected[row, r], 0.0)
            voxels[n, i], made.scaled[n, i] = v, y / 8
            left[n] = max(left[n] - v, 0.0)
            n_left[n] -= 1


@compiled()
@no_type_check
def share_remainder(energy, threshold, quantiles, made: HitList, voxels, left):  # noqa: ANN001, ANN201
    """Give the last hit what Geant4 leaves it, the others the rest.

    See `remainder.share_remainder`; `left` receives the logarithm that quantiles are about,
    as it was.
    """
    n_groups = quantiles.shape[1]
    for n in range(len(energy)):
        number, left[n] = made.starts[n, -1], 0.0
        if number < 2:
            continue
        last = number - 1
        spare = energy[n] - number * threshold
        left[n] = math.log(voxels[n, last] * number / energy[n])
        wanted = _moved(quantiles[n, min(made.rings[n, last], n_groups - 1)], left[n])
        wanted = math.exp(wanted) * energy[n] / number - threshold
        wanted = min(max(wanted, 0.0), spare)
        others = 0.0
        for i in range(last):
            others += voxels[n, i] - threshold
        if spare <= 0 or others <= LEAST_OTHERS * spare:
            continue
        factor = (spare - wanted) / others
        for i in range(number):
            free = wanted if i == last else (voxels[n, i] - threshold) * factor
            voxels[n, i] = threshold + free
            made.scaled[n, i] = math.log1p(free / threshold) / 8


@compiled()
@no_type_check
def _moved(quantiles, x):  # noqa: ANN001, ANN202 - compiled
    """Move a number from quantiles to others; beyond the last ones as far as these."""
    old, new = quantiles[0], quantiles[1]
    end = len(old) - 1
    if x <= old[0]:
        return x + new[0] - old[0]
    if x >= old[end]:
        return x + new[end] - old[end]
    at = _below(old, x)
    return new[at] + (x - old[at]) / (old[at + 1] - old[at]) * (new[at + 1] - new[at])


@compiled()
@no_type_check
def _added(moves, y):  # noqa: ANN001, ANN202 - compiled
    """Read `DrawCorrections.moves` at a logarithmic energy."""
    at = min(y / SPACING, len(moves) - 1.0)
    low = min(int(at), len(moves) - 2)
    return moves[low] + (at - low) * (moves[low + 1] - moves[low])


@compiled()
@no_type_check
def spread(made: HitList, numbers, cells):  # noqa: ANN001, ANN201
    """Put numbers of hits into cells."""
    for n in range(len(cells)):
        for place in range(cells.shape[1]):
            for i in range(made.starts[n, place], made.starts[n, place + 1]):
                cells[n, place, made.rings[n, i]] = numbers[n, i]


@compiled(error_model="numpy")
@no_type_check
def _draw(output, widths, room, later, tables, quantiles, ring, uniform):  # noqa: ANN001, ANN202 - compiled
    """Draw y from a uniform number: see `Deposits.draw`; `quantiles` is a `QuantileTable`.

    What `output` has for the spectra is lost.
    """
    edges, rooms, sums = tables
    n_spectra, whole = sums.shape[1], 1.0
    for k in range(n_spectra):
        output[k] = math.exp(min(output[k], _FARTHEST))
        whole += output[k]
    wanted, which, start, weight = uniform * whole, 0, 0.0, output[0]
    while which < n_spectra and start + weight <= wanted:
        start += weight
        which += 1
        weight = output[which] if which < n_spectra else 1.0
    level = min(max((wanted - start) / max(weight, 1e-12 * whole), 0.0), 1.0)
    if which == n_spectra:
        mu, sigma = output[n_spectra], _width(widths, output[n_spectra + 1])
        low = normal_up_to(-mu / sigma)
        level = _reshaped(quantiles, ring, mu, level)
        level = min(max(low + (1 - low) * level, _LEAST), 1 - _LEAST)
        free = max(mu + sigma * normal_from(level), 0.0)
        y = free - math.log1p(math.exp(min(free - room, 60.0)))
    else:
        row = 0 if room <= rooms[0] else _below(rooms, room) + 1
        if row > 0 and rooms[row - 1] == room:
            row -= 1
        number = int(min(max(later - 0.5, 0.0), N_LATER - 1.0))
        own = sums[row + number * (len(rooms) + 1), which]
        place = min(_below(own, level), len(edges) - 2)
        part = (level - own[place]) / max(own[place + 1] - own[place], 1e-12)
        y = edges[place] + min(max(part, 0.0), 1.0) * (edges[place + 1] - edges[place])
    return min(max(y, 0.0), room)


@compiled(error_model="numpy")
@no_type_check
def _width(widths, logit):  # noqa: ANN001, ANN202 - compiled
    return widths[0] + (widths[1] - widths[0]) / (1 + math.exp(-logit))


@compiled(error_model="numpy")
@no_type_check
def _reshaped(quantiles, ring, key, uniform):  # noqa: ANN001, ANN202 - compiled
    """Turn a uniform number into the level that real hits of this ring and mean have."""
    levels, edges, table = quantiles
    row = 0
    while row < edges.shape[1] and key > edges[ring, row]:
        row += 1
    uniform = min(max(uniform, END), 1 - END)
    place = math.log(uniform / (1 - uniform))
    at = min(_below(levels, place), len(levels) - 2)
    part = (place - levels[at]) / (levels[at + 1] - levels[at])
    own = table[ring, row]
    return 1 / (1 + math.exp(-(own[at] + part * (own[at + 1] - own[at]))))


@compiled()
@no_type_check
def _below(rising, x):  # noqa: ANN001, ANN202 - compiled
    """Find the last number that is not above x; 0 if there is none.

    The steps do not depend on x, so that a processor has none to guess.
    """
    low, n = 0, len(rising)
    while n > 1:
        half = n // 2
        low += half if rising[low + half] <= x else 0
        n -= half
    return low
