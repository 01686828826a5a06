"""The Fréchet physics distance, number by number that of the challenge.

Features are divided by the largest absolute value of the reference. At each of several
sample sizes N, regular in 1/N, both sides are redrawn `batches` times with replacement, and

    d^2 = |mu1 - mu2|^2 + tr S1 + tr S2 - 2 tr sqrt(S1 S2)

of the redraws is averaged. FPD is where the straight line through the means meets 1/N = 0.
The fit keeps both coefficients >= 0 by SciPy's bounded least squares, which mostly comes
within 1e-7 of the optimum but at times stops 1e-3 short of it; published numbers share that.

A redraw is a vector of counts, so its covariance needs each shower once, however often it was
drawn, and of the symmetric product little more than half. Products of many showers are taken in
float32, of features less their mean and a thousand showers at a time, and added up in float64:
d^2 is stationary where S1 = S2, so that rounding enters at a few 1e-8 of it. The trace of the
square root is the sum of the roots of the eigenvalues of L^T S2 L, where S1 = L L^T.

Source: Kansal et al., Phys. Rev. D 107, 076017 (arXiv 2211.10295).
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from scipy.optimize import curve_fit
from torch import Tensor

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.distances.comparable import (
    check_comparable,
    draw_counts,
    scale_of,
)
from calo4pqvae.evaluation.distances.parallel import in_parallel
from calo4pqvae.evaluation.measured.arrays import MANY, empty, release
from calo4pqvae.evaluation.measured.features import Features
from calo4pqvae.evaluation.result import Score

__all__ = ["Gaussian", "Side", "fpd", "frechet_distance", "sample_sizes"]

_BLOCK = 1024
_STRIPS = 6


class Gaussian(NamedTuple):
    """Mean and covariance (N - 1 in the denominator) of a redraw."""

    mean: Float64[Tensor, " columns"]
    covariance: Float64[Tensor, "columns columns"]


def fpd(
    reference: Features,
    generated: Features,
    *,
    seed: int = 42,
    min_samples: int = 10_000,
    max_samples: int = 50_000,
    batches: int = 20,
    points: int = 10,
) -> Score:
    """Compute the Fréchet physics distance and the error of its fit.

    The defaults are the challenge's settings, and draws and fit are those of the field's
    common implementation, so the number can be set beside published ones (which are often
    multiplied by 1000).

    The fit removes the bias of the redraws, not that of the showers themselves: the value
    tends to d^2 between the samples as they are, which for two samples of one distribution
    falls only as 1/n. As N may exceed n, fewer than `min_samples` showers are no obstacle, but
    values compare only at equal n and equal features. Read them beside the floor.

    Arguments:
        reference: showers of Geant4.
        generated: showers of a model.
        seed: of the redraws.
        min_samples: smallest N.
        max_samples: largest N.
        batches: redraws at each N.
        points: number of different N.

    Raises:
        GeometryError: the cylinders or their thresholds differ.
        ConfigError: the feature sets differ, a side has no more showers than there are
            features (its covariance would be singular), or there is nothing to draw or fit.
    """
    n = check_comparable(reference, generated, more_than=len(reference.columns))
    if batches < 1:
        raise ConfigError(f"FPD needs at least 1 redraw at each sample size, not {batches}")
    sizes = sample_sizes(min_samples, max_samples, points)
    scale = scale_of(reference)
    sides = [Side(features, scale) for features in (reference, generated)]
    rng = np.random.default_rng(seed)
    draws = (
        [draw_counts(rng, len(side.rows), size) for side in sides]
        for size in sizes.tolist()
        for _ in range(batches)
    )

    def distance(counts: list[np.ndarray]) -> float:
        pair = [side.redraw(c) for side, c in zip(sides, counts, strict=True)]
        return frechet_distance(*pair)

    means = np.reshape(in_parallel(distance, draws), (points, batches)).mean(axis=1)
    return Score(*_at_infinity(sizes, means), n)


def sample_sizes(min_samples: int, max_samples: int, points: int) -> Int[np.ndarray, " points"]:
    """List the sample sizes N, regular in 1/N and rounded down.

    Raises:
        ConfigError: unless 2 <= `min_samples` < `max_samples` and there are three points.
    """
    if not (2 <= min_samples < max_samples and points >= 3):
        raise ConfigError(
            f"FPD needs 2 <= min_samples < max_samples and at least 3 points, not "
            f"{min_samples}, {max_samples} and {points}"
        )
    return (1 / np.linspace(1 / min_samples, 1 / max_samples, points)).astype(np.int32)


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """Compute d^2 of two normal distributions, at a cost of about 11/3 columns^3."""
    gap = a.mean - b.mean
    root, failed = torch.linalg.cholesky_ex(a.covariance)
    if failed:
        root = _symmetric_root(a.covariance)
    squares = torch.linalg.eigvalsh(root.T @ b.covariance @ root)
    overlap = squares.clamp(min=0).sqrt().sum()
    both = a.covariance.trace() + b.covariance.trace()
    return (gap @ gap + both - 2 * overlap).item()


class Side:
    """One sample, and the mean and covariance of its redraws.

    Showers are rows (x, 1), where x are the scaled features less their mean: one product of
    such rows gives the sums of x x^T and of x.
    """

    def __init__(self, features: Features, scale: Float[np.ndarray, " columns"]) -> None:
        n, n_columns = features.values.shape
        mean = features.values.mean(axis=0, dtype=np.float64)
        rows = empty((n, n_columns + 1), np.float32 if n >= MANY else np.float64)
        rows[:, -1] = 1.0
        for start in range(0, n, _BLOCK):
            block = slice(start, start + _BLOCK)
            rows[block, :-1] = (features.values[block] - mean) / scale
        release(features.values)
        self.rows, self.mean = torch.from_numpy(rows), torch.from_numpy(mean / scale)

    def redraw(self, counts: Int[np.ndarray, " showers"]) -> Gaussian:
        """Compute mean and covariance of the showers, each taken `counts` times."""
        n, drawn = int(counts.sum()), np.flatnonzero(counts)
        blocks = torch.from_numpy(drawn).split(_BLOCK)
        weights = torch.from_numpy(counts[drawn]).to(self.rows.dtype).split(_BLOCK)
        sums = torch.zeros(2 * self.rows.shape[1:], dtype=torch.float64)
        for block, weight in zip(blocks, weights, strict=True):
            rows = self.rows.index_select(0, block)
            _add_upper_product(sums, rows, weight[:, None] * rows)
        squares, total = sums[:-1, :-1], sums[:-1, -1]
        upper = (squares - torch.outer(total, total) / n) / (n - 1)
        return Gaussian(self.mean + total / n, upper.triu() + upper.triu(1).T)


def _add_upper_product(
    out: Float64[Tensor, "features features"],
    x: Float[Tensor, "rows features"],
    y: Float[Tensor, "rows features"],
) -> None:
    """Add x^T y to the upper triangle of `out`, in strips that leave out most of the lower."""
    width = -(-len(out) // _STRIPS)
    for start in range(0, len(out), width):
        strip = slice(start, start + width)
        out[strip, start:] += x[:, strip].T @ y[:, start:]


def _symmetric_root(
    covariance: Float64[Tensor, "columns columns"],
) -> Float64[Tensor, "columns columns"]:
    """Find B with B B^T = S where S is singular: features that are constant or dependent."""
    squares, directions = torch.linalg.eigh(covariance)
    return directions * squares.clamp(min=0).sqrt()


def _at_infinity(
    sizes: Int[np.ndarray, " points"], means: Float[np.ndarray, " points"]
) -> tuple[float, float]:
    """Fit a straight line in 1/N, both coefficients >= 0; return intercept and error."""

    def line(x: np.ndarray, intercept: float, slope: float) -> np.ndarray:
        return intercept + slope * x

    best, covariance = curve_fit(line, 1 / sizes, means, bounds=(0, np.inf))
    return float(best[0]), float(np.sqrt(covariance[0, 0]))
