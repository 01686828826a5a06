"""Compiled loops that decide the hits of a layer, between its matrix products.

`non_empty` are the numbers of the showers that have energy in the layer; `history`, `uniforms`
and `showers` hold all showers, other arrays only those. Sectors are in the order of drawing
unless an array is said to be sheared.
"""

import math
from typing import no_type_check

import numpy as np

from calo4pqvae._core.jit import compiled

__all__ = ["line_up_hits", "look_around", "score_cells"]


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
