"""The thin panel below a plot: ratio to the reference, with its own error as a band."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from calo4pqvae.evaluation.bins import is_geometric
from calo4pqvae.evaluation.plotting.style import FILL, Look, looks, reference_of

__all__ = ["FEW", "Curve", "draw_points", "draw_ratios", "spread_in_bins"]

_REACHES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_HELD, _FINE, _ROUGH = 0.9, 0.01, 0.3
FEW = 4
"""Curves, the reference included, up to which each shows its statistical error."""


class Curve(NamedTuple):
    """Heights of the bins of one sample and their errors."""

    heights: np.ndarray
    errors: np.ndarray


def draw_ratios(axes: Axes, curves: Mapping[str, Curve], edges: np.ndarray) -> None:
    """Draw the reference's relative error as a band and the others' ratios as points.

    Bins where the reference is empty have no ratio. The axis reaches as far as most points
    do, from 2 to 100 percent; those beyond become triangles at the rim. Where many samples
    are compared, their ratios are lines without errors, and only in bins where the error of
    the reference is below 30 percent.
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
    reach = _reach(list(ratios.values()), relative[seen])
    limits = (1 - 1.2 * reach, 1 + 1.2 * reach)
    styles, places = looks(curves), spread_in_bins(edges, len(ratios))
    for (label, ratio), x in zip(ratios.items(), places, strict=True):
        if len(curves) <= FEW:
            draw_points(axes, x[seen], ratio, styles[label], limits)
        else:
            heights = np.full(len(seen), np.nan)
            heights[seen] = np.where(relative[seen] < _ROUGH, ratio.heights, np.nan)
            _draw_line(axes, heights, edges, styles[label])
    axes.set(ylim=limits, yticks=[1 - reach, 1, 1 + reach])


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
    for beyond, rim, marker in (
        (y >= limits[1], limits[1], "^"),
        (y <= limits[0], limits[0], "v"),
    ):
        axes.plot(
            x[beyond],
            np.full(beyond.sum(), rim),
            marker,
            ms=4,
            color=look.colour,
            clip_on=False,
            mew=0,
        )


def _draw_line(axes: Axes, heights: np.ndarray, edges: np.ndarray, look: Look) -> None:
    axes.stairs(heights, edges, baseline=None, color=look.colour, ls=look.dashes, lw=1.0)


def _reach(ratios: list[Curve], reference_error: np.ndarray) -> float:
    """Choose the half height of the axis that holds most points; precise ones weigh more."""
    away = np.concatenate([np.abs(ratio.heights - 1) for ratio in ratios] or [np.empty(0)])
    errors = [np.hypot(ratio.errors, reference_error) for ratio in ratios] or [np.empty(0)]
    known = np.isfinite(away)
    if not known.any():
        return _REACHES[0]
    order = np.argsort(away[known])
    weight = 1 / np.maximum(np.concatenate(errors)[known][order], _FINE)
    share = np.cumsum(weight)
    held = away[known][order][np.searchsorted(share, _HELD * share[-1])]
    return next((reach for reach in _REACHES if reach >= held), _REACHES[-1])
