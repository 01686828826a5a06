"""Compiled loops between the matrix products of a layer's draw.

A group of sectors is an input to the same functions as `(start, step, beside)`: its sectors are
start, start + step, ..., and `beside[c]` are the known sectors near the c-th of them. Arrays
named `history`, `chances` and `showers` hold all showers, `lit` the numbers of those that have
energy in the layer, and all other arrays only these.
"""

import math
from typing import no_type_check

import numpy as np

from calo4pqvae._core.jit import compiled

__all__ = [
    "add_bias",
    "choose_hits",
    "line_up_hits",
    "line_up_values",
    "set_laws",
    "take_energies",
]


@compiled()
@no_type_check
def line_up_hits(history, lit, hits, n_left, places, group, rows, owner):  # noqa: ANN001, ANN201
    """Write what decides the hits of each sector: past, 1, what is left, hits beside it."""
    start, step, beside = group
    n_known, n_r = history.shape[2], hits.shape[2]
    for n in range(len(lit)):
        odds = math.log((n_left[n] + 0.1) / (places - n_left[n] + 0.1))
        number = math.log1p(n_left[n]) / 4
        for c in range(len(beside)):
            sector, row = start + c * step, rows[n * len(beside) + c]
            owner[n * len(beside) + c] = n * hits.shape[1] + sector
            past = history[lit[n], sector]
            for k in range(n_known):
                row[k] = past[k]
            row[n_known], row[n_known + 1], row[n_known + 2] = 1.0, odds / 4, number
            at = n_known + 3
            for near in beside[c]:
                for r in range(n_r):
                    row[at + r] = hits[n, near, r]
                at += n_r


@compiled()
@no_type_check
def line_up_values(  # noqa: ANN201
    history, lit, hits, scaled, left, n_left, threshold, group, rows, owner, after  # noqa: ANN001
):  # fmt: skip
    """Write what decides the energies of each sector that has hits; return how many have.

    `after` receives the hits that are left for later groups.
    """
    start, step, beside = group
    n_known, n_alpha, n_r = history.shape[2], hits.shape[1], hits.shape[2]
    m = 0
    for n in range(len(lit)):
        y, each = math.log1p(left[n] / threshold), math.log1p(n_left[n])
        after[n] = n_left[n]
        for c in range(len(beside)):
            sector, mine = start + c * step, 0.0
            for r in range(n_r):
                mine += hits[n, sector, r]
            if mine == 0:
                continue
            after[n] -= mine
            row, owner[m] = rows[m], n * n_alpha + sector
            past = history[lit[n], sector]
            for k in range(n_known):
                row[k] = past[k]
            row[n_known] = 1.0
            at = n_known + 1
            for turn in (0, -1, 1):
                near = (sector + turn) % n_alpha
                for r in range(n_r):
                    row[at + r] = hits[n, near, r]
                at += n_r
            row[at], row[at + 1], row[at + 2] = y / 8, (y - each) / 8, each / 4
            at += 3
            for near in beside[c]:
                for r in range(n_r):
                    row[at + r], row[at + n_r + r] = scaled[n, near, r], hits[n, near, r]
                at += 2 * n_r
            m += 1
    return m


@compiled()
@no_type_check
def add_bias(products, bias, first, owner, n_alpha, hidden):  # noqa: ANN001, ANN201
    """Add each shower's own bias, its columns from `first` on, to the hidden sums."""
    width = hidden.shape[1]
    for m in range(len(hidden)):
        own = bias[owner[m] // n_alpha, first : first + width]
        total, product = hidden[m], products[m]
        for k in range(width):
            total[k] = product[k] + own[k]


@compiled()
@no_type_check
def choose_hits(  # noqa: ANN201
    logits, direct, mean, t, chances, layer, lit, places, group, margins, hits, n_left  # noqa: ANN001
):  # fmt: skip
    """Draw the hits of a group: not more than are left, and no fewer than must be.

    `chances` are logits of uniform numbers.
    """
    start, step, beside = group
    count, n_r = len(beside), hits.shape[2]
    later = places - count * n_r
    for n in range(len(lit)):
        whole = math.log((n_left[n] + 0.1) / (places - n_left[n] + 0.1))
        chosen = np.float32(0.0)
        for c in range(count):
            sector, m = start + c * step, n * count + c
            chance, logit, past = chances[lit[n], layer, sector], logits[m], direct[m]
            hit, margin = hits[n, sector], margins[c]
            for r in range(n_r):
                x = logit[r] + past[r] + mean[0, r] + mean[1, r] * t[n] + np.float32(whole)
                margin[r] = x + chance[r]
                hit[r] = np.float32(margin[r] > 0)
                chosen += hit[r]
        wanted = min(max(chosen, n_left[n] - later), n_left[n])
        while chosen != wanted:
            more = chosen < wanted
            c, r = _best(margins, hits[n], start, step, count, more)
            hits[n, start + c * step, r] = more
            chosen += np.float32(1.0) if more else np.float32(-1.0)
        n_left[n] -= chosen


@compiled()
@no_type_check
def _best(margins, hits, start, step, count, more):  # noqa: ANN001, ANN202 - compiled
    """Find the likeliest voxel without a hit, or the least likely one with a hit."""
    best_c, best_r = -1, -1
    for c in range(count):
        for r in range(hits.shape[1]):
            if (hits[start + c * step, r] > 0) != more and (
                best_c < 0 or (margins[c, r] > margins[best_c, best_r]) == more
            ):
                best_c, best_r = c, r
    return best_c, best_r


@compiled()
@no_type_check
def set_laws(both, direct, mean, widths, t, owner, hits, mu, sigma):  # noqa: ANN001, ANN201
    """Put means and widths of the hits in their places."""
    n_alpha, n_r = hits.shape[1], hits.shape[2]
    low, high = widths
    for m in range(len(both)):
        n, sector = owner[m] // n_alpha, owner[m] % n_alpha
        for r in range(n_r):
            if hits[n, sector, r] == 0:
                continue
            mu[n, sector, r] = both[m, r] + direct[m, r] + mean[2, r] + mean[3, r] * t[n]
            k = n_r + r
            width = both[m, k] + direct[m, k] + mean[4, r] + mean[5, r] * t[n]
            sigma[n, sector, r] = low + (high - low) / (1 + math.exp(-width))


@compiled()
@no_type_check
def take_energies(  # noqa: ANN201
    drawn, threshold, group, layer, scaled, left, after, n_left  # noqa: ANN001
):  # fmt: skip
    """Take note of the energies of a group."""
    start, step, _ = group
    for n in range(len(drawn)):
        used = np.float32(0.0)
        for c in range(drawn.shape[1]):
            for r in range(drawn.shape[2]):
                v = drawn[n, c, r]
                if v > 0:
                    layer[n, start + c * step, r] = v
                    scaled[n, start + c * step, r] = math.log(v / threshold) / 8
                    used += v
        left[n] = max(left[n] - used, np.float32(0.0))
        n_left[n] = after[n]
