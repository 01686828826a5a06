"""How many showers of Geant4 a sample is worth.

The mean Kolmogorov distance of a sample to the reference, over observables and windows of
incident energy, falls with the number of showers as long as the sample is Geant4's. The worth
is the number of showers at which a sample of Geant4 would have the distance found. A sample
that is large enough shows its own faults alone; no sample can be worth more than its size by
more than chance.

For two samples of n and m showers of one distribution the distance is kappa / (s + 0.12 + 0.11
/ s) in the mean, where s^2 = n m / (n + m) (Stephens); kappa, 0.8687 for a continuous
observable, is measured in each window on random halves of the reference, which also tell how
far the mean distance of a single sample scatters.

Source of the idea: the "equivalent number of Geant4 showers" of the CMS HGCal challenge.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.metric import UNLIKE_LAYERS, Metric, Options
from calo4pqvae.evaluation.result import NAN, Result, Score, Shown, undefined
from calo4pqvae.evaluation.structure.names import NAMES, WORTH
from calo4pqvae.evaluation.structure.showers import Structure
from calo4pqvae.evaluation.structure.windows import Window, windows_of

__all__ = ["Equivalent", "Worth", "kolmogorov", "worth"]

_SPLITS = 50
_SIGMAS = 2.0
_COLUMNS = [NAMES.index(name) for name in WORTH]


class Worth(Metric):
    """The number of showers of Geant4 that a sample is worth, with its interval."""

    @classmethod
    def names(cls, options: Options) -> dict[str, Shown]:
        """Name the one result."""
        del options
        return {"worth": Shown("Worth in showers of Geant4", "Worth", unit="showers")}

    def of(self, sample: Measured) -> dict[str, Result]:
        """Find the worth; a lower limit is left where the reference ends."""
        if sample.structure is None or self.reference.structure is None:
            return {"worth": undefined(UNLIKE_LAYERS)}
        found = worth(sample.structure, self.reference.structure)
        if found is None:
            few = "no window of incident energy has 50 showers on each side"
            return {"worth": undefined(few)}
        named = ("low", "high", "distance", "by_window", "limit")
        more = {name: getattr(found, name) for name in named} | {"observables": list(WORTH)}
        if math.isfinite(found.showers):
            score, reason = Score(found.showers, (found.high - found.low) / 4, found.n), ""
        else:
            score = Score(NAN, NAN, found.n)
            reason = (
                f"more than {found.low:,.0f} showers of Geant4; the reference of "
                f"{found.n_reference:,} ends there"
            )
        sizes = {"n_reference": found.n_reference, "more": more}
        return {"worth": Result(score, sides="both", reason=reason, **sizes)}


class Equivalent(NamedTuple):
    """What a sample is worth.

    Arguments:
        showers: of Geant4, over the spectrum of the reference; infinite where the reference is
            too small to tell.
        low: lower end of the interval of two standard deviations.
        high: upper end, perhaps infinite.
        distance: mean Kolmogorov distance to the reference.
        error: its standard deviation for a sample of Geant4.
        by_window: worth in each window alone, counted in showers of the whole spectrum.
        limit: distance of infinitely many showers of Geant4.
        n: showers of the sample in the windows.
        n_reference: showers of the reference in the windows.
    """

    showers: float
    low: float
    high: float
    distance: float
    error: float
    by_window: dict[str, float]
    limit: float
    n: int
    n_reference: int


def worth(sample: Structure, reference: Structure, seed: int = 0) -> Equivalent | None:
    """Find how many showers of Geant4 a sample is worth.

    Returns:
        The worth, over the observables `WORTH` and all windows with 50 showers on each side;
        None where there is no such window.
    """
    windows = windows_of(sample, reference)
    if not windows:
        return None
    calibrated = [_Calibration.of(window, seed + i) for i, window in enumerate(windows)]
    distances = np.array([kolmogorov(*_sides(window)).mean() for window in windows])
    total = sum(len(window.reference) for window in windows)
    scatter = np.stack([one.relative for one in calibrated]).mean(axis=0).std(ddof=1)
    distance = float(distances.mean())
    error = float(scatter) * distance

    def at(value: float) -> float:
        return _solve(calibrated, value, total)

    return Equivalent(
        showers=at(distance),
        low=at(distance + _SIGMAS * error),
        high=at(max(distance - _SIGMAS * error, 0.0)),
        distance=distance,
        error=error,
        by_window={
            window.name: _solve([one], float(d), total)
            for window, one, d in zip(windows, calibrated, distances, strict=True)
        },
        limit=_mean_distance(calibrated, math.inf, total),
        n=sum(len(window.sample) for window in windows),
        n_reference=total,
    )


def kolmogorov(
    x: Float[np.ndarray, "n columns"], y: Float[np.ndarray, "m columns"]
) -> Float[np.ndarray, " columns"]:
    """Compute the largest distance of the cumulative curves, column by column."""
    weights = np.repeat([1 / len(x), -1 / len(y)], [len(x), len(y)])[None]
    both = np.concatenate([x, y])
    return np.array([_largest_gap(column, weights)[0] for column in both.T])


class _Calibration(NamedTuple):
    """Kolmogorov distances of Geant4 to itself in a window.

    Arguments:
        kappa: mean distance times the root of the effective number.
        relative: distance of each random split over the mean of all.
        n: showers of the reference in the window.
    """

    kappa: float
    relative: Float[np.ndarray, " splits"]
    n: int

    @classmethod
    def of(cls, window: Window, seed: int) -> "_Calibration":
        """Measure random halves of the reference."""
        _, y = _sides(window)
        n, half = len(y), len(y) // 2
        rng, weights = np.random.default_rng(seed), np.empty((_SPLITS, n))
        for split in range(_SPLITS):
            order = rng.permutation(n)
            weights[split, order[:half]] = 1 / half
            weights[split, order[half:]] = -1 / (n - half)
        found = np.mean([_largest_gap(column, weights) for column in y.T], axis=0)
        mean = float(found.mean())
        return cls(mean * _root(half * (n - half) / n), found / mean, n)


def _sides(window: Window) -> tuple[np.ndarray, np.ndarray]:
    x, y = window.flattened()
    return x[:, _COLUMNS], y[:, _COLUMNS]


def _largest_gap(
    values: Float[np.ndarray, " both"], weights: Float[np.ndarray, "splits both"]
) -> Float[np.ndarray, " splits"]:
    """Largest |cumulative sum of weights| along the values, at the ends of ties."""
    order = np.argsort(values, kind="stable")
    last = np.append(np.diff(values[order]) > 0, True)
    return np.abs(np.cumsum(weights[:, order], axis=1)[:, last]).max(axis=1)


def _root(n: float) -> float:
    """Root of an effective number of showers, corrected for small ones (Stephens)."""
    root = math.sqrt(n)
    return root + 0.12 + 0.11 / root


def _mean_distance(calibrated: Sequence[_Calibration], showers: float, total: int) -> float:
    """Mean distance that a sample of so many showers of Geant4 has to the reference."""
    found = []
    for one in calibrated:
        inverse = 1 / one.n + (total / (showers * one.n) if math.isfinite(showers) else 0.0)
        found.append(one.kappa / _root(1 / inverse))
    return float(np.mean(found))


def _solve(calibrated: Sequence[_Calibration], distance: float, total: int) -> float:
    """Number of showers whose mean distance is the one given, by bisection in its logarithm."""
    if distance <= _mean_distance(calibrated, math.inf, total):
        return math.inf
    low, high = 0.0, math.log(1e9)
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = _mean_distance(calibrated, math.exp(middle), total) > distance
        low, high = (middle, high) if above else (low, middle)
    return math.exp(low)
