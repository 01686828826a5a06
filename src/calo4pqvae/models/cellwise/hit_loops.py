"""Compiled loops that prepare the decisions on hits, between their matrix products.

`non_empty` are the numbers of the showers that have energy in the layer; `last` and `earlier`
hold the hits of all showers in the two layers before, other arrays only those showers. Sectors
are in the order of drawing.
"""

import math
from typing import no_type_check

import numpy as np

from calo4pqvae._core.jit import compiled
from calo4pqvae.models.cellwise.hit_list import HitList

__all__ = ["begin_stage", "look_around", "score_cells"]


@compiled(fastmath={"contract"})
@no_type_check
def look_around(  # noqa: ANN201
    remembered, last: HitList, earlier: HitList, non_empty, circle, gates,  # noqa: ANN001
    mean, t, past, of_last, base,  # noqa: ANN001
):  # fmt: skip
    """Add up what each cell's past and the mean shower say of its hit: see `CellDecoder`.

    Arguments:
        remembered: moving averages of what sectors had.
        last: hits of the layer before.
        earlier: hits of the one before that.
        non_empty: numbers of the showers.
        circle: places of each sector, of the one before it and the one after it.
        gates: weights of each ring's local numbers.
        mean: logit of the mean shower: constant, and slope in t.
        t: scaled incident energies.
        past: what networks make of what is remembered; logits come last.
        of_last: weights of the layer before, for logits.
        base: receives the sums.
    """
    n_alpha, n_r = base.shape[1], base.shape[2]
    width, first = 2 * n_r, past.shape[2] - n_r
    gate = np.zeros((gates.shape[2], n_r), dtype=np.float32)
    for n in range(len(non_empty)):
        b = non_empty[n]
        for r in range(n_r):
            for f in range(len(gate)):
                gate[f, r] = gates[n, r, f]
        for j in range(n_alpha):
            for r in range(n_r):
                base[n, j, r] = (
                    mean[0, r] + mean[1, r] * t[n] + past[n, j, first + r]
                    + gate[1, r] * remembered[n, j, n_r + r]
                    + gate[2, r] * remembered[n, j, width + n_r + r]
                )  # fmt: skip
        row = last.row_of[b]
        for j in range(n_alpha if row >= 0 else 0):
            before, after = circle[j, 1], circle[j, 2]
            for i in range(last.starts[row, j], last.starts[row, j + 1]):
                r, y = last.rings[row, i], last.scaled[row, i]
                base[n, j, r] += gate[0, r] * y + gate[3, r]
                base[n, before, r] += gate[4, r]
                base[n, after, r] += gate[4, r]
                if r > 0:
                    base[n, before if r % 2 == 0 else after, r - 1] += gate[5, r - 1]
                if r + 1 < n_r:
                    base[n, before if r % 2 == 0 else after, r + 1] += gate[5, r + 1]
                for q in range(n_r):
                    base[n, j, q] += y * of_last[0, 0, r, q] + of_last[0, 1, r, q]
                    base[n, after, q] += y * of_last[1, 0, r, q] + of_last[1, 1, r, q]
                    base[n, before, q] += y * of_last[2, 0, r, q] + of_last[2, 1, r, q]
        row = earlier.row_of[b]
        for j in range(n_alpha if row >= 0 else 0):
            for i in range(earlier.starts[row, j], earlier.starts[row, j + 1]):
                r = earlier.rings[row, i]
                base[n, j, r] += gate[6, r]


@compiled(fastmath={"contract"})
@no_type_check
def begin_stage(  # noqa: ANN201
    past, bias, told, n_left, places, first,  # noqa: ANN001
    last: HitList, non_empty, of_last, circle, made: HitList, beside, known,  # noqa: ANN001
):  # fmt: skip
    """Add up what the hidden units of a stage's sectors are told of hits.

    Arguments:
        past: what networks make of what is remembered.
        bias: what the layer as a whole adds.
        told: weights of the stage.
        n_left: hits that are left.
        places: cells that are left.
        first: place of the stage's first sector.
        last: hits of the layer before.
        non_empty: numbers of the showers.
        of_last: weights of the layer before.
        circle: places of each sector, of the one before it and the one after it.
        made: hits of the layer, as far as decided.
        beside: places of the sectors near each one.
        known: receives the sums.
    """
    count, width = len(beside), known.shape[1]
    left, of_beside, own_bias = told
    common = np.zeros(width, dtype=np.float32)
    for n in range(len(non_empty)):
        row = last.row_of[non_empty[n]]
        odds = np.float32(math.log((n_left[n] + 0.1) / (places - n_left[n] + 0.1)) / 4)
        number = np.float32(math.log1p(n_left[n]) / 4)
        for h in range(width):
            common[h] = bias[n, h] + own_bias[h] + odds * left[0, h] + number * left[1, h]
        for k in range(count):
            at, j = n * count + k, first + k
            for h in range(width):
                known[at, h] = past[n, j, h] + common[h]
            for side in range(3 if row >= 0 else 0):
                place = circle[j, side]
                for i in range(last.starts[row, place], last.starts[row, place + 1]):
                    r, y = last.rings[row, i], last.scaled[row, i]
                    for h in range(width):
                        known[at, h] += y * of_last[side, 0, r, h] + of_last[side, 1, r, h]
            for near in range(beside.shape[1]):
                place = beside[k, near]
                for i in range(made.starts[n, place], made.starts[n, place + 1]):
                    r = made.rings[n, i]
                    for h in range(width):
                        known[at, h] += of_beside[near, r, h]


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
