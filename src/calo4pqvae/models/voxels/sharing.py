"""Compiled draws of hits that share an energy: what `SharedVoxels` does, hit by hit."""

import math
from typing import no_type_check

import numpy as np
from jaxtyping import Float

from calo4pqvae._core.jit import compiled
from calo4pqvae._core.truncated_normal import normal_from, normal_up_to

__all__ = ["LARGEST_STEP", "LARGEST_Y", "LEAST_CHANCE", "ROUNDS", "share_energies"]

LARGEST_Y, LARGEST_STEP, ROUNDS, LEAST_CHANCE = 25.0, 1.5, 6, 2.0**-24
_CLOSE = 0.01
_FAR_CUT = 10.0

Layer = Float[np.ndarray, "batch alpha r"]


def share_energies(
    mu: Layer,
    sigma: Layer,
    uniform: Layer,
    hits: Layer,
    *,
    shares: tuple[np.ndarray, ...],
    threshold: float,
    quantiles: tuple[np.ndarray, ...],
) -> Layer:
    """Draw the energies of hits [MeV].

    Arguments:
        mu: means of the logarithmic energies.
        sigma: their widths.
        uniform: one uniform number per voxel.
        hits: 1 for voxels that have an energy.
        shares: what is left [MeV], hits that are left, and whether the group is the last.
        threshold: readout threshold [MeV].
        quantiles: edges, levels and table of a `QuantileTable`.
    """
    energies = np.zeros_like(mu)
    law, (left, n_left, last) = (mu, sigma, *quantiles), shares
    _share(law, uniform, hits, left, n_left, last, threshold, energies)
    return energies


@compiled()
@no_type_check
def _share(law, uniform, hits, left, n_left, last, threshold, energies):  # noqa: ANN001, ANN202
    most = hits.shape[1] * hits.shape[2]
    place, numbers = np.zeros((most, 2), dtype=np.int64), np.zeros((5, most))
    table, levels = law[4].reshape(-1, law[4].shape[2]), law[3]
    for b in range(len(hits)):
        n = _collect(b, law, uniform[b], hits[b], place, numbers)
        if n == 0:
            continue
        v = numbers[4]
        for k in range(n):
            row = table[place[k, 1]]
            y = _log_energy(numbers[0, k], numbers[1, k], numbers[2, k], levels, row)
            v[k] = threshold * math.exp(y)
        if last[b]:
            _condition(n, left[b], threshold, place, numbers, levels, table)
        else:
            room = max(left[b] - threshold * (n_left[b] - 1), threshold)
            for k in range(n):
                v[k] = max(v[k] / (1 + v[k] / room), threshold)
        total, most_left = v[:n].sum(), left[b] - threshold * (n_left[b] - n)
        factor = 1.0
        if last[b] or total > most_left:
            factor = max(most_left - threshold * n, 0.0) / max(total - threshold * n, 1e-9)
        flat = energies[b].reshape(-1)
        for k in range(n):
            flat[place[k, 0]] = threshold + (v[k] - threshold) * factor


@compiled()
@no_type_check
def _collect(b, law, uniform, hits, place, numbers):  # noqa: ANN001, ANN202 - compiled
    """Line up mean, width and uniform number of the hits of one shower; return their number."""
    mu, sigma, edges = law[:3]
    bins, n = edges.shape[1] + 1, 0
    for a in range(hits.shape[0]):
        for r in range(hits.shape[1]):
            if hits[a, r]:
                row = r * bins
                for edge in edges[r]:
                    row += mu[b, a, r] > edge
                place[n, 0], place[n, 1] = a * hits.shape[1] + r, row
                numbers[0, n], numbers[1, n] = mu[b, a, r], sigma[b, a, r]
                numbers[2, n] = uniform[a, r]
                n += 1
    return n


@compiled()
@no_type_check
def _condition(n, left, threshold, place, numbers, levels, table):  # noqa: ANN001, ANN202
    """Move normal numbers along the direction in which the sum moves, until it is `left`.

    The first step takes the slope from the widths, later ones from what the step before did.
    """
    mu, sigma, w, direction, v = numbers
    square, moved, step, before = 0.0, 0.0, 0.0, 0.0
    for k in range(n):
        w[k] = normal_from(w[k])
        direction[k] = v[k] * sigma[k]
        square += direction[k] ** 2
    length = math.sqrt(square)
    for turn in range(ROUNDS):
        total, steep = 0.0, 0.0
        for k in range(n):
            total += v[k]
            steep += v[k] * sigma[k] * direction[k]
        gap = math.log(left / total)
        if abs(gap) < _CLOSE:
            break
        steep /= length * total
        if turn > 0 and (before - gap) * step > 0:
            steep = (before - gap) / step
        step = min(max(gap / max(steep, 1e-3), -LARGEST_STEP), LARGEST_STEP)
        moved, before = moved + step, gap
        for k in range(n):
            u = normal_up_to(w[k] + moved * direction[k] / length)
            y = _log_energy(mu[k], sigma[k], u, levels, table[place[k, 1]])
            v[k] = threshold * math.exp(y)


@compiled()
@no_type_check
def _log_energy(mu, sigma, uniform, levels, row):  # noqa: ANN001, ANN202 - compiled
    """Turn a uniform number into ln(v / v0): the table first, then the cut normal law."""
    u = min(max(uniform, LEAST_CHANCE), 1 - LEAST_CHANCE)
    x = math.log(u / (1 - u))
    above, top = 1, len(levels) - 1
    while above < top:
        middle = (above + top) // 2
        if levels[middle] < x:
            above = middle + 1
        else:
            top = middle
    part = (x - levels[above - 1]) / (levels[above] - levels[above - 1])
    logit = row[above - 1] + part * (row[above] - row[above - 1])
    survival = max(1 / (1 + math.exp(min(logit, 80.0))), LEAST_CHANCE)
    cut = -mu / sigma
    if cut > _FAR_CUT:
        drop = -2 * math.log(survival)
        y = sigma * drop / (cut + math.sqrt(cut**2 + drop))
    else:
        tail = min(survival * normal_up_to(-cut), 1 - LEAST_CHANCE)
        y = mu - sigma * normal_from(tail)
    return min(max(y, 0.0), LARGEST_Y)
