"""One panel: distributions or curves above, their ratio to the reference below."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from calo4pqvae.evaluation.bins import is_geometric
from calo4pqvae.evaluation.plotting.ratio import FEW, Curve, draw_ratios
from calo4pqvae.evaluation.plotting.style import FILL, looks, reference_of

__all__ = ["curve_panel", "histogram_panel", "make_logarithmic"]

_PEAK = 100 / 3


def histogram_panel(
    figure: Figure,
    where: SubplotSpec,
    samples: Mapping[str, np.ndarray],
    edges: np.ndarray,
    *,
    xlabel: str,
    title: str = "",
    items: str = "showers",
) -> None:
    """Draw the percentage of showers (or other items) per bin, with binomial errors.

    What lies beyond the outer edges is counted in the outer bins. On a logarithmic axis
    showers with no energy have no bin; their share is written in the panel. Where one bin
    holds over a third of the showers, the heights are drawn on a logarithmic scale. A sample
    without showers leaves no trace.
    """
    curves = {label: _histogram(values, edges) for label, values in samples.items()}
    top = float(np.nanmax([curve.heights for curve in curves.values()], initial=0.0))
    log = top > _PEAK
    ylabel = f"{items} [%]"
    upper = curve_panel(
        figure, where, curves, edges, xlabel=xlabel, ylabel=ylabel, title=title, log=log
    )
    noted = is_geometric(edges) and _note_empty(upper, samples)
    if not log:
        room = 1.9 if noted and len(samples) > FEW else 1.08
        ends = [curve.heights + curve.errors for curve in curves.values()]
        upper.set_ylim(0, room * float(np.nanmax(ends)) if top > 0 else 1)


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

    Where few samples are compared, each has its statistical error as a band. The lower
    panel is higher where many are.

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
    heights = [3.0, 1] if len(curves) <= FEW else [2.2, 1]
    upper_cell, lower_cell = where.subgridspec(2, 1, height_ratios=heights, hspace=0.08)
    upper = figure.add_subplot(upper_cell)
    lower = figure.add_subplot(lower_cell, sharex=upper)
    if log:
        upper.set_yscale("log")
    else:
        upper.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    floor = _floor(curves) if log else None
    _draw_curves(upper, curves, edges, floor)
    if is_geometric(edges):
        make_logarithmic(upper, edges)
    draw_ratios(lower, curves, edges)
    upper.set(ylabel=ylabel, title=title, xlim=(edges[0], edges[-1]))
    if log:
        upper.set_ylim(bottom=floor)
    upper.tick_params(labelbottom=False)
    lower.set(xlabel=xlabel, ylabel="ratio")
    return upper


def make_logarithmic(axes: Axes, edges: np.ndarray) -> None:
    """Scale the x axis logarithmically; labels beyond 0.001 to 1000 are powers of ten."""
    span = edges[-1] / edges[0]
    axes.set_xscale("log")
    subs = (1.0, 2.0, 5.0) if span < 150 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=12 if span < 3e3 else 4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _write(x)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _write(x: float) -> str:
    return f"{x:g}" if 1e-3 <= x <= 2e4 else f"$10^{{{np.log10(x):.0f}}}$"


def _histogram(values: np.ndarray, edges: np.ndarray) -> Curve:
    """Percentage of all showers per bin and its error; NaN when there is no shower."""
    if not len(values):
        return Curve(*np.full((2, len(edges) - 1), np.nan))
    filled = values[values > 0] if is_geometric(edges) else values
    bins = np.clip(np.searchsorted(edges, filled, side="right") - 1, 0, len(edges) - 2)
    share = np.bincount(bins, minlength=len(edges) - 1) / len(values)
    return Curve(100 * share, 100 * np.sqrt(share * (1 - share) / len(values)))


def _draw_curves(
    axes: Axes, curves: Mapping[str, Curve], edges: np.ndarray, floor: float | None
) -> None:
    """Draw the curves; below the floor of a logarithmic scale they run along it."""
    own, low = reference_of(curves), floor or 0.0
    for label, look in looks(curves).items():
        heights, errors = curves[label]
        shown = heights if floor is None else np.maximum(heights, floor)
        if label == own:
            axes.stairs(shown, edges, baseline=low, fill=True, facecolor=FILL, edgecolor="none")
        elif len(curves) <= FEW:
            bottom = heights - errors if floor is None else np.maximum(heights - errors, floor)
            top = heights + errors if floor is None else np.maximum(heights + errors, floor)
            axes.stairs(
                top, edges, baseline=bottom, fill=True, color=look.colour, alpha=0.22, lw=0
            )
        width = 0.9 if label == own else 1.3
        axes.stairs(
            shown,
            edges,
            baseline=None,
            color=look.colour,
            ls=look.dashes,
            lw=width,
            label=label,
        )


def _note_empty(axes: Axes, samples: Mapping[str, np.ndarray]) -> bool:
    """Write which share of the showers has no energy at all, if any has none."""
    empty = {label: float((v <= 0).mean()) if len(v) else 0.0 for label, v in samples.items()}
    if not any(empty.values()):
        return False
    style = {"transform": axes.transAxes, "va": "top", "fontsize": 8}
    axes.text(0.03, 0.97, "no energy:", **style)
    rows = len(samples) if len(samples) <= FEW else 3
    for number, (label, look) in enumerate(looks(samples).items()):
        column, row = divmod(number, rows)
        x, y = 0.03 + 0.2 * column, 0.87 - 0.1 * row
        axes.text(x, y, f"{empty[label]:.1%}", color=look.colour, **style)
    return True


def _floor(curves: Mapping[str, Curve]) -> float:
    """Lower end of a filled area on a logarithmic axis."""
    heights = np.concatenate([curve.heights for curve in curves.values()])
    positive = heights[heights > 0]
    return 0.5 * float(positive.min()) if len(positive) else 1.0
