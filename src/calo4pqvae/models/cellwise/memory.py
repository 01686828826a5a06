"""Compiled memory of the layers already drawn: see `LayerMemory`."""

import math
from typing import no_type_check

import numpy as np

from calo4pqvae._core.jit import compiled

__all__ = ["update_memory"]


@compiled()
@no_type_check
def update_memory(  # noqa: ANN201
    number, row_of, layer, scaled, weights, directions, threshold, rates,  # noqa: ANN001
    history, moments, rings, showers,  # noqa: ANN001
):  # fmt: skip
    """Take note of a layer: its showers' voxels, and what later layers know of it.

    Arguments:
        number: number of the layer.
        row_of: row of each shower in `layer` and `scaled`, -1 without energy.
        layer: voxel energies [MeV].
        scaled: their scaled logarithms.
        weights: of the moments, for each voxel.
        directions: of the sectors.
        threshold: readout threshold [MeV].
        rates: of the moving averages.
        history: what each sector knows of its past, changed in place.
        moments: of the layer before, and their moving averages, changed in place.
        rings: sums of the rings of the layer before, changed in place.
        showers: showers that receive the voxels, not with odd rings sheared.
    """
    n_alpha, n_r = showers.shape[2], showers.shape[3]
    width = 2 * n_r
    own = np.zeros((n_alpha, width), dtype=np.float32)
    sums, centre = np.zeros(n_r), np.zeros(4)
    for b in range(len(row_of)):
        n = row_of[b]
        own[:], sums[:], centre[:], rings[b] = 0, 0, 0, 0
        if n >= 0:
            for s in range(n_alpha):
                for r in range(n_r):
                    v = layer[n, s, r]
                    if v > 0:
                        own[s, r], own[s, n_r + r] = scaled[n, s, r], 1
                        sums[r] += v
                        rings[b, n_r + r] += np.float32(1.0 / n_alpha)
                        for k in range(4):
                            centre[k] += v * weights[s * n_r + r, k]
                        showers[b, number, (s + r % 2) % n_alpha, r] = v
            total = max(sums.sum(), threshold)
            for r in range(n_r):
                rings[b, r] = math.log1p(sums[r] / threshold) / 8
            centre /= total
        for k in range(4):
            moments[b, 0, k] = centre[k]
            for part in range(len(rates)):
                rate = rates[part]
                moments[b, 1 + part, k] = (
                    rate * moments[b, 1 + part, k] + (1 - rate) * centre[k]
                )
        _update_history(own, directions, rates, history[b], moments[b])


@compiled()
@no_type_check
def _update_history(own, directions, rates, history, moments):  # noqa: ANN001, ANN202 - compiled
    """Renew what each sector of a shower knows of its past."""
    n_alpha, width = own.shape
    parts = 1 + len(rates)
    for s in range(n_alpha):
        mine, row = own[s], history[s]
        _copy(mine, row[:width])
        for part in range(len(rates)):
            _moving_average(row[(1 + part) * width : (2 + part) * width], mine, rates[part])
        at = parts * width
        _copy(own[s - 1], row[at : at + width])
        _copy(own[(s + 1) % n_alpha], row[at + width : at + 2 * width])
        at += 2 * width
        for part in range(parts):
            for order in range(2):
                row[at + 2 * part + order] = (
                    moments[part, 2 * order] * directions[s, order, 0]
                    + moments[part, 2 * order + 1] * directions[s, order, 1]
                )


@compiled(inline="always")
@no_type_check
def _copy(source, target):  # noqa: ANN001, ANN202 - compiled
    for k in range(len(target)):
        target[k] = source[k]


@compiled(inline="always")
@no_type_check
def _moving_average(averages, new, rate):  # noqa: ANN001, ANN202 - compiled
    old, fresh = np.float32(rate), np.float32(1 - rate)
    for k in range(len(averages)):
        averages[k] = old * averages[k] + fresh * new[k]
