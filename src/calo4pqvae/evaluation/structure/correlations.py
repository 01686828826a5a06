"""Correlation functions: centres of layers against their distance, pairs of hits.

Errors are those of a jackknife over groups of showers.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from calo4pqvae.evaluation.structure.columns import Region
from calo4pqvae.evaluation.structure.showers import Structure

__all__ = ["FUNCTIONS", "Function", "centres", "pairs_in_azimuth", "pairs_in_depth"]

_GROUPS = 20


class Function(NamedTuple):
    """A correlation function with its errors.

    Arguments:
        lags: distances, in layers or sectors.
        values: the function; NaN where it is undefined.
        errors: one standard deviation each.
    """

    lags: np.ndarray
    values: np.ndarray
    errors: np.ndarray


def centres(showers: Structure) -> Function:
    """Correlate the centres of layers 1, 2, .. apart.

    Pearson's correlation over showers of the centre of layer l and that of layer l + d, in eta
    and in phi, averaged over both and over the pairs of core layers (2 to 19 of 45). The mean
    of a centre is zero by symmetry and is not fitted.
    """
    low, high = Region.of(showers.geometry).core
    inside = showers.centres[:, low:high].astype(np.float64)
    lags = np.arange(1, max(2, high - low - 2))

    def sums(rows: np.ndarray) -> np.ndarray:
        return np.einsum("nlx,nkx->lkx", inside[rows], inside[rows])

    def function(total: np.ndarray) -> np.ndarray:
        width = np.sqrt(np.einsum("llx->lx", total))
        product = width[:, None] * width
        matrix = np.divide(total, product, out=np.full_like(total, np.nan), where=product > 0)
        return np.array([_mean(np.diagonal(matrix, lag)) for lag in lags])

    return _jackknife(lags, len(showers), sums, function)


def pairs_in_azimuth(showers: Structure) -> Function:
    """Correlate hits 1, 2, .. sectors apart: <h h'> / <h>^2 - 1.

    Over outer rings and layers 5 to 20 of 45, weighted with <h>^2, which by symmetry depends on
    layer and ring alone.
    """
    region = Region.of(showers.geometry)
    n_alpha, lags = showers.geometry.shape[1], np.arange(1, showers.pairs_alpha.shape[1] + 1)
    hits = _hits(showers)[:, slice(*region.pairs), region.outer :]

    def sums(rows: np.ndarray) -> np.ndarray:
        mean = hits[rows].sum(axis=0)
        return np.concatenate([
            [len(rows)], showers.pairs_alpha[rows].sum(axis=0), mean.ravel()
        ])  # fmt: skip

    def function(total: np.ndarray) -> np.ndarray:
        n, pairs, mean = total[0], total[1 : len(lags) + 1], total[len(lags) + 1 :] / total[0]
        chance = (mean**2).sum() / n_alpha
        return pairs / n / chance - 1 if chance > 0 else np.full(len(lags), np.nan)

    return _jackknife(lags, len(showers), sums, function)


def pairs_in_depth(showers: Structure) -> Function:
    """Correlate hits in one cell 1, 2, .. layers apart, like `pairs_in_azimuth`."""
    region = Region.of(showers.geometry)
    n_layers, n_alpha, _ = showers.geometry.shape
    deepest = min(showers.pairs_depth.shape[1], n_layers - region.pairs[0] - 1)
    lags = np.arange(1, deepest + 1)
    hits = _hits(showers)[:, :, region.outer :]
    shape = hits.shape[1:]

    def sums(rows: np.ndarray) -> np.ndarray:
        pairs = showers.pairs_depth[rows, : len(lags)].sum(axis=0)
        return np.concatenate([[len(rows)], pairs, hits[rows].sum(axis=0).ravel()])

    def function(total: np.ndarray) -> np.ndarray:
        n, pairs = total[0], total[1 : len(lags) + 1]
        mean = (total[len(lags) + 1 :] / n).reshape(shape)
        made = np.full(len(lags), np.nan)
        for i, lag in enumerate(lags):
            first = np.arange(region.pairs[0], min(region.pairs[1], n_layers - lag))
            chance = (mean[first] * mean[first + lag]).sum() / n_alpha
            if chance > 0:
                made[i] = pairs[i] / n / chance - 1
        return made

    return _jackknife(lags, len(showers), sums, function)


FUNCTIONS: dict[str, Callable[[Structure], Function]] = {
    "centres": centres,
    "pairs_in_azimuth": pairs_in_azimuth,
    "pairs_in_depth": pairs_in_depth,
}
"""Correlation functions by name."""


def _hits(showers: Structure) -> np.ndarray:
    return showers.ring_hits.astype(np.float64)


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _jackknife(
    lags: np.ndarray,
    n: int,
    sums: Callable[[np.ndarray], np.ndarray],
    function: Callable[[np.ndarray], Float[np.ndarray, " lags"]],
) -> Function:
    """Evaluate a function of sums over showers, and leave out one group after the other."""
    groups = min(_GROUPS, n)
    parts = np.stack([sums(rows) for rows in np.array_split(np.arange(n), groups)])
    total = parts.sum(axis=0)
    left = np.stack([function(total - part) for part in parts])
    errors = np.sqrt((groups - 1) * ((left - left.mean(axis=0)) ** 2).mean(axis=0))
    return Function(lags, function(total), errors)
