"""Parts of equal size: two disjoint ones of the reference, and one of the sample beside them.

A score averaged over parts that cover both sides is about as good as one taken on all showers:
with n and N showers against parts of m, its variance falls to the share r^2,
r = (1 / n + 1 / N) / (2 / m), of that of a single comparison of parts, and to r where a defect
dominates; what the choice of k parts adds falls as 1 / k, for the score as for its floor.
Against independent samples of Geant4 the errors made so are right or up to a third too large.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from calo4pqvae.evaluation.result import Score
from calo4pqvae.evaluation.verdict import Floor

__all__ = [
    "SPLITS", "Split", "averaged", "averaged_floor", "draw_splits", "marks", "redrawn_rows",
]  # fmt: skip

Rows = Int[np.ndarray, " rows"]

SPLITS = 24
"""Splits for a floor and what is set beside it; fewer leave the floor's error too vague."""

REDRAWS = 40
"""Redraws for the error of a difference between systems, which they give to 11 %."""

_MOST = 4
"""Splits are at most so many times more than asked for, however large the sample."""


class Split(NamedTuple):
    """Rows of equal number: `one` and `other` of the reference, disjoint, and of the sample."""

    one: Rows
    other: Rows
    sample: Rows


def draw_splits(
    n_reference: int,
    n_sample: int,
    at_least: int = SPLITS,
    seed: int = 42,
    at_most: int | None = None,
) -> list[Split]:
    """Draw parts at random; the parts of the reference depend on their size alone.

    The parts of the sample follow each other through one permutation of it, and there are so
    many of them that every shower is taken, up to four times `at_least` parts.

    Arguments:
        n_reference: showers of the reference.
        n_sample: showers of the sample.
        at_least: number of splits.
        seed: of the draws.
        at_most: largest size of a part.

    Returns:
        The splits; empty if a part would have no rows.
    """
    m = min(n_reference // 2, n_sample, at_most or n_sample)
    if m == 0:
        return []
    order = np.random.default_rng((seed, 0)).permutation(n_sample)
    splits = []
    for i in range(max(at_least, min(-(-n_sample // m), _MOST * at_least))):
        halves = np.random.default_rng((seed, 1, i)).permutation(n_reference)
        mine = order[(i * m + np.arange(m)) % n_sample]
        splits.append(Split(halves[:m], halves[m : 2 * m], mine))
    return splits


def redrawn_rows(
    sizes: tuple[int, int], seed: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Draw the rows of both sides with replacement, those of the reference alike for all."""
    reference, sample = (
        [np.random.default_rng((of_side, i)).integers(n, size=n) for i in range(REDRAWS)]
        for of_side, n in zip((seed, seed + 1), sizes, strict=True)
    )
    return reference, sample


def marks(parts: Sequence[Rows], n: int) -> Float[np.ndarray, "n parts"]:
    """Count in one column for each part how often it holds each of n rows."""
    return np.stack([np.bincount(rows, minlength=n) for rows in parts], 1).astype(np.float64)


def averaged_floor(
    values: Float[np.ndarray, " splits"],
    sizes: tuple[int, int, int],
    scatter: Float[np.ndarray, " _splits"],
) -> Floor:
    """Average a floor over its splits.

    Arguments:
        values: the score of the two halves of each split.
        sizes: showers of the reference, of the sample, and of a part.
        scatter: what has the spread of a single comparison of independent samples.
    """
    k, share = len(values), _share(sizes)
    single = float(np.std(scatter, ddof=1))
    spread = single * math.sqrt(share**2 + 2 / k)
    return Floor(float(np.mean(values)), single / math.sqrt(k), spread, k - 1, sizes[2])


def averaged(
    values: Float[np.ndarray, " splits"], sizes: tuple[int, int, int], floor: Floor
) -> Score:
    """Average a score over splits; no error is less than that of Geant4's own showers."""
    k, share = len(values), _share(sizes)
    single = max(float(np.std(values, ddof=1)), floor.error * math.sqrt(k))
    return Score(float(np.mean(values)), single * math.sqrt(share + 1 / k), sizes[2])


def _share(sizes: tuple[int, int, int]) -> float:
    n_reference, n_sample, m = sizes
    return (1 / n_reference + 1 / n_sample) * m / 2
