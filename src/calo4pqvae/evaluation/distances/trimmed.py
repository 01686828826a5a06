"""Features without the outermost showers, for a Fréchet distance that tails do not rule.

The Fréchet distance compares means and covariances, which a few showers far out can carry
away. As users of the field do, each sample drops the hundredth of its showers that lies
furthest from its own mean, measured by its own covariance (Mahalanobis), before both are
compared.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

from calo4pqvae.evaluation.measured.arrays import spread
from calo4pqvae.evaluation.measured.features import Features

__all__ = ["TRIMMED", "inner_rows", "trimmed"]

TRIMMED = 0.01
"""Share of the showers of each sample that is dropped."""

_BLOCK = 8192
_FLAT = 1e-10
"""Directions with less than this share of the largest variance are constant, up to rounding."""


def trimmed(features: Features) -> Features:
    """Drop the outermost hundredth of the showers, at least one."""
    return features.take(inner_rows(features.values))


def inner_rows(values: Float[np.ndarray, "showers columns"]) -> Int[np.ndarray, " kept"]:
    """Find the showers nearest to the mean, in the order in which they come.

    Columns are scaled to unit variance first; directions that do not vary count for nothing.
    """
    mean, width = spread(values)
    width = np.where(width > 0, width, 1.0)

    def away() -> Iterator[np.ndarray]:
        for start in range(0, len(values), _BLOCK):
            yield (values[start : start + _BLOCK] - mean) / width

    squares, directions = np.linalg.eigh(sum(x.T @ x for x in away()) / len(values))
    varies = squares > _FLAT * squares.max(initial=0.0)
    turn = directions[:, varies] / np.sqrt(squares[varies])
    distance = np.concatenate([((x @ turn) ** 2).sum(axis=1) for x in away()])
    dropped = max(1, round(TRIMMED * len(values)))
    return np.sort(np.argsort(distance, kind="stable")[: len(values) - dropped])
