"""Compiled loops between the matrix products of a layer's draw, cell by cell.

`non_empty` are the numbers of the showers that have energy in the layer; `history`, `uniforms`
and `showers` hold all showers, other arrays only those. Sectors are in the order of drawing
unless an array is said to be sheared.
"""

import math
from typing import no_type_check

import numpy as np

from calo4pqvae._core.jit import compiled
from calo4pqvae._core.truncated_normal import normal_from, normal_up_to
from calo4pqvae.models.cellwise.allocation import (
    FIRST_STEPS,
    LARGEST_SHIFT,
    LARGEST_STEP,
    LEAST_EXPECTED,
    LEAST_VARIANCE,
)
from calo4pqvae.models.cellwise.deposits import N_LATER
from calo4pqvae.models.voxels.quantiles import QuantileTable

__all__ = [
    "allocate",
    "allocate_back",
    "give_energies",
    "line_up_hits",
    "line_up_values",
    "look_around",
    "reshape_levels",
    "score_cells",
    "sum_expected",
]

_LEAST = 1e-6
_FIRST, _LAST = 2.0**-25, 1 - 2.0**-24
_FARTHEST = 300.0
END = QuantileTable.END


@compiled()
@no_type_check
def look_around(history, before, non_empty, sectors, gates, mean, t, base):  # noqa: ANN001, ANN201
    """Add up what each cell's past and the mean shower say of its hit: see `CellDecoder`."""
    n_alpha, n_r = before.shape[1], before.shape[2]
    width = 2 * n_r
    for n in range(len(non_empty)):
        b = non_empty[n]
        for j in range(n_alpha):
            s = sectors[j]
            own = history[b, s]
            left, right = history[b, s - 1, n_r:width], history[b, (s + 1) % n_alpha, n_r:width]
            for r in range(n_r):
                gate = gates[n, r]
                side = left if r % 2 == 0 else right
                across = np.float32(0.0)
                if r > 0:
                    across += side[r - 1]
                if r + 1 < n_r:
                    across += side[r + 1]
                base[n, j, r] = (
                    mean[0, r] + mean[1, r] * t[n]
                    + gate[0] * own[r]
                    + gate[1] * own[width + n_r + r]
                    + gate[2] * own[2 * width + n_r + r]
                    + gate[3] * own[n_r + r]
                    + gate[4] * (left[r] + right[r])
                    + gate[5] * across
                    + gate[6] * before[b, s, r]
                )  # fmt: skip


@compiled()
@no_type_check
def line_up_hits(hits, n_left, places, beside, rows):  # noqa: ANN001, ANN201
    """Write what decides the hits of a stage's sectors: what is left, and the hits beside."""
    n_r, count = hits.shape[2], len(beside)
    for n in range(len(hits)):
        odds = math.log((n_left[n] + 0.1) / (places - n_left[n] + 0.1)) / 4
        number = math.log1p(n_left[n]) / 4
        for k in range(count):
            row, at = rows[n * count + k], 2
            row[0], row[1] = odds, number
            for place in beside[k]:
                for r in range(n_r):
                    row[at + r] = hits[n, place, r]
                at += n_r


@compiled()
@no_type_check
def score_cells(logits, base, gates, sides, first, hits, scores):  # noqa: ANN001, ANN201
    """Add up the scores of a stage: network, past, and hits beside a cell in its layer.

    `sides` are the places of the sectors before and after each when sheared, -1 if they belong
    to no earlier stage.
    """
    count, n_r = scores.shape[1], scores.shape[2]
    for n in range(len(hits)):
        for k in range(count):
            before, after = sides[k]
            for r in range(n_r):
                beside, across = np.float32(0.0), np.float32(0.0)
                side = before if r % 2 == 0 else after
                if before >= 0:
                    beside += hits[n, before, r]
                if after >= 0:
                    beside += hits[n, after, r]
                if side >= 0 and r > 0:
                    across += hits[n, side, r - 1]
                if side >= 0 and r + 1 < n_r:
                    across += hits[n, side, r + 1]
                scores[n, k, r] = (
                    logits[n * count + k, r] + base[n, first + k, r]
                    + gates[n, r, 7] * beside + gates[n, r, 8] * across
                )  # fmt: skip


@compiled()
@no_type_check
def _take_odds(scores, past, first, odds):  # noqa: ANN001, ANN202 - compiled
    """Take e^score of the cells of a stage, and of later ones from their past alone."""
    count, n_r = scores.shape
    for place in range(len(odds) // n_r):
        own = scores[place] if place < count else past[first + place]
        for r in range(n_r):
            odds[place * n_r + r] = math.exp(min(max(own[r], -_FARTHEST), _FARTHEST))


@compiled(fastmath={"reassoc"})
@no_type_check
def _expected(odds, factor):  # noqa: ANN001, ANN202 - compiled
    """Add up p and p (1 - p) of cells with these odds, times a factor that all share."""
    total, spread = 0.0, 0.0
    for k in range(len(odds)):
        p = 1 / (1 + odds[k] * factor)
        total += 1 - p
        spread += p * (1 - p)
    return total, spread


@compiled()
@no_type_check
def allocate(scores, past, first, c, n_left, draw, given, made, constants):  # noqa: ANN001, ANN201
    """Decide the cells of a stage one by one: see `Allocation`.

    Arguments:
        scores: of the stage's cells.
        past: scores of all cells from their past alone.
        first: place of the stage's first sector.
        c: constant of each layer, changed in place.
        n_left: hits that are left in each layer, changed in place.
        draw: whether `given` are logits of uniform numbers, and not hits.
        given: what decides the cells, or their hits.
        made: receives hits, or the constant c of each cell.
        constants: receives c as each sector finds it.
    """
    count, n_r = scores.shape[1], scores.shape[2]
    n_alpha = past.shape[1]
    own, odds = np.zeros(n_r), np.zeros((n_alpha - first) * n_r)
    for n in range(len(scores)):
        _take_odds(scores[n], past[n], first, odds)
        some, constant, places = float(n_left[n]), float(c[n]), (n_alpha - first) * n_r
        for k in range(count):
            for _ in range(FIRST_STEPS if k == 0 else 1):
                total, spread = _expected(odds[k * n_r :], math.exp(constant))
                step = (some - total) / max(spread, LEAST_VARIANCE)
                constant += min(max(step, -LARGEST_STEP), LARGEST_STEP)
            factor = math.exp(constant)
            constants[n, k] = constant
            for r in range(n_r):
                x = odds[k * n_r + r] * factor
                own[r] = x / (1 + x)
            expected = some
            for r in range(n_r - 1, -1, -1):
                few = max(some, LEAST_EXPECTED) / max(expected, LEAST_EXPECTED)
                many = max(places - expected, LEAST_EXPECTED)
                shift = math.log(few * many / max(places - some, LEAST_EXPECTED))
                here = constant + min(max(shift, -LARGEST_SHIFT), LARGEST_SHIFT)
                if draw:
                    hit = scores[n, k, r] + here + given[n, k, r] > 0
                    hit = (hit and some > 0) or some >= places
                    made[n, k, r] = hit
                else:
                    hit = given[n, k, r] > 0
                    made[n, k, r] = here
                some -= hit
                places -= 1
                expected -= own[r]
        c[n], n_left[n] = constant, some


@compiled()
@no_type_check
def allocate_back(scores, past, first, constants, steep, of_scores, of_past):  # noqa: ANN001, ANN201, PLR0912
    """Carry gradients of the constants of cells back to the scores that decide them.

    Where the Newton steps have arrived, c moves by -w / V when a score of a remaining cell
    moves by 1, with w = q (1 - q) and V their sum; a cell that is decided has no more say.

    `steep` are gradients with respect to the constant of each cell; `of_scores` and `of_past`
    receive those that are wanted.
    """
    count, n_r = scores.shape[1], scores.shape[2]
    n_alpha = past.shape[1]
    w, own = np.zeros((n_alpha, n_r)), np.zeros(n_r)
    for n in range(len(scores)):
        for k in range(count):
            constant, spread = constants[n, k], 0.0
            for place in range(k, count):
                for r in range(n_r):
                    q = 1 / (1 + math.exp(-(scores[n, place, r] + constant)))
                    w[place, r] = q * (1 - q)
                    spread += w[place, r]
            for place in range(first + count, n_alpha):
                for r in range(n_r):
                    q = 1 / (1 + math.exp(-(past[n, place, r] + constant)))
                    w[place, r] = q * (1 - q)
                    spread += w[place, r]
            spread = max(spread, LEAST_VARIANCE)
            slope, decided, rest = 0.0, 0.0, spread
            for r in range(n_r - 1, -1, -1):
                slope += steep[n, k, r] * (1 + decided / rest)
                decided += w[k, r]
                rest = max(rest - w[k, r], LEAST_VARIANCE)
            slope /= spread
            for place in range(k, count):
                for r in range(n_r):
                    of_scores[n, place, r] -= w[place, r] * slope
            for place in range(first + count, n_alpha):
                for r in range(n_r):
                    of_past[n, place, r] -= w[place, r] * slope
            later, rest = 0.0, spread
            for r in range(n_r - 1, 0, -1):
                rest = max(rest - w[k, r], LEAST_VARIANCE)
                own[r] = rest
            for r in range(n_r):
                of_scores[n, k, r] += w[k, r] * later
                later += steep[n, k, r] / (own[r + 1] if r + 1 < n_r else spread)


@compiled()
@no_type_check
def line_up_values(owner, hits, scaled, left, n_left, threshold, beside, rows):  # noqa: ANN001, ANN201
    """Write what decides the energies of a sector: what is left, and the sectors beside it."""
    n_r = hits.shape[2]
    for m in range(len(owner)):
        n, row, at = owner[m], rows[m], 3
        y, each = math.log1p(left[n] / threshold), math.log1p(n_left[n])
        row[0], row[1], row[2] = y / 8, (y - each) / 8, each / 4
        for place in beside:
            for r in range(n_r):
                row[at + r], row[at + n_r + r] = scaled[n, place, r], hits[n, place, r]
            at += 2 * n_r


@compiled()
@no_type_check
def sum_expected(log_e, mean, t, owners, places, hits, expected, rest):  # noqa: ANN001, ANN201
    """Turn logarithms of expected energies of sectors with hits into energies, and add them."""
    n_r = hits.shape[2]
    for m in range(len(owners)):
        n, place = owners[m], places[m]
        for r in range(n_r):
            if hits[n, place, r]:
                log_e[m, r] += mean[0, r] + mean[1, r] * t[n]
                expected[m, r] = math.exp(log_e[m, r])
                rest[n] += expected[m, r]


@compiled()
@no_type_check
def reshape_levels(uniforms, hits, shares, knots, levels):  # noqa: ANN001, ANN201
    """Turn uniform numbers of hits into levels: see `DrawCorrections.reshape`."""
    n_groups = shares.shape[1]
    for n in range(len(hits)):
        for place in range(hits.shape[1]):
            for r in range(hits.shape[2]):
                if hits[n, place, r] == 0:
                    continue
                below = shares[n, min(r, n_groups - 1)]
                u = uniforms[n, place, r]
                k = min(_below(below, u), len(knots) - 2)
                part = (u - below[k]) / (below[k + 1] - below[k])
                level = knots[k] + part * (knots[k + 1] - knots[k])
                levels[n, place, r] = min(max(level, _FIRST), _LAST)


@compiled()
@no_type_check
def give_energies(  # noqa: ANN201
    outputs, direct, mean, share, t, owner, place, threshold, widths, tables, quantiles, log_e,  # noqa: ANN001
    expected, uniforms, hits, voxels, scaled, left, n_left, rest,  # noqa: ANN001
):  # fmt: skip
    """Draw energies of a sector's hits, towards the axis; the last one takes what is left."""
    n_r, n_spectra = hits.shape[2], tables[2].shape[1]
    weight = np.zeros(n_spectra + 1)
    for m in range(len(owner)):
        n = owner[m]
        for r in range(n_r - 1, -1, -1):
            if hits[n, place, r] == 0:
                continue
            if n_left[n] < 1.5:
                v = max(left[n], threshold)
            else:
                own = left[n] / threshold / max(rest[n], 1e-3)
                own = log_e[m, r] + math.log(max(own, 1e-3))
                top, mu, sigma = 0.0, 0.0, 0.0
                for k in range(n_spectra + 2):
                    at = k * n_r + r
                    x = outputs[m, at] + direct[m, at] + share[k, r] * own
                    x += mean[0, at] + mean[1, at] * t[n]
                    if k < n_spectra:
                        weight[k] = x
                        top = max(top, x)
                    elif k == n_spectra:
                        mu = x
                    else:
                        sigma = widths[0] + (widths[1] - widths[0]) / (1 + math.exp(-x))
                later = n_left[n] - 1
                room = math.log(max(left[n] / threshold - later, 1.001))
                distribution = (weight, top, mu, sigma)
                y = _draw(
                    distribution, room, later, tables, quantiles, r, uniforms[n, place, r]
                )
                v = max(threshold * math.exp(y), threshold)
            rest[n] = max(rest[n] - expected[m, r], 0.0)
            voxels[n, place, r] = v
            scaled[n, place, r] = math.log(v / threshold) / 8
            left[n] = max(left[n] - v, 0.0)
            n_left[n] -= 1


@compiled()
@no_type_check
def _draw(distribution, room, later, tables, quantiles, ring, uniform):  # noqa: ANN001, ANN202 - compiled
    """Draw y from a uniform number: see `Deposits.draw`; `quantiles` is a `QuantileTable`."""
    weight, top, mu, sigma = distribution
    edges, rooms, sums = tables
    n_spectra, whole = sums.shape[1], math.exp(-top)
    for k in range(n_spectra):
        weight[k] = math.exp(weight[k] - top)
        whole += weight[k]
    weight[n_spectra] = math.exp(-top)
    wanted, which, start = uniform * whole, 0, 0.0
    while which < n_spectra and start + weight[which] <= wanted:
        start += weight[which]
        which += 1
    level = min(max((wanted - start) / max(weight[which], 1e-12), 0.0), 1.0)
    if which == n_spectra:
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


@compiled()
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
    """Find the last number that is not above x; 0 if there is none."""
    low, high = 0, len(rising) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if rising[middle] <= x:
            low = middle
        else:
            high = middle - 1
    return low
