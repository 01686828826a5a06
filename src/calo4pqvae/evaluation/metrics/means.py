"""Response, sparsity, profiles and Wasserstein distances, with errors by the bootstrap."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np

from calo4pqvae.evaluation.distances.one_dimensional import (
    Merged,
    weighted_mean,
)
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.measured.observables import Observables
from calo4pqvae.evaluation.metrics.metric import Metric, Options
from calo4pqvae.evaluation.resampling import Estimate, Resampling, Statistic, measure
from calo4pqvae.evaluation.result import Result, Shown

__all__ = [
    "MIN_SHARE", "Means", "ratio", "ratio_less_one", "side_by_side", "with_both_sides",
]  # fmt: skip

MIN_SHARE = 0.01
"""Profile bins with more than this share of the reference's energy enter the maximum."""

OfOneSide = Callable[[Observables, np.ndarray], np.ndarray]
Combine = Callable[[np.ndarray, np.ndarray], np.ndarray]
Columns = Callable[[Observables], Iterable[np.ndarray]]

_GROUP, _DISTANCE = "Means and profiles", Shown("Wasserstein distance", "Distances", unit="σ")
_PROFILES = {"profile.longitudinal": "e_layer", "profile.radial": "e_ring"}
_WASSERSTEIN: dict[str, tuple[str, Columns]] = {
    "e_tot": ("total energy", lambda s: [s.e_tot]),
    "response": ("response", lambda s: [s.response]),
    "sparsity": ("sparsity", lambda s: [s.sparsity]),
    "e_layer": ("energy per layer (mean)", lambda s: s.e_layer.T),
}


class Means(Metric):
    """Means against those of Geant4, at equal incident energies if possible."""

    @classmethod
    def names(cls, options: Options) -> dict[str, Shown]:
        """Name the means, the profiles, and the distances."""
        del options
        return {
            "response": Shown("Mean response, relative to Geant4", _GROUP, 100.0, "%"),
            "sparsity": Shown("Mean sparsity, difference to Geant4", _GROUP, 1e3, "× 10⁻³"),
            "profile.longitudinal": Shown(
                "Longitudinal profile, largest deviation", _GROUP, 100.0, "%"
            ),
            "profile.radial": Shown("Radial profile, largest deviation", _GROUP, 100.0, "%"),
            **{
                f"wasserstein.{name}": _DISTANCE._replace(label=f"{_DISTANCE.label}, {words}")
                for name, (words, _) in _WASSERSTEIN.items()
            },
        }

    def of(self, sample: Measured) -> dict[str, Result]:
        """Compare all of them on the same redraws."""
        sides = sample.observables, self.reference.observables
        means = {
            "response": side_by_side(lambda s, w: weighted_mean(s.response, w), ratio_less_one),
            "sparsity": side_by_side(lambda s, w: weighted_mean(s.sparsity, w), np.subtract),
        }
        profiles = {name: _Profile(of, sides[1]) for name, of in _PROFILES.items()}
        distances = {
            f"wasserstein.{name}": _wasserstein(columns, sides[1])
            for name, (_, columns) in _WASSERSTEIN.items()
        }
        resampling = Resampling(sample.e_inc, self.reference.e_inc)
        found = measure({**means, **profiles, **distances}, *sides, resampling)
        sizes = len(sample), len(self.reference)
        made = {name: with_both_sides(found[name], sizes) for name in means}
        made |= {name: one.result(found[name], sizes) for name, one in profiles.items()}
        for name in distances:
            both, unit = found[name], "MeV" if ".e_" in name else "1"
            absolute = {"value": both.value[1], "error": both.error[1], "unit": unit}
            made[name] = both.column(0).result(sizes, more={"absolute": absolute})
        return made


class _Profile:
    """The mean energy per bin, whose value is the largest |ratio - 1| that matters."""

    def __init__(self, name: str, reference: Observables) -> None:
        self.name = name
        total = getattr(reference, name).sum(axis=0)
        self.share = total / total.sum() if total.sum() > 0 else np.zeros_like(total)
        self.matters = self.share > MIN_SHARE

    def __call__(
        self, sample: Observables, reference: Observables, w: np.ndarray, v: np.ndarray
    ) -> np.ndarray:
        """Compute the columns (sample, reference, ratio) of every bin, and the largest."""
        a, b = (
            weighted_mean(getattr(side, self.name), weights)
            for side, weights in ((sample, w), (reference, v))
        )
        excess = ratio_less_one(a, b)
        largest = np.abs(excess[:, self.matters]).max(axis=1, initial=0.0)
        return np.concatenate([a, b, excess + 1, largest[:, None]], axis=1)

    def result(self, found: Estimate, sizes: tuple[int, int]) -> Result:
        """Give the largest deviation, and all bins beside."""
        named = ("generated", "reference", "ratio")
        values, errors = (np.split(part[:-1], 3) for part in (found.value, found.error))
        at = np.flatnonzero(self.matters)
        worst = at[np.argmax(np.abs(values[2][at] - 1))] if len(at) else None
        more: dict[str, Any] = {"bin": None if worst is None else int(worst)}
        for name, value, error in zip(named, values, errors, strict=True):
            more |= {name: value.tolist(), f"{name}_error": error.tolist()}
        more["reference_share"] = self.share.tolist()
        reason = "the ratio is undefined in bins where the reference has no energy"
        return found.column(-1).result(
            sizes, reason="" if (values[1] > 0).all() else reason, more=more
        )


def side_by_side(of: OfOneSide, combine: Combine) -> Statistic:
    """Make a statistic with columns (sample, reference, combination of both)."""

    def statistic(
        sample: Observables, reference: Observables, w: np.ndarray, v: np.ndarray
    ) -> np.ndarray:
        a, b = of(sample, w), of(reference, v)
        return np.stack([a, b, combine(a, b)], axis=1)

    return statistic


def with_both_sides(estimate: Estimate, sizes: tuple[int, int]) -> Result:
    """Make a result of an estimate with the columns of `side_by_side`."""
    more = {
        key: {"value": estimate.value[i], "error": estimate.error[i]}
        for i, key in enumerate(("generated", "reference"))
    }
    return estimate.column(2).result(sizes, sides="size", more=more)


def ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Compute a / b, NaN where b is zero."""
    return np.divide(a, b, out=np.full(np.shape(a), np.nan), where=b != 0)


def ratio_less_one(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Compute a / b - 1, NaN where b is zero."""
    return ratio(a, b) - 1


def _wasserstein(columns: Columns, reference: Observables) -> Statistic:
    """Make a Wasserstein-1 distance: (in standard deviations, in the own unit)."""
    widths = np.array([column.std() for column in columns(reference)])
    varies = widths > 0

    @cache
    def merged(s: Observables, r: Observables) -> list[Merged]:
        return [Merged.of(*pair) for pair in zip(columns(s), columns(r), strict=True)]

    def statistic(s: Observables, r: Observables, w: np.ndarray, v: np.ndarray) -> np.ndarray:
        each = np.stack([one.wasserstein(w, v) for one in merged(s, r)], axis=1)
        scaled = each[:, varies] / widths[varies]
        mean = scaled.mean(axis=1) if varies.any() else np.full(len(w), np.nan)
        return np.stack([mean, each.mean(axis=1)], axis=1)

    return statistic
