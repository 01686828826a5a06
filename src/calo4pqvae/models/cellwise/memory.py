"""Compiled memory of the layers already drawn: see `LayerMemory`."""

import math
from typing import no_type_check

import numpy as np

from calo4pqvae._core.jit import compiled
from calo4pqvae.models.cellwise.hit_list import HitList

__all__ = ["update_memory"]


@compiled()
@no_type_check
def update_memory(  # noqa: ANN201
    number, made: HitList, voxels, sectors, weights, directions, threshold, rates,  # noqa: ANN001
    remembered, moments, rings, spent, in_block, showers,  # noqa: ANN001
):  # fmt: skip
    """Take note of a layer: its showers' voxels, and what later layers know of it.

    Sectors are in the order of drawing, but in `showers`.

    Arguments:
        number: number of the layer.
        made: its hits.
        voxels: their energies [MeV].
        sectors: number of the sector at each place.
        weights: of the moments and the radius, for each voxel as numbered.
        directions: of the sectors.
        threshold: readout threshold [MeV].
        rates: of the moving averages.
        remembered: moving averages of sectors, and moments as seen from them, changed in place.
        moments: of the layer before, and their moving averages, changed in place.
        rings: sums of the rings of the layer before, changed in place.
        spent: sums of E, E eta, E phi and E r so far, changed in place.
        in_block: sums of E eta and E phi of the block so far, changed in place.
        showers: showers that receive the voxels, not with odd rings sheared.
    """
    n_alpha, n_r = showers.shape[2], showers.shape[3]
    width, share = 2 * n_r, np.float32(1.0 / n_alpha)
    sums, centre = np.zeros(n_r), np.zeros(5)
    for b in range(len(remembered)):
        sums[:], centre[:], rings[b] = 0, 0, 0
        _fade(remembered[b], width, rates)
        n, total = made.row_of[b], 0.0
        for j in range(n_alpha if n >= 0 else 0):
            s = sectors[j]
            for i in range(made.starts[n, j], made.starts[n, j + 1]):
                r, v = made.rings[n, i], voxels[n, i]
                for part in range(len(rates)):
                    fresh = np.float32(1 - rates[part])
                    remembered[b, j, part * width + r] += fresh * made.scaled[n, i]
                    remembered[b, j, part * width + n_r + r] += fresh
                total += v
                sums[r] += v
                rings[b, n_r + r] += share
                for k in range(5):
                    centre[k] += v * weights[s * n_r + r, k]
                showers[b, number, (s + r % 2) % n_alpha, r] = v
        if n >= 0:
            spent[b, 0] += total
            spent[b, 1] += centre[0]
            spent[b, 2] += centre[1]
            spent[b, 3] += centre[4]
            in_block[b, 0] += centre[0]
            in_block[b, 1] += centre[1]
            for r in range(n_r):
                rings[b, r] = math.log1p(sums[r] / threshold) / 8
            centre /= max(total, threshold)
        _remember_centre(centre, directions, rates, moments[b], remembered[b], width)


@compiled()
@no_type_check
def _fade(remembered, width, rates):  # noqa: ANN001, ANN202 - compiled
    """Weaken the moving averages of sectors."""
    for j in range(len(remembered)):
        for part in range(len(rates)):
            rate = np.float32(rates[part])
            for k in range(part * width, (part + 1) * width):
                remembered[j, k] *= rate


@compiled()
@no_type_check
def _remember_centre(centre, directions, rates, moments, remembered, width):  # noqa: ANN001, ANN202 - compiled
    """Renew the moments, and how sectors see them."""
    for k in range(4):
        moments[0, k] = centre[k]
        for part in range(len(rates)):
            rate = rates[part]
            moments[1 + part, k] = rate * moments[1 + part, k] + (1 - rate) * centre[k]
    at = len(rates) * width
    for j in range(len(remembered)):
        for part in range(1 + len(rates)):
            for order in range(2):
                remembered[j, at + 2 * part + order] = (
                    moments[part, 2 * order] * directions[j, order, 0]
                    + moments[part, 2 * order + 1] * directions[j, order, 1]
                )
