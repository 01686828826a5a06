"""Compiled draws of hits that share an energy: what `SharedVoxels` does, hit by hit."""

import math
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Float

from calo4pqvae.compilation import compiled
from calo4pqvae.normal_law import normal_from, normal_up_to

__all__ = ["LARGEST_STEP", "LARGEST_Y", "LEAST_CHANCE", "ROUNDS", "share_energies"]

LARGEST_Y, LARGEST_STEP, ROUNDS, LEAST_CHANCE = 25.0, 1.5, 6, 2.0**-24
_CLOSE = 0.005
_FAR_CUT = 10.0

Layer = Float[np.ndarray, "batch alpha r"]


def share_energies(
    mu: Layer,
    sigma: Layer,
    uniform: Layer,
    hits: Bool[np.ndarray, "batch alpha r"],
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
        hits: voxels that have an energy.
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
    place, numbers = np.zeros((most, 3), dtype=np.int64), np.zeros((5, most))
    for b in range(len(hits)):
        n = _collect(b, law, uniform[b], hits[b], place, numbers)
        if n == 0:
            continue
        v = numbers[4]
        for k in range(n):
            v[k] = threshold * math.exp(_log_energy(numbers[:, k], place[k], law))
        if last[b]:
            _condition(n, left[b], threshold, place, numbers, law)
        else:
            room = max(left[b] - threshold * (n_left[b] - 1), threshold)
            for k in range(n):
                v[k] = max(v[k] / (1 + v[k] / room), threshold)
        total, most_left = v[:n].sum(), left[b] - threshold * (n_left[b] - n)
        factor = 1.0
        if last[b] or total > most_left:
            factor = max(most_left - threshold * n, 0.0) / max(total - threshold * n, 1e-9)
        for k in range(n):
            energies[b, place[k, 0], place[k, 1]] = threshold + (v[k] - threshold) * factor


@compiled()
@no_type_check
def _collect(b, law, uniform, hits, place, numbers):  # noqa: ANN001, ANN202 - compiled
    """Line up mean, width and uniform number of the hits of one shower; return their number."""
    mu, sigma, edges = law[:3]
    n = 0
    for a in range(hits.shape[0]):
        for r in range(hits.shape[1]):
            if hits[a, r]:
                row = 0
                for edge in edges[r]:
                    row += mu[b, a, r] > edge
                place[n] = (a, r, row)
                numbers[0, n], numbers[1, n] = mu[b, a, r], sigma[b, a, r]
                numbers[2, n] = uniform[a, r]
                n += 1
    return n


@compiled()
@no_type_check
def _condition(n, left, threshold, place, numbers, law):  # noqa: ANN001, ANN202 - compiled
    """Move normal numbers along the direction in which the sum moves, until it is `left`."""
    sigma, direction, v = numbers[1], numbers[3], numbers[4]
    square, moved = 0.0, 0.0
    w = np.empty(n)
    for k in range(n):
        w[k] = normal_from(numbers[2, k])
        direction[k] = v[k] * sigma[k]
        square += direction[k] ** 2
    for _ in range(ROUNDS):
        total, steep = 0.0, 0.0
        for k in range(n):
            total += v[k]
            steep += v[k] * sigma[k] * direction[k]
        gap = math.log(left / total)
        if abs(gap) < _CLOSE:
            break
        steep /= math.sqrt(square) * total
        moved += min(max(gap / max(steep, 1e-3), -LARGEST_STEP), LARGEST_STEP)
        for k in range(n):
            numbers[2, k] = normal_up_to(w[k] + moved * direction[k] / math.sqrt(square))
            v[k] = threshold * math.exp(_log_energy(numbers[:, k], place[k], law))


@compiled()
@no_type_check
def _log_energy(numbers, place, law):  # noqa: ANN001, ANN202 - compiled
    """Turn a uniform number into ln(v / v0): the table first, then the cut normal law."""
    mu, sigma, uniform = numbers[0], numbers[1], numbers[2]
    levels, row = law[3], law[4][place[1], place[2]]
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
