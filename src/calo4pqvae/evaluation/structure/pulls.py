"""Means, spreads and separations of the structural observables, window by window.

Each has an error, and a pull: the difference to Geant4 over its joint error. Among N pulls of
Geant4 against Geant4, N x 0.0027 lie beyond three by chance, were all of them normal and
independent; the floor says what two halves of the reference have in fact.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from calo4pqvae.evaluation.distances.one_dimensional import separation
from calo4pqvae.evaluation.structure.names import NAMES
from calo4pqvae.evaluation.structure.showers import Structure
from calo4pqvae.evaluation.structure.windows import Window, windows_of

__all__ = ["BEYOND", "CHANCE", "KINDS", "Pull", "largest", "largest_combined", "pulls",
           "share_beyond"]  # fmt: skip

BEYOND = 3.0
"""Pulls beyond this are counted."""

CHANCE = math.erfc(BEYOND / math.sqrt(2))
"""Share of them beyond it by chance, were all normal: 0.0027."""

KINDS = ("mean", "spread", "separation")

_BINS = 10

_FEW = 12
"""Showers of a side that must differ from its commonest value: fewer are not normal."""

_HEAVY = 0.075
"""Largest relative error of a spread: beyond it the few showers of a tail make the spread and
its error alike, and their ratio is far from normal."""


class Pull(NamedTuple):
    """One comparison of an observable in a window.

    Arguments:
        observable: one of `names.NAMES`.
        window: of incident energy.
        kind: ``mean``, ``spread`` (standard deviation) or ``separation`` (triangular
            discrimination in ten bins of equal content of the reference).
        generated: value of the sample; the separation itself for that kind.
        reference: value of the reference; what independent showers of one distribution would
            give for the separation.
        error: of their difference.
        pull: the difference in errors.
        n: showers of the sample in the window.
        n_reference: showers of the reference.
    """

    observable: str
    window: str
    kind: str
    generated: float
    reference: float
    error: float
    pull: float
    n: int
    n_reference: int


def pulls(sample: Structure, reference: Structure) -> list[Pull]:
    """Compare all observables in all windows with enough showers.

    An observable that does not vary in a window, on both sides and alike, has no entry.
    """
    return [pull for window in windows_of(sample, reference) for pull in _in_window(window)]


def largest(found: Sequence[Pull], n: int = 12) -> list[Pull]:
    """Take the largest pull of each observable beyond three errors, the largest first.

    Opposite signs in different windows count as one observable.
    """
    seen: dict[str, Pull] = {}
    for one in sorted(found, key=lambda one: -abs(one.pull)):
        if abs(one.pull) > BEYOND:
            seen.setdefault(one.observable, one)
    return list(seen.values())[:n]


def share_beyond(found: Sequence[Pull]) -> float:
    """Share of the pulls beyond three errors; NaN where there is none."""
    return float(np.mean([abs(one.pull) > BEYOND for one in found])) if found else math.nan


def largest_combined(found: Sequence[Pull]) -> float:
    """Combine the windows of each observable, sum of pulls / sqrt(windows); take the largest.

    A defect that lies in one observable, and is small in each window, shows here.
    """
    sums: dict[tuple[str, str], list[float]] = {}
    for one in found:
        sums.setdefault((one.observable, one.kind), []).append(one.pull)
    combined = (abs(sum(pulls)) / math.sqrt(len(pulls)) for pulls in sums.values())
    return max(combined, default=math.nan)


def _in_window(window: Window) -> list[Pull]:
    flat, flat_reference = window.flattened()
    n, m = len(flat), len(flat_reference)
    made = []
    for column, name in enumerate(NAMES):
        x, y = flat[:, column], flat_reference[:, column]
        raw = window.sample.values[:, column], window.reference.values[:, column]
        for kind, (value, other, error, pull) in (
            ("mean", _mean(x, y)),
            ("spread", _spread(x, y)),
            ("separation", _separation(*raw, x, y)),
        ):
            if math.isfinite(pull):
                made.append(Pull(name, window.name, kind, value, other, error, pull, n, m))
    return made


def _mean(
    x: Float[np.ndarray, " sample"], y: Float[np.ndarray, " reference"]
) -> tuple[float, float, float, float]:
    error = math.sqrt(x.var(ddof=1) / len(x) + y.var(ddof=1) / len(y))
    few = min(_n_varied(x), _n_varied(y)) < _FEW
    pull = math.nan if few or not error else (x.mean() - y.mean()) / error
    return float(x.mean()), float(y.mean()), error, float(pull)


def _spread(
    x: Float[np.ndarray, " sample"], y: Float[np.ndarray, " reference"]
) -> tuple[float, float, float, float]:
    """Compare logarithms of spreads, whose errors follow from fourth moments."""
    sides = [_log_spread(side) for side in (x, y)]
    error = math.hypot(*(error for _, error in sides))
    heavy = not all(0 < own < _HEAVY for _, own in sides)
    a, b = (math.exp(log) for log, _ in sides)
    pull = math.nan if heavy else (sides[0][0] - sides[1][0]) / error
    return a, b, b * error, pull


def _log_spread(values: Float[np.ndarray, " showers"]) -> tuple[float, float]:
    away = values - values.mean()
    variance = float(np.mean(away**2))
    if variance <= 0:
        return -math.inf, math.nan
    kurtosis = float(np.mean(away**4)) / variance**2
    return 0.5 * math.log(variance), 0.5 * math.sqrt(max(kurtosis - 1, 0.0) / len(values))


def _n_varied(values: Float[np.ndarray, " showers"]) -> int:
    """Count the showers away from the commonest value, in bins of a thousandth of the span."""
    span = float(np.ptp(values))
    if not span:
        return 0
    counts = np.bincount((1000 * (values - values.min()) / span).astype(int))
    return len(values) - int(counts.max())


def _separation(
    raw: Float[np.ndarray, " sample"],
    raw_reference: Float[np.ndarray, " reference"],
    x: Float[np.ndarray, " sample"],
    y: Float[np.ndarray, " reference"],
) -> tuple[float, float, float, float]:
    """Bin without the energy's trend, and set the separation beside its distribution by chance.

    With both sides of one distribution, 2 S / (1/n + 1/m) is nearly chi-square of bins - 1
    degrees of freedom; the pull is the normal deviate of that probability (Wilson and
    Hilferty's cube root).
    """
    edges = np.unique(np.quantile(y, np.linspace(0, 1, _BINS + 1)[1:-1]))
    counts = [np.bincount(np.searchsorted(edges, side, side="right"), minlength=len(edges) + 1)
              for side in (x, y)]  # fmt: skip
    freedom = int((counts[0] + counts[1] > 0).sum()) - 1
    if freedom < 1 or not np.ptp(raw) or not np.ptp(raw_reference):
        return math.nan, math.nan, math.nan, math.nan
    value = float(separation(*counts))
    scale = 0.5 * (1 / len(x) + 1 / len(y)) / 2
    chi_square = value / scale / freedom
    width = math.sqrt(2 / (9 * freedom))
    pull = (chi_square ** (1 / 3) - 1 + width**2) / width
    return value, scale * freedom, scale * math.sqrt(2 * freedom), pull
