"""The numbers that compare a sample of showers with Geant4, by name."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from calo4pqvae.metrics.distances import (
    binned,
    separation,
    wasserstein,
    weighted_mean,
    weighted_width,
)
from calo4pqvae.metrics.entries import column, entry, number, numbers, scalar_entry
from calo4pqvae.metrics.observables import Observables
from calo4pqvae.metrics.resampling import Estimate, Resampling, Statistic, measure
from calo4pqvae.units import GeV, MeV

__all__ = ["MIN_SHARE", "WINDOWS", "Windows", "compare", "compare_windows"]

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


def compare(sample: Observables, reference: Observables) -> dict[str, dict[str, Any]]:
    """Compare a sample with Geant4; the keys name the quantities.

    See `calo4pqvae.metrics.entries` for what an entry holds.
    """
    resampling = Resampling(sample.e_inc, reference.e_inc)

    def run(statistic: Statistic) -> Estimate:
        return measure(statistic, sample, reference, resampling)

    response = run(_side_by_side(lambda s, w: weighted_mean(s.response, w), _excess))
    sparsity = run(_side_by_side(lambda s, w: weighted_mean(s.sparsity, w), np.subtract))
    entries = {
        "response": scalar_entry(response, sample, reference),
        "sparsity": scalar_entry(sparsity, sample, reference),
        "profile.longitudinal": _profile("e_layer", sample, reference, resampling),
        "profile.radial": _profile("e_ring", sample, reference, resampling),
    }
    for name, statistic in _separations(reference).items():
        entries[f"separation.{name}"] = entry(run(statistic), sample, reference)
    for name, statistic in _wassersteins(reference).items():
        both = run(statistic)
        absolute = {"value": number(both.value[1]), "error": number(both.error[1])}
        unit = "MeV" if name.startswith("e_") else "1"
        entries[f"wasserstein.{name}"] = entry(
            column(both, 0), sample, reference, absolute={**absolute, "unit": unit}
        )
    return entries


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
        name = f"{low / GeV:g}-{high / GeV:g} GeV"
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
        for quantity, (of, combine) in _IN_WINDOWS.items():
            estimate = measure(_side_by_side(of, combine), inside[0], inside[1], resampling)
            entries[f"{quantity}.{name}"] = scalar_entry(estimate, inside[0], inside[1])
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


def _profile(
    name: str, sample: Observables, reference: Observables, resampling: Resampling
) -> dict[str, Any]:
    """Compare the mean energy per bin; the value is the largest |ratio - 1| that matters."""
    total = getattr(reference, name).sum(axis=0)
    share = total / total.sum() if total.sum() > 0 else np.zeros_like(total)
    matters = share > MIN_SHARE

    def statistic(
        sample: Observables, reference: Observables, w: np.ndarray, v: np.ndarray
    ) -> np.ndarray:
        a, b = (
            weighted_mean(getattr(sample, name), w),
            weighted_mean(getattr(reference, name), v),
        )
        excess = _excess(a, b)
        largest = np.abs(excess[:, matters]).max(axis=1, initial=0.0)
        return np.concatenate([a, b, excess + 1, largest[:, None]], axis=1)

    estimate = measure(statistic, sample, reference, resampling)
    a, b, ratio = np.split(estimate.value[:-1], 3)
    errors = np.split(estimate.error[:-1], 3)
    worst = (
        np.flatnonzero(matters)[np.argmax(np.abs(ratio[matters] - 1))]
        if matters.any()
        else None
    )
    more = {
        "bin": None if worst is None else int(worst),
        "generated": numbers(a),
        "generated_error": numbers(errors[0]),
        "reference": numbers(b),
        "reference_error": numbers(errors[1]),
        "ratio": numbers(ratio),
        "ratio_error": numbers(errors[2]),
        "reference_share": numbers(share),
    }
    if not (b > 0).all():
        more["reason"] = "the ratio is undefined in bins where the reference has no energy"
    return entry(column(estimate, -1), sample, reference, **more)


def _separations(reference: Observables) -> dict[str, Statistic]:
    """Name the separation powers; bins are fixed by the reference alone."""
    edges = {
        "e_tot": _log_edges(reference.e_tot),
        "response": np.linspace(0.5, 1.5, 51),
        "sparsity": np.linspace(0.0, 1.0, 101),
    }

    def of(name: str) -> Statistic:
        return lambda s, r, w, v: separation(
            binned(getattr(s, name), edges[name], w), binned(getattr(r, name), edges[name], v)
        )

    layer_edges = [_log_edges(column) for column in reference.e_layer.T]

    def layers(s: Observables, r: Observables, w: np.ndarray, v: np.ndarray) -> np.ndarray:
        each = [
            separation(binned(a, cuts, w), binned(b, cuts, v))
            for a, b, cuts in zip(s.e_layer.T, r.e_layer.T, layer_edges, strict=True)
        ]
        return np.mean(each, axis=0)

    def voxel(s: Observables, r: Observables, w: np.ndarray, v: np.ndarray) -> np.ndarray:
        return separation(w @ s.voxel_counts, v @ r.voxel_counts)

    return {**{name: of(name) for name in edges}, "voxel": voxel, "e_layer": layers}


def _wassersteins(reference: Observables) -> dict[str, Statistic]:
    """Name the Wasserstein-1 distances: (in standard deviations, in the own unit)."""

    def of(columns: Callable[[Observables], Sequence[np.ndarray]]) -> Statistic:
        widths = np.array([column.std() for column in columns(reference)])

        def statistic(
            s: Observables, r: Observables, w: np.ndarray, v: np.ndarray
        ) -> np.ndarray:
            pairs = zip(columns(s), columns(r), strict=True)
            each = np.stack([wasserstein(a, b, w, v) for a, b in pairs], axis=1)
            varies = widths > 0
            scaled = each[:, varies] / widths[varies]
            mean = scaled.mean(axis=1) if varies.any() else np.full(len(w), np.nan)
            return np.stack([mean, each.mean(axis=1)], axis=1)

        return statistic

    return {
        "e_tot": of(lambda s: [s.e_tot]),
        "response": of(lambda s: [s.response]),
        "sparsity": of(lambda s: [s.sparsity]),
        "e_layer": of(lambda s: list(s.e_layer.T)),
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
