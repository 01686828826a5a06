"""Compiled loops that decide the hits of a layer, between its matrix products.

`non_empty` are the numbers of the showers that have energy in the layer; `history`, `uniforms`
and `showers` hold all showers, other arrays only those. Sectors are in the order of drawing
unless an array is said to be sheared.
"""

import math
from typing import no_type_check

import numpy as np

from calo4pqvae._core.jit import compiled
from calo4pqvae.models.cellwise.allocation import (
    FIRST_STEPS,
    LARGEST_SHIFT,
    LARGEST_STEP,
    LEAST_EXPECTED,
    LEAST_VARIANCE,
)

__all__ = ["allocate", "allocate_back", "line_up_hits", "look_around", "score_cells"]

_FARTHEST = 300.0


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
