"""Distances between two weighted samples of one observable.

A row of weights says how often each shower of a sample counts. Many rows at once are many
bootstrap resamples, so every function here returns one number per row.
"""

import numpy as np
from jaxtyping import Float, Num

__all__ = ["binned", "separation", "wasserstein", "weighted_mean", "weighted_width"]


def separation(
    p: Num[np.ndarray, "*rows bins"], q: Num[np.ndarray, "*rows bins"]
) -> Float[np.ndarray, "*rows"]:
    """Compute the separation power 1/2 sum (p - q)^2 / (p + q) of two histograms.

    Both are normalised first. 0 for equal histograms, 1 for disjoint ones; NaN when one
    is empty. Two samples of one distribution of n showers each in b occupied bins give
    about b / (2 n), so read it beside its floor.
    """
    p, q = _shares(p), _shares(q)
    total = p + q
    term = np.divide((p - q) ** 2, total, out=np.zeros_like(total), where=total != 0)
    return np.asarray(0.5 * term.sum(axis=-1))


def binned(
    values: Float[np.ndarray, " batch"],
    edges: Float[np.ndarray, " edges"],
    weights: Num[np.ndarray, "rows batch"],
) -> Float[np.ndarray, "rows bins"]:
    """Fill weighted histograms of edges + 1 bins.

    The first and the last bin hold what lies below and above the edges, so that nothing is
    dropped.
    """
    bins = np.searchsorted(edges, values, side="right")
    order = np.argsort(bins, kind="stable")
    occupied, first = np.unique(bins[order], return_index=True)
    counts = np.zeros((len(weights), len(edges) + 1))
    counts[:, occupied] = np.add.reduceat(weights[:, order], first, axis=1)
    return counts


def wasserstein(
    x: Float[np.ndarray, " nx"],
    y: Float[np.ndarray, " ny"],
    weights_x: Num[np.ndarray, "rows nx"],
    weights_y: Num[np.ndarray, "rows ny"],
) -> Float[np.ndarray, " rows"]:
    """Compute the Wasserstein-1 distance, the area between the two cumulative curves.

    In the units of the observable. Exact for weighted samples.
    """
    both = np.concatenate([x, y])
    order = np.argsort(both, kind="stable")
    gap = np.diff(both[order])
    signed = np.concatenate([_shares(weights_x), -_shares(weights_y)], axis=1)
    return np.abs(np.cumsum(signed[:, order], axis=1)[:, :-1]) @ gap


def weighted_mean(
    values: Float[np.ndarray, "batch *columns"], weights: Num[np.ndarray, "rows batch"]
) -> Float[np.ndarray, "rows *columns"]:
    """Average over showers, one average per row of weights."""
    return np.tensordot(_shares(weights), values, axes=1)


def weighted_width(
    values: Float[np.ndarray, " batch"], weights: Num[np.ndarray, "rows batch"]
) -> Float[np.ndarray, " rows"]:
    """Compute the standard deviation over showers, one per row of weights."""
    centred = values - values.mean()
    mean = weighted_mean(centred, weights)
    return np.sqrt(np.maximum(weighted_mean(centred**2, weights) - mean**2, 0.0))


def _shares(counts: np.ndarray) -> np.ndarray:
    """Divide by the sum of the last axis; NaN where that is zero."""
    total = counts.sum(axis=-1, keepdims=True).astype(np.float64)
    return counts / np.where(total > 0, total, np.nan)
