"""The numbers that compare a sample of showers with Geant4, by name."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from scipy.sparse import csc_array, vstack

from calo4pqvae.evaluation.distances.one_dimensional import (
    Merged,
    in_bins,
    separation,
    weighted_mean,
    weighted_width,
)
from calo4pqvae.evaluation.entries import column, entry, number, numbers, scalar_entry
from calo4pqvae.evaluation.features.observables import Observables
from calo4pqvae.evaluation.resampling import Estimate, Resampling, Statistic, measure
from calo4pqvae.units import GeV, MeV

__all__ = [
    "MIN_SHARE",
    "WINDOWS",
    "Windows",
    "compare",
    "compare_windows",
    "comparison_names",
    "window_name",
]

Windows = Sequence[tuple[float, float]]

WINDOWS: Windows = (
    (5 * GeV, 10 * GeV),
    (40 * GeV, 50 * GeV),
    (80 * GeV, 100 * GeV),
    (150 * GeV, 200 * GeV),
)
"""Windows of incident energy [MeV], those of figure 6 of the paper."""

MIN_SHARE = 0.01
"""Profile bins with more than this share of the reference's energy enter the maximum."""

MIN_IN_WINDOW = 20

OfOneSide = Callable[[Observables, np.ndarray], np.ndarray]
Columns = Callable[[Observables], Iterable[np.ndarray]]

_PROFILES = {"profile.longitudinal": "e_layer", "profile.radial": "e_ring"}


def compare(sample: Observables, reference: Observables) -> dict[str, dict[str, Any]]:
    """Compare a sample with Geant4; the keys name the quantities.

    See `calo4pqvae.evaluation.entries` for what an entry holds.
    """
    profiles = {name: _Profile(of, reference) for name, of in _PROFILES.items()}
    separations = _prefixed("separation", _separations(reference))
    distances = _prefixed("wasserstein", _wassersteins(reference))
    means = {
        "response": _side_by_side(lambda s, w: weighted_mean(s.response, w), _excess),
        "sparsity": _side_by_side(lambda s, w: weighted_mean(s.sparsity, w), np.subtract),
    }
    found = measure(
        {**means, **profiles, **separations, **distances},
        sample,
        reference,
        Resampling(sample.e_inc, reference.e_inc),
    )
    sides = sample, reference
    entries = {name: scalar_entry(found[name], *sides) for name in means}
    entries |= {name: profile.entry(found[name], *sides) for name, profile in profiles.items()}
    entries |= {name: entry(found[name], *sides) for name in separations}
    for name in distances:
        both, unit = found[name], "MeV" if ".e_" in name else "1"
        absolute = {"value": number(both.value[1]), "error": number(both.error[1])}
        entries[name] = entry(column(both, 0), *sides, absolute={**absolute, "unit": unit})
    return entries


def comparison_names(windows: Windows = WINDOWS) -> list[str]:
    """Name all entries that `compare` and `compare_windows` may make."""
    compared = "e_tot", "response", "sparsity", "e_layer"
    return [
        "response",
        "sparsity",
        *_PROFILES,
        *(f"separation.{name}" for name in (*compared, "voxel")),
        *(f"wasserstein.{name}" for name in compared),
        *(f"{name}.{window_name(window)}" for window in windows for name in _IN_WINDOWS),
    ]


def window_name(window: tuple[float, float]) -> str:
    """Name a window of incident energy [MeV]."""
    low, high = window
    return f"{low / GeV:g}-{high / GeV:g} GeV"


def compare_windows(
    sample: Observables, reference: Observables, windows: Windows = WINDOWS
) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """Compare response and depth, mean and spread, in windows of incident energy.

    Arguments:
        sample: showers of a model.
        reference: showers of Geant4.
        windows: lower and upper ends [MeV].

    Returns:
        The entries ``response.<window>``, ``resolution.<window>`` (width over mean),
        ``depth.<window>`` (difference in layers) and ``depth_spread.<window>``, and the
        windows left out because a side has fewer than 20 showers there.
    """
    entries, omitted = {}, []
    for low, high in windows:
        name = window_name((low, high))
        inside = [
            side.select(np.flatnonzero((side.e_inc >= low) & (side.e_inc < high)))
            for side in (sample, reference)
        ]
        counts = [len(side) for side in inside]
        if min(counts) < MIN_IN_WINDOW:
            reason = f"fewer than {MIN_IN_WINDOW} showers on a side"
            omitted.append(
                {"window": name, "n": counts[0], "n_reference": counts[1], "reason": reason}
            )
            continue
        resampling = Resampling(inside[0].e_inc, inside[1].e_inc)
        statistics = {
            f"{quantity}.{name}": _side_by_side(of, combine)
            for quantity, (of, combine) in _IN_WINDOWS.items()
        }
        found = measure(statistics, inside[0], inside[1], resampling)
        entries |= {key: scalar_entry(one, *inside) for key, one in found.items()}
    return entries, omitted


def _mean_response(side: Observables, weights: np.ndarray) -> np.ndarray:
    return weighted_mean(side.response, weights)


def _resolution(side: Observables, weights: np.ndarray) -> np.ndarray:
    return _ratio(weighted_width(side.response, weights), weighted_mean(side.response, weights))


def _mean_depth(side: Observables, weights: np.ndarray) -> np.ndarray:
    return weighted_mean(side.depth, weights)


def _depth_spread(side: Observables, weights: np.ndarray) -> np.ndarray:
    return weighted_width(side.depth, weights)


def _side_by_side(
    of: OfOneSide, combine: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> Statistic:
    """Make a statistic with columns (sample, reference, combination of both)."""

    def statistic(
        sample: Observables, reference: Observables, w: np.ndarray, v: np.ndarray
    ) -> np.ndarray:
        a, b = of(sample, w), of(reference, v)
        return np.stack([a, b, combine(a, b)], axis=1)

    return statistic


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
        excess = _excess(a, b)
        largest = np.abs(excess[:, self.matters]).max(axis=1, initial=0.0)
        return np.concatenate([a, b, excess + 1, largest[:, None]], axis=1)

    def entry(
        self, found: Estimate, sample: Observables, reference: Observables
    ) -> dict[str, Any]:
        """Describe the largest deviation, and all bins beside."""
        a, b, ratio = np.split(found.value[:-1], 3)
        errors = np.split(found.error[:-1], 3)
        at = np.flatnonzero(self.matters)
        more = {
            "bin": int(at[np.argmax(np.abs(ratio[at] - 1))]) if len(at) else None,
            "generated": numbers(a),
            "generated_error": numbers(errors[0]),
            "reference": numbers(b),
            "reference_error": numbers(errors[1]),
            "ratio": numbers(ratio),
            "ratio_error": numbers(errors[2]),
            "reference_share": numbers(self.share),
        }
        if not (b > 0).all():
            more["reason"] = "the ratio is undefined in bins where the reference has no energy"
        return entry(column(found, -1), sample, reference, **more)


def _prefixed(prefix: str, statistics: Mapping[str, Statistic]) -> dict[str, Statistic]:
    return {f"{prefix}.{name}": statistic for name, statistic in statistics.items()}


def _separations(reference: Observables) -> dict[str, Statistic]:
    """Name the separation powers; bins are fixed by the reference alone."""

    def of(columns: Columns, edges: Sequence[np.ndarray]) -> Statistic:
        ends = np.cumsum([len(cuts) + 1 for cuts in edges])[:-1]

        @cache
        def table(side: Observables) -> csc_array:
            marks = [in_bins(*pair) for pair in zip(columns(side), edges, strict=True)]
            return csc_array(vstack(marks, format="csc"))

        def statistic(
            s: Observables, r: Observables, w: np.ndarray, v: np.ndarray
        ) -> np.ndarray:
            both = ((table(s) @ w.T).T, (table(r) @ v.T).T)
            pieces = zip(*(np.split(counts, ends, axis=1) for counts in both), strict=True)
            return np.mean([separation(*pair) for pair in pieces], axis=0)

        return statistic

    def voxel(s: Observables, r: Observables, w: np.ndarray, v: np.ndarray) -> np.ndarray:
        return separation(w @ s.voxel_counts, v @ r.voxel_counts)

    return {
        "e_tot": of(lambda s: [s.e_tot], [_log_edges(reference.e_tot)]),
        "response": of(lambda s: [s.response], [np.linspace(0.5, 1.5, 51)]),
        "sparsity": of(lambda s: [s.sparsity], [np.linspace(0.0, 1.0, 101)]),
        "voxel": voxel,
        "e_layer": of(
            lambda s: s.e_layer.T, [_log_edges(layer) for layer in reference.e_layer.T]
        ),
    }


def _wassersteins(reference: Observables) -> dict[str, Statistic]:
    """Name the Wasserstein-1 distances: (in standard deviations, in the own unit)."""

    def of(columns: Columns) -> Statistic:
        widths = np.array([column.std() for column in columns(reference)])
        varies = widths > 0

        @cache
        def merged(s: Observables, r: Observables) -> list[Merged]:
            return [Merged.of(*pair) for pair in zip(columns(s), columns(r), strict=True)]

        def statistic(
            s: Observables, r: Observables, w: np.ndarray, v: np.ndarray
        ) -> np.ndarray:
            each = np.stack([one.wasserstein(w, v) for one in merged(s, r)], axis=1)
            scaled = each[:, varies] / widths[varies]
            mean = scaled.mean(axis=1) if varies.any() else np.full(len(w), np.nan)
            return np.stack([mean, each.mean(axis=1)], axis=1)

        return statistic

    return {
        "e_tot": of(lambda s: [s.e_tot]),
        "response": of(lambda s: [s.response]),
        "sparsity": of(lambda s: [s.sparsity]),
        "e_layer": of(lambda s: s.e_layer.T),
    }


def _log_edges(values: np.ndarray, n_bins: int = 40) -> np.ndarray:
    """Cut the span of positive reference values in logarithmic bins; zeros lie below them."""
    positive = values[values > 0]
    if not len(positive):
        return np.array([1 * MeV])
    low, high = positive.min(), positive.max()
    return np.geomspace(low, high, n_bins + 1) if high > low else np.array([low])


def _excess(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return _ratio(a, b) - 1


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.full(np.shape(a), np.nan), where=b != 0)


_IN_WINDOWS: dict[str, tuple[OfOneSide, Callable[[np.ndarray, np.ndarray], np.ndarray]]] = {
    "response": (_mean_response, _excess),
    "resolution": (_resolution, _excess),
    "depth": (_mean_depth, np.subtract),
    "depth_spread": (_depth_spread, _excess),
}
