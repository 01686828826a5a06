"""Features without the outermost showers, for a Fréchet distance that tails do not rule.

The Fréchet distance compares means and covariances, which a few showers far out can carry
away. As users of the field do, each sample drops the hundredth of its showers that lies
furthest from its own mean, measured by its own covariance (Mahalanobis), before both are
compared.
"""

import numpy as np
from jaxtyping import Float, Int

from calo4pqvae.evaluation.measured.features import Features

__all__ = ["TRIMMED", "inner_rows", "trimmed"]

TRIMMED = 0.01
"""Share of the showers of each sample that is dropped."""

_FLAT = 1e-10
"""Directions with less than this share of the largest variance are constant, up to rounding."""


def trimmed(features: Features) -> Features:
    """Drop the outermost hundredth of the showers, at least one."""
    return features.take(inner_rows(features.values))


def inner_rows(values: Float[np.ndarray, "showers columns"]) -> Int[np.ndarray, " kept"]:
    """Find the showers nearest to the mean, in the order in which they come.

    Columns are scaled to unit variance first; directions that do not vary count for nothing.
    """
    width = values.std(axis=0)
    away = (values - values.mean(axis=0)) / np.where(width > 0, width, 1.0)
    squares, directions = np.linalg.eigh(away.T @ away / len(away))
    varies = squares > _FLAT * squares.max(initial=0.0)
    along = away @ directions[:, varies] / np.sqrt(squares[varies])
    distance = (along**2).sum(axis=1)
    dropped = max(1, round(TRIMMED * len(values)))
    return np.sort(np.argsort(distance, kind="stable")[: len(values) - dropped])
