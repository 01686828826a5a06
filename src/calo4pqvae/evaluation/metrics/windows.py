"""Response and depth, mean and spread, in windows of incident energy."""

from typing import Any

import numpy as np

from calo4pqvae.evaluation.distances.one_dimensional import weighted_mean, weighted_width
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.measured.observables import Observables
from calo4pqvae.evaluation.metrics.means import (
    Combine,
    OfOneSide,
    ratio,
    ratio_less_one,
    side_by_side,
    with_both_sides,
)
from calo4pqvae.evaluation.metrics.metric import Metric, Options, window_name
from calo4pqvae.evaluation.resampling import Resampling, measure
from calo4pqvae.evaluation.result import Result, Shown

__all__ = ["InWindows"]

MIN_IN_WINDOW = 20

_GROUP = "Windows of incident energy"


def _resolution(side: Observables, weights: np.ndarray) -> np.ndarray:
    width, mean = (of(side.response, weights) for of in (weighted_width, weighted_mean))
    return ratio(width, mean)


_QUANTITIES: dict[str, tuple[Shown, OfOneSide, Combine]] = {
    "response": (
        Shown("Mean response", _GROUP, 100.0, "%"),
        lambda s, w: weighted_mean(s.response, w),
        ratio_less_one,
    ),
    "resolution": (Shown("Resolution", _GROUP, 100.0, "%"), _resolution, ratio_less_one),
    "depth": (
        Shown("Mean depth", _GROUP, unit="layers"),
        lambda s, w: weighted_mean(s.depth, w),
        np.subtract,
    ),
    "depth_spread": (
        Shown("Spread of the depth", _GROUP, 100.0, "%"),
        lambda s, w: weighted_width(s.depth, w),
        ratio_less_one,
    ),
}
"""How each is shown, taken of one side, and compared; a resolution is width over mean."""


class InWindows(Metric):
    """Four quantities in each window that holds 20 showers of both sides."""

    @classmethod
    def names(cls, options: Options) -> dict[str, Shown]:
        """Name four results for each window."""
        return {
            f"{key}.{name}": shown._replace(label=f"{shown.label}, {name}")
            for name in map(window_name, options.windows)
            for key, (shown, *_) in _QUANTITIES.items()
        }

    def of(self, sample: Measured) -> dict[str, Result]:
        """Compare a sample in all windows."""
        made: dict[str, Result] = {}
        for name, sides in self._windows(sample).items():
            sizes = len(sides[0]), len(sides[1])
            if min(sizes) < MIN_IN_WINDOW:
                continue
            statistics = {
                f"{key}.{name}": side_by_side(of, combine)
                for key, (_, of, combine) in _QUANTITIES.items()
            }
            found = measure(statistics, *sides, Resampling(sides[0].e_inc, sides[1].e_inc))
            made |= {key: with_both_sides(one, sizes) for key, one in found.items()}
        return made

    def describe(self, sample: Measured) -> dict[str, Any]:
        """List under ``omitted`` the windows with too few showers."""
        reason = f"fewer than {MIN_IN_WINDOW} showers on a side"
        counts = {name: [len(s) for s in of] for name, of in self._windows(sample).items()}
        omitted = [
            {"window": name, "n": n, "n_reference": m, "reason": reason}
            for name, (n, m) in counts.items()
            if min(n, m) < MIN_IN_WINDOW
        ]
        return {"omitted": omitted}

    def _windows(self, sample: Measured) -> dict[str, tuple[Observables, Observables]]:
        """Cut both sides into the windows."""
        sides = sample.observables, self.reference.observables
        return {
            window_name(window): (sides[0].between(*window), sides[1].between(*window))
            for window in self.options.windows
        }
