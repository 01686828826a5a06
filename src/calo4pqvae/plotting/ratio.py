"""The thin panel below a plot: ratio to Geant4, with Geant4's own error as a band."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from calo4pqvae.plotting.style import FILL, REFERENCE, colour_of

__all__ = ["Curve", "draw_ratios"]

_REACHES = (0.1, 0.2, 0.5)


class Curve(NamedTuple):
    """Heights of the bins of one sample and their errors."""

    heights: np.ndarray
    errors: np.ndarray


def draw_ratios(
    axes: Axes, curves: Mapping[str, Curve], edges: np.ndarray, middles: np.ndarray
) -> None:
    """Draw the reference's relative error as a band and the others' ratios as points.

    Bins where the reference is empty have no ratio. The axis reaches 10, 20 or 50 percent,
    whichever holds most points; those beyond become triangles at the rim.
    """
    reference = curves[REFERENCE]
    seen = reference.heights > 0
    relative = np.divide(
        reference.errors, reference.heights, out=np.zeros_like(reference.heights), where=seen
    )
    axes.stairs(1 + relative, edges, baseline=1 - relative, fill=True, color=FILL)
    axes.axhline(1, color="#444444", lw=0.8)
    ratios = {
        label: tuple(part[seen] / reference.heights[seen] for part in curve)
        for label, curve in curves.items()
        if label != REFERENCE
    }
    reach = _reach([ratio for ratio, _ in ratios.values()])
    for label, (ratio, error) in ratios.items():
        _draw_points(axes, middles[seen], ratio, error, colour_of(label), 1.1 * reach)
    axes.set(ylim=(1 - 1.1 * reach, 1 + 1.1 * reach), yticks=[1 - reach, 1, 1 + reach])


def _reach(ratios: list[np.ndarray]) -> float:
    """Choose the half height of the axis."""
    away = np.abs(np.concatenate([*ratios, np.empty(0)]) - 1)
    away = away[np.isfinite(away)]
    needed = np.quantile(away, 0.9) if len(away) else 0.0
    return next((reach for reach in _REACHES if reach >= needed), _REACHES[-1])


def _draw_points(
    axes: Axes,
    x: np.ndarray,
    ratio: np.ndarray,
    error: np.ndarray,
    colour: str,
    reach: float,
) -> None:
    inside = np.abs(ratio - 1) < reach
    axes.errorbar(
        x[inside], ratio[inside], error[inside], fmt="o", ms=2.2, lw=0.9, color=colour
    )
    for sign, marker in ((1, "^"), (-1, "v")):
        beyond = sign * (ratio - 1) >= reach
        rim = np.full(beyond.sum(), 1 + sign * reach)
        axes.plot(x[beyond], rim, marker, ms=4, color=colour, clip_on=False, mew=0)
