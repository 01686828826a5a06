"""Histograms of many draws of showers at once, and the figures of a pair of histograms."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from calo4pqvae.evaluation.distances.one_dimensional import separation

__all__ = ["Draws", "Pair", "chi_square", "mean_defined", "redraw", "split"]

Counts = Float[np.ndarray, "*draws bins"]


class Pair(NamedTuple):
    """Two tables (members (bins + 1), showers) of one observable.

    The last row of each member is outside the range.
    """

    first: Any
    second: Any
    members: int


class Draws(NamedTuple):
    """Figures of one observable, (draws, members) each; a shape is (draws, members, 2)."""

    separation: np.ndarray
    chi_square: np.ndarray
    expected: np.ndarray
    outside: np.ndarray

    @classmethod
    def of(cls, pair: Pair, first: np.ndarray, second: np.ndarray) -> "Draws":
        """Weigh the showers of both tables by each column of draws, for all members."""
        p, q = (
            np.ascontiguousarray((table @ draws).T).reshape(draws.shape[1], pair.members, -1)
            for table, draws in ((pair.first, first), (pair.second, second))
        )
        return cls(*_compare(p, q))


def _compare(p: Counts, q: Counts) -> tuple[np.ndarray, ...]:
    """Compare histograms whose last bin counts what is outside; see `Draws`."""
    inside = p[..., :-1], q[..., :-1]
    n, m = (side.sum(axis=-1) for side in inside)
    separated = np.where((n > 0) != (m > 0), 1.0, separation(*inside))
    occupied = (inside[0] + inside[1] > 0).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.where(n * m > 0, (occupied - 1) / 4 * (1 / n + 1 / m), np.nan)
        shares = [side[..., -1] / side.sum(axis=-1) for side in (p, q)]
    return separated, chi_square(p, q), expected, np.stack(shares, axis=-1)


def redraw(rng: np.random.Generator, n: int, draws: int) -> Float[np.ndarray, "n draws"]:
    """Count how often each of n showers comes up in n drawings, once for each column."""
    columns = [np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(draws)]
    return np.array(columns, dtype=np.float64).reshape(draws, n).T


def split(
    rng: np.random.Generator, n: int, splits: int
) -> tuple[Float[np.ndarray, "n splits"], Float[np.ndarray, "n splits"]]:
    """Mark two random halves, once for each column; an odd shower is in neither."""
    order = np.argsort(rng.random((splits, n)), axis=1).argsort(axis=1).T
    half = n // 2
    return (order < half).astype(np.float64), (order >= n - half).astype(np.float64)


def chi_square(p: Counts, q: Counts) -> Float[np.ndarray, "*draws"]:
    """Compute chi-square over degrees of freedom of two histograms of counts.

    sum_b (sqrt(M / N) p_b - sqrt(N / M) q_b)^2 / (p_b + q_b), where N and M are the sums, over
    the number of occupied bins less one. Its mean is 1 for independent entries of one law,
    however few there are in a bin. NaN when a side is empty or one bin holds everything.
    """
    n, m = p.sum(axis=-1, keepdims=True), q.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = np.sqrt(m / n) * p - np.sqrt(n / m) * q
        terms = np.divide(difference**2, p + q, out=np.zeros_like(p), where=p + q > 0)
        return terms.sum(axis=-1) / ((p + q > 0).sum(axis=-1) - 1)


def mean_defined(values: np.ndarray) -> np.ndarray:
    """Average over the first axis what is defined; NaN where nothing is."""
    defined = np.isfinite(values)
    total = np.where(defined, values, 0.0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / defined.sum(axis=0))
