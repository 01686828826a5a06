"""The thin panel below a plot: ratio to the reference, with its own error as a band."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from calo4pqvae.plotting.bins import is_geometric
from calo4pqvae.plotting.style import FILL, Look, looks, reference_of

__all__ = ["Curve", "draw_points", "draw_ratios", "spread_in_bins"]

_REACHES = (0.1, 0.2, 0.5, 1.0)
_PRECISE = 0.25


class Curve(NamedTuple):
    """Heights of the bins of one sample and their errors."""

    heights: np.ndarray
    errors: np.ndarray


def draw_ratios(axes: Axes, curves: Mapping[str, Curve], edges: np.ndarray) -> None:
    """Draw the reference's relative error as a band and the others' ratios as points.

    Bins where the reference is empty have no ratio. The axis reaches 10, 20, 50 or 100
    percent, whichever holds most of the precise points; those beyond become triangles at
    the rim.
    """
    own = reference_of(curves)
    reference = curves[own]
    seen = reference.heights > 0
    relative = np.divide(
        reference.errors, reference.heights, out=np.zeros_like(reference.heights), where=seen
    )
    axes.stairs(1 + relative, edges, baseline=1 - relative, fill=True, color=FILL)
    axes.axhline(1, color="#444444", lw=0.8)
    ratios = {
        label: Curve(*(part[seen] / reference.heights[seen] for part in curve))
        for label, curve in curves.items()
        if label != own
    }
    reach = _reach(list(ratios.values()))
    styles, places = looks(curves), spread_in_bins(edges, len(ratios))
    for (label, ratio), x in zip(ratios.items(), places, strict=True):
        draw_points(axes, x[seen], ratio, styles[label], (1 - 1.2 * reach, 1 + 1.2 * reach))
    axes.set(ylim=(1 - 1.2 * reach, 1 + 1.2 * reach), yticks=[1 - reach, 1, 1 + reach])


def spread_in_bins(edges: np.ndarray, n_samples: int) -> list[np.ndarray]:
    """Give each sample its own place in every bin, so that error bars do not hide others."""
    shares = 0.5 + 0.6 * (np.arange(n_samples) - (n_samples - 1) / 2) / max(n_samples, 1)
    if is_geometric(edges):
        return [edges[:-1] * (edges[1:] / edges[:-1]) ** share for share in shares]
    return [edges[:-1] + share * np.diff(edges) for share in shares]


def draw_points(
    axes: Axes, x: np.ndarray, points: Curve, look: Look, limits: tuple[float, float]
) -> None:
    """Draw points with error bars; those outside the limits become triangles at the rim."""
    y, error = points
    inside = (y > limits[0]) & (y < limits[1])
    axes.errorbar(
        x[inside],
        y[inside],
        error[inside],
        fmt=look.marker,
        ms=2.4,
        lw=0.9,
        color=look.colour,
        mfc="white" if look.marker == "s" else look.colour,
        mew=0.7,
    )
    for beyond, rim, marker in ((y >= limits[1], limits[1], "^"), (y <= limits[0], limits[0], "v")):
        axes.plot(
            x[beyond],
            np.full(beyond.sum(), rim),
            marker,
            ms=4,
            color=look.colour,
            clip_on=False,
            mew=0,
        )


def _reach(ratios: list[Curve]) -> float:
    """Choose the half height of the axis from the points that are not mostly noise."""
    away = np.concatenate([np.abs(ratio.heights - 1) for ratio in ratios] or [np.empty(0)])
    error = np.concatenate([ratio.errors for ratio in ratios] or [np.empty(0)])
    finite = np.isfinite(away)
    precise = finite & (error < _PRECISE)
    away = away[precise if precise.any() else finite]
    needed = np.quantile(away, 0.9) if len(away) else 0.0
    return next((reach for reach in _REACHES if reach >= needed), _REACHES[-1])
