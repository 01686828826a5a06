"""Correlation functions: centres of layers, pairs of hits in azimuth and in depth."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from calo4pqvae.evaluation.plotting.sheet import sheet
from calo4pqvae.evaluation.plotting.style import FILL, house_style, looks, reference_of
from calo4pqvae.evaluation.structure.correlations import FUNCTIONS, Function
from calo4pqvae.evaluation.structure.showers import Structure
from calo4pqvae.evaluation.structure.windows import EDGES, MIN_SHOWERS
from calo4pqvae.units import GeV

__all__ = ["centres_by_distance", "pairs_of_hits"]

Samples = Mapping[str, Structure]

_MOST = 4
"""Windows drawn, at most."""


@house_style
def centres_by_distance(samples: Samples) -> Figure:
    """Draw the correlation of the centres of layers against their distance, by energy."""
    windows = _windows(samples)
    rows = -(-len(windows) // 2)
    figure, cells = sheet(samples, rows, 2, row_height=2.9, titled=True)
    for (name, inside), cell in zip(windows.items(), cells, strict=False):
        axes = figure.add_subplot(cell)
        found = {label: FUNCTIONS["centres"](side) for label, side in inside.items()}
        _draw(axes, found)
        axes.set(title=name, xlabel="distance of layers", ylabel="correlation of centres")
    return figure


@house_style
def pairs_of_hits(samples: Samples) -> Figure:
    """Draw the pair correlation of hits in azimuth and in depth, at low and high energy."""
    windows = _windows(samples)
    names = list(windows)
    shown = names[:1] + names[-1:] if len(names) > 1 else names
    figure, cells = sheet(samples, len(shown), 2, row_height=2.9, titled=True)
    kinds = {"pairs_in_azimuth": "sectors apart", "pairs_in_depth": "layers apart, same cell"}
    panels = [(name, *kind) for name in shown for kind in kinds.items()]
    for (name, kind, xlabel), cell in zip(panels, cells, strict=True):
        axes = figure.add_subplot(cell)
        _draw(axes, {k: FUNCTIONS[kind](side) for k, side in windows[name].items()})
        axes.set(title=name, xlabel=xlabel, ylabel="pair correlation of hits")
    return figure


def _windows(samples: Samples) -> dict[str, dict[str, Structure]]:
    """Cut all samples into windows that hold enough showers of each; the last four at most."""
    made = {}
    for low, high in pairwise(EDGES):
        inside = {label: side.between(low, high) for label, side in samples.items()}
        if min(len(side) for side in inside.values()) >= MIN_SHOWERS:
            made[f"{low / GeV:g}-{high / GeV:g} GeV"] = inside
    if not made:
        return {"all energies": dict(samples)}
    names = list(made)
    kept = names[:2] + names[2:][-(_MOST - 2) :] if len(names) > _MOST else names
    return {name: made[name] for name in kept}


def _draw(axes: Axes, found: Mapping[str, Function]) -> None:
    """Draw functions with their errors, the reference as a grey band."""
    own, n = reference_of(found), len(found) - 1
    axes.axhline(0, color=FILL, lw=0.8, zorder=0)
    for number, (label, look) in enumerate(looks(found).items()):
        lags, values, errors = found[label]
        if label == own:
            axes.fill_between(lags, values - errors, values + errors, color=FILL, lw=0)
            axes.plot(lags, values, color=look.colour, lw=0.9)
            continue
        aside = 0.12 * (number - (n + 1) / 2)
        axes.errorbar(
            lags + aside, values, errors, color=look.colour, fmt=look.marker, ms=3.5, lw=1,
        )  # fmt: skip
    if not any(np.isfinite(one.values).any() for one in found.values()):
        axes.text(0.5, 0.5, "no hits", transform=axes.transAxes, ha="center")
    axes.locator_params(axis="x", integer=True)
