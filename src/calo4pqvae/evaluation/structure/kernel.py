"""One pass over the voxels of each shower, in compiled code."""

import math
from typing import no_type_check

from calo4pqvae._core.jit import compiled
from calo4pqvae.evaluation.structure.names import FAINT, HARD, SINGLE, SOFT

__all__ = ["count_pairs", "measure_deposits", "measure_hits"]

_SINGLE_LOW, _SINGLE_HIGH = SINGLE


@compiled()
@no_type_check
def measure_deposits(showers, eta, phi, outer, halo, sums, layers, centres):  # noqa: PLR0912
    """Sum over single deposits.

    Arguments:
        showers: (n, layers, alpha, r) energies, zero below the threshold.
        eta: (alpha, r) places of the voxels [mm].
        phi: likewise.
        outer: first of the outer rings.
        halo: first ring of the outer third.
        sums: (n, 18) out: E, E eta, E phi, E eta^2, E phi^2, E eta phi, E^2, E in the first
            ring, E in the halo, soft E, hard E, hits, eta and phi of hits, sum and square of
            log10 E, largest E, largest E outside.
        layers: (n, layers, 6) out: E, hits, largest E, and soft, faint and single hits.
        centres: (n, layers, 2) out: centre of each layer, 0 where it is empty.
    """
    n, n_layers, n_alpha, n_r = showers.shape
    for i in range(n):
        for layer in range(n_layers):
            total, x, y, hits, top = 0.0, 0.0, 0.0, 0, 0.0
            for a in range(n_alpha):
                for r in range(n_r):
                    e = showers[i, layer, a, r]
                    if e <= 0.0:
                        continue
                    u, v = eta[a, r], phi[a, r]
                    total += e
                    x += e * u
                    y += e * v
                    hits += 1
                    top = max(top, e)
                    sums[i, 3] += e * u * u
                    sums[i, 4] += e * v * v
                    sums[i, 5] += e * u * v
                    sums[i, 6] += e * e
                    if r == 0:
                        sums[i, 7] += e
                    if r >= halo:
                        sums[i, 8] += e
                    if e < SOFT:
                        sums[i, 9] += e
                        layers[i, layer, 3] += 1
                        if e < FAINT:
                            layers[i, layer, 4] += 1
                    elif e > HARD:
                        sums[i, 10] += e
                    elif _SINGLE_LOW < e < _SINGLE_HIGH:
                        layers[i, layer, 5] += 1
                    sums[i, 12] += u
                    sums[i, 13] += v
                    log = math.log10(e)
                    sums[i, 14] += log
                    sums[i, 15] += log * log
                    if r >= outer:
                        sums[i, 17] = max(sums[i, 17], e)
            layers[i, layer, 0] = total
            layers[i, layer, 1] = hits
            layers[i, layer, 2] = top
            sums[i, 0] += total
            sums[i, 1] += x
            sums[i, 2] += y
            sums[i, 11] += hits
            sums[i, 16] = max(sums[i, 16], top)
            if total > 0.0:
                centres[i, layer, 0] = x / total
                centres[i, layer, 1] = y / total


@compiled()
@no_type_check
def measure_hits(showers, cosine, sine, outer, ring_hits, shares):
    """Count hits with neighbours, and the azimuthal moments of the outer ones.

    Arguments:
        showers: (n, layers, alpha, r) energies, zero below the threshold.
        cosine: (alpha,) of the sectors.
        sine: likewise.
        outer: first of the outer rings.
        ring_hits: (n, layers, r) out: number of hits.
        shares: (n, 7) out: hits with a neighbour in azimuth, in r, in depth, with none; number,
            dipole and quadrupole of the outer hits.
    """
    n, n_layers, n_alpha, n_r = showers.shape
    for i in range(n):
        outside, c1, s1, c2, s2 = 0, 0.0, 0.0, 0.0, 0.0
        for layer in range(n_layers):
            for a in range(n_alpha):
                before, after = (a - 1) % n_alpha, (a + 1) % n_alpha
                for r in range(n_r):
                    if showers[i, layer, a, r] <= 0.0:
                        continue
                    ring_hits[i, layer, r] += 1
                    along = n_alpha > 1 and (
                        showers[i, layer, before, r] > 0.0 or showers[i, layer, after, r] > 0.0
                    )
                    across = (r > 0 and showers[i, layer, a, r - 1] > 0.0) or (
                        r + 1 < n_r and showers[i, layer, a, r + 1] > 0.0
                    )
                    through = (layer > 0 and showers[i, layer - 1, a, r] > 0.0) or (
                        layer + 1 < n_layers and showers[i, layer + 1, a, r] > 0.0
                    )
                    shares[i, 0] += along
                    shares[i, 1] += across
                    shares[i, 2] += through
                    shares[i, 3] += not (along or across or through)
                    if r >= outer:
                        c, s = cosine[a], sine[a]
                        outside += 1
                        c1 += c
                        s1 += s
                        c2 += c * c - s * s
                        s2 += 2.0 * c * s
        shares[i, 4] = outside
        shares[i, 5] = math.sqrt(c1 * c1 + s1 * s1)
        shares[i, 6] = math.sqrt(c2 * c2 + s2 * s2)


@compiled()
@no_type_check
def count_pairs(showers, low, high, outer, alpha, depth, everywhere):  # noqa: PLR0912
    """Count pairs of hits in azimuth and in depth.

    Arguments:
        showers: (n, layers, alpha, r) energies, zero below the threshold.
        low: first of the layers where correlation functions are taken.
        high: the layer behind the last of them.
        outer: first of the rings where they are taken.
        alpha: (n, lags) out: pairs d + 1 sectors apart in those rings and layers.
        depth: (n, lags) out: pairs in one cell d + 1 layers apart, the first within the layers.
        everywhere: (n, 6) out: pairs in all layers and rings, 1, 2 and half of the sectors
            apart, and in one cell 1, 2 and 4 layers apart.
    """
    n, n_layers, n_alpha, n_r = showers.shape
    lags_alpha, lags_depth, half = alpha.shape[1], depth.shape[1], n_alpha // 2
    for i in range(n):
        for layer in range(n_layers):
            inside = low <= layer < high
            for a in range(n_alpha):
                for r in range(n_r):
                    if showers[i, layer, a, r] <= 0.0:
                        continue
                    counted = inside and r >= outer
                    for d in range(1, lags_alpha + 1):
                        if showers[i, layer, (a + d) % n_alpha, r] > 0.0:
                            if counted:
                                alpha[i, d - 1] += 1
                            if d == 1:
                                everywhere[i, 0] += 1
                            if d == 2:
                                everywhere[i, 1] += 1
                            if d == half:
                                everywhere[i, 2] += 1
                    for d in range(1, min(lags_depth, n_layers - 1 - layer) + 1):
                        if showers[i, layer + d, a, r] > 0.0:
                            if counted:
                                depth[i, d - 1] += 1
                            if d == 1:
                                everywhere[i, 3] += 1
                            if d == 2:
                                everywhere[i, 4] += 1
                            if d == 4:
                                everywhere[i, 5] += 1
