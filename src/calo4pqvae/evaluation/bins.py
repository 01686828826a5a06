"""Edges of histogram bins, chosen from the values that are to be shown."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

__all__ = ["is_geometric", "linear_edges", "log_edges", "number_of_bins", "sparsity_edges"]

Edges = Float[np.ndarray, " edges"]


def number_of_bins(values: Mapping[str, np.ndarray]) -> int:
    """Choose about as many bins as the smallest sample that is not empty can fill.

    There are at most 40, and 20 where more than four samples have to be kept apart.
    """
    smallest = min((len(v) for v in values.values() if len(v)), default=0)
    return int(np.clip(1.8 * smallest ** (1 / 3), 8, 40 if len(values) <= 4 else 20))


def linear_edges(values: Float[np.ndarray, " values"], n_bins: int) -> Edges:
    """Cut the span of the values into equal bins; it is never empty."""
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    margin = 1e-6 + 1e-6 * abs(high)
    return np.linspace(low - margin, high + margin, n_bins + 1)


def log_edges(values: Float[np.ndarray, " values"], n_bins: int) -> Edges:
    """Cut the span of positive values into logarithmic bins."""
    positive = values[values > 0]
    low, high = (positive.min(), positive.max()) if len(positive) else (1.0, 10.0)
    return np.geomspace(low, max(high, 1.01 * low) * 1.0001, n_bins + 1)


def sparsity_edges(values: Float[np.ndarray, " values"], n_bins: int, n_voxels: int) -> Edges:
    """Cut the span of sparsities into bins that each hold equally many possible values.

    A shower of n voxels has one of the n + 1 sparsities 1 - hits / n. Bins that ignore this
    hold now one more, now one less of them, and a smooth distribution looks like a comb.

    Arguments:
        values: sparsities.
        n_bins: about how many bins are wanted; fewer where there are not enough values.
        n_voxels: number n of voxels that the sparsity is over.
    """
    hits = np.rint((1 - values) * n_voxels)
    fewest, most = (hits.min(), hits.max()) if len(hits) else (0, n_voxels)
    width = int(np.ceil((most - fewest + 1) / n_bins))
    count = int(np.ceil((most - fewest + 1) / width))
    return (1 - (fewest - 0.5 + width * np.arange(count + 1)) / n_voxels)[::-1].copy()


def is_geometric(edges: Edges) -> bool:
    """Whether the edges are evenly spaced on a logarithmic axis."""
    return bool(edges[0] > 0 and np.allclose(np.diff(np.log(edges), 2), 0, atol=1e-6))
