"""One panel: distributions or curves above, their ratio to Geant4 below."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from calo4pqvae.plotting.ratio import Curve, draw_ratios
from calo4pqvae.plotting.style import FILL, REFERENCE, colour_of

__all__ = ["curve_panel", "grid", "histogram_panel", "legend", "log_edges"]


_PEAK = 1 / 3


def grid(figure: Figure, rows: int, columns: int, *, titled: bool = False) -> list[SubplotSpec]:
    """Lay out panels row by row, leaving room for a legend (and titles) above them."""
    width, height = figure.get_size_inches()
    layout = GridSpec(
        rows,
        columns,
        figure,
        left=0.72 / width,
        right=1 - 0.2 / width,
        bottom=0.55 / height,
        top=1 - (0.62 if titled else 0.42) / height,
        wspace=0.78 / (width / columns - 0.6),
        hspace=0.85 / (height / rows - 0.8),
    )
    return [layout[row, column] for row in range(rows) for column in range(columns)]


def histogram_panel(
    figure: Figure,
    where: SubplotSpec,
    samples: Mapping[str, np.ndarray],
    edges: np.ndarray,
    *,
    xlabel: str,
    title: str = "",
) -> None:
    """Draw the share of showers per bin, with binomial errors.

    What lies beyond the outer edges is counted in the outer bins. On a logarithmic axis
    showers with no energy have no bin; their share is written in the panel. Where one bin
    holds over a third of the showers, shares are drawn on a logarithmic scale.
    """
    curves = {label: _histogram(values, edges) for label, values in samples.items()}
    top = max(curve.heights.max() for curve in curves.values())
    log = bool(top > _PEAK)
    ylabel = "share of showers"
    upper = curve_panel(
        figure, where, curves, edges, xlabel=xlabel, ylabel=ylabel, title=title, log=log
    )
    if not log:
        upper.set_ylim(0, 1.12 * top if top > 0 else 1)
    if _is_geometric(edges):
        _note_empty(
            upper, {label: float(np.mean(values <= 0)) for label, values in samples.items()}
        )


def curve_panel(
    figure: Figure,
    where: SubplotSpec,
    curves: Mapping[str, Curve],
    edges: np.ndarray,
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    log: bool = False,
) -> Axes:
    """Draw curves with the reference filled grey, and their ratios to it below.

    Arguments:
        figure: figure to draw in.
        where: cell of the figure's grid.
        curves: curve by label; the reference among them.
        edges: bin edges; evenly spaced logarithms make a logarithmic axis.
        xlabel: what the bins are, with unit.
        ylabel: what the heights are, with unit.
        title: short heading of the panel.
        log: whether heights are drawn on a logarithmic scale.
    """
    upper_cell, lower_cell = where.subgridspec(2, 1, height_ratios=[3.2, 1], hspace=0.08)
    upper = figure.add_subplot(upper_cell)
    lower = figure.add_subplot(lower_cell, sharex=upper)
    if log:
        upper.set_yscale("log")
    else:
        upper.yaxis.set_major_locator(MaxNLocator(5))
    floor = _floor(curves) if log else 0.0
    for label, curve in curves.items():
        _draw_curve(upper, label, np.maximum(curve.heights, floor), edges, floor)
    middles = (edges[1:] + edges[:-1]) / 2
    if _is_geometric(edges):
        middles = np.sqrt(edges[1:] * edges[:-1])
        _make_logarithmic(upper, edges[-1] / edges[0])
    draw_ratios(lower, curves, edges, middles)
    upper.set(ylabel=ylabel, title=title, xlim=(edges[0], edges[-1]))
    if log:
        upper.set_ylim(bottom=floor)
    upper.tick_params(labelbottom=False)
    lower.set(xlabel=xlabel, ylabel="ratio")
    return upper


def legend(figure: Figure, samples: Mapping[str, int]) -> None:
    """Name the samples, with their numbers of showers, at the top left of the figure."""
    width, height = figure.get_size_inches()
    handles = [
        Patch(facecolor=FILL, edgecolor=colour_of(label), lw=0.9)
        if label == REFERENCE
        else Line2D([], [], color=colour_of(label))
        for label in samples
    ]
    figure.legend(
        handles,
        [f"{label}, {n:,} showers" for label, n in samples.items()],
        loc="upper left",
        bbox_to_anchor=(0.5 / width, 1 - 0.02 / height),
        ncols=len(samples),
        columnspacing=1.8,
    )


def log_edges(values: np.ndarray, n_bins: int) -> np.ndarray:
    """Cut the span of positive values into logarithmic bins."""
    positive = values[values > 0]
    low, high = (positive.min(), positive.max()) if len(positive) else (1.0, 10.0)
    return np.geomspace(low, max(high, 1.01 * low) * 1.0001, n_bins + 1)


def _histogram(values: np.ndarray, edges: np.ndarray) -> Curve:
    filled = values[values > 0] if _is_geometric(edges) else values
    bins = np.clip(np.searchsorted(edges, filled, side="right") - 1, 0, len(edges) - 2)
    share = np.bincount(bins, minlength=len(edges) - 1) / len(values)
    return Curve(share, np.sqrt(share * (1 - share) / len(values)))


def _draw_curve(
    axes: Axes, label: str, heights: np.ndarray, edges: np.ndarray, floor: float
) -> None:
    width = 1.5
    if label == REFERENCE:
        width = 0.9
        axes.stairs(heights, edges, baseline=floor, fill=True, facecolor=FILL, edgecolor="none")
    axes.stairs(heights, edges, baseline=None, color=colour_of(label), lw=width)


def _note_empty(axes: Axes, empty: Mapping[str, float]) -> None:
    """Write which share of the showers has no energy at all, if any has none."""
    if not any(empty.values()):
        return
    axes.text(0.03, 0.96, "no energy:", transform=axes.transAxes, va="top", fontsize=8)
    for row, (label, share) in enumerate(empty.items(), start=1):
        axes.text(
            0.03,
            0.96 - 0.1 * row,
            f"{share:.1%}",
            color=colour_of(label),
            transform=axes.transAxes,
            va="top",
            fontsize=8,
        )


def _make_logarithmic(axes: Axes, span: float) -> None:
    """Scale the x axis logarithmically, labelled with plain numbers."""
    axes.set_xscale("log")
    subs = (1.0, 2.0, 5.0) if span < 150 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=12 if span < 3e3 else 4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _floor(curves: Mapping[str, Curve]) -> float:
    """Lower end of a filled area on a logarithmic axis."""
    heights = np.concatenate([curve.heights for curve in curves.values()])
    positive = heights[heights > 0]
    return 0.5 * float(positive.min()) if len(positive) else 1.0


def _is_geometric(edges: np.ndarray) -> bool:
    """Whether the edges are evenly spaced on a logarithmic axis."""
    return bool(edges[0] > 0 and np.allclose(np.diff(np.log(edges), 2), 0, atol=1e-6))
