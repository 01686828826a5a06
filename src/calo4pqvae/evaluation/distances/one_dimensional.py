"""Distances between two weighted samples of one observable.

A row of weights says how often each shower of a sample counts. Many rows at once are many
bootstrap resamples, so every function here returns one number per row.
"""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int, Num

from calo4pqvae._core.jit import compiled

__all__ = ["Merged", "separation", "weighted_mean", "weighted_width"]


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


@dataclass(frozen=True)
class Merged:
    """Two samples of one observable in common order, ready for any weights.

    Arguments:
        order: places of the values, first those of x, then those of y, by rising value.
        gaps: from each value to the next, in the units of the observable; 0 after the last.
    """

    order: Int[np.ndarray, " both"]
    gaps: Float[np.ndarray, " both"]

    @classmethod
    def of(cls, x: Float[np.ndarray, " nx"], y: Float[np.ndarray, " ny"]) -> "Merged":
        """Sort both samples together."""
        both = np.concatenate([x, y])
        order = np.argsort(both, kind="stable")
        return cls(order.astype(np.int32), np.diff(both[order], append=both.max()))

    def wasserstein(
        self, weights_x: Num[np.ndarray, "rows nx"], weights_y: Num[np.ndarray, "rows ny"]
    ) -> Float[np.ndarray, " rows"]:
        """Compute the Wasserstein-1 distance, the area between the two cumulative curves.

        In the units of the observable; NaN where a side has no weight.
        """
        with np.errstate(divide="ignore"):
            scales = (1.0 / w.sum(axis=1, dtype=np.float64) for w in (weights_x, weights_y))
        return _areas(self.order, self.gaps, weights_x, weights_y, *scales)


@compiled()
@no_type_check
def _areas(order, gaps, weights_x, weights_y, scale_x, scale_y):  # noqa: ANN001, ANN202
    """Walk through the values in order; one sum of weights, one area for each row."""
    areas = np.zeros(len(weights_x))
    for row in range(len(areas)):
        between, area, n = 0.0, 0.0, weights_x.shape[1]
        for place in range(len(order)):
            shower = order[place]
            if shower < n:
                between += weights_x[row, shower] * scale_x[row]
            else:
                between -= weights_y[row, shower - n] * scale_y[row]
            area += abs(between) * gaps[place]
        areas[row] = area
    return areas


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
