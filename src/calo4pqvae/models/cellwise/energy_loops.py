"""Compiled loops that decide the energies of the hits of a layer, between its matrix products.

`non_empty` are the numbers of the showers that have energy in the layer; `history`, `uniforms`
and `showers` hold all showers, other arrays only those. Sectors are in the order of drawing
unless an array is said to be sheared.
"""

import math
from typing import no_type_check

import numpy as np

from calo4pqvae._core.jit import compiled
from calo4pqvae._core.truncated_normal import normal_from, normal_up_to
from calo4pqvae.models.cellwise.deposits import N_LATER
from calo4pqvae.models.voxels.quantiles import QuantileTable

__all__ = ["give_energies", "line_up_values", "reshape_levels", "sum_expected"]

_LEAST = 1e-6
_FIRST, _LAST = 2.0**-25, 1 - 2.0**-24
END = QuantileTable.END


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
