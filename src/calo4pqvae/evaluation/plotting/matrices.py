"""Maps side by side: the reference, the samples, and how far each is from the reference."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec

from calo4pqvae.evaluation.plotting.sheet import WIDTH
from calo4pqvae.evaluation.plotting.style import reference_of

__all__ = ["Scale", "draw_matrices"]

_ACROSS = 5
_LEFT, _RIGHT, _GAP, _HEAD, _FOOT = 0.62, 0.15, 0.12, 0.42, 0.5
_SIDE = 2.9


class Scale(NamedTuple):
    """Colours of one kind of map: range, colour map, and what the colour bar says."""

    norm: Normalize
    colours: str
    label: str
    extend: str = "neither"


def draw_matrices(
    values: Mapping[str, Float[np.ndarray, "x y"]],
    differences: Mapping[str, Float[np.ndarray, "x y"]],
    scales: tuple[Scale, Scale],
    edges: tuple[np.ndarray, np.ndarray],
    labels: tuple[str, str],
    *,
    notes: Mapping[str, str] | None = None,
) -> Figure:
    """Draw maps, with the differences to the reference beside or below them.

    Arguments:
        values: map by label of the sample, the reference among them; x runs to the right.
        differences: map of the distance from the reference, by label of all others.
        scales: of the values and of the differences.
        edges: edges of the bins along x and y.
        labels: of the x and the y axis.
        notes: heading by label of its map of differences.
    """
    own = reference_of(values)
    order = [own, *(label for label in values if label != own)]
    blocks = -(-len(order) // _ACROSS)
    columns = -(-len(order) // blocks)
    figure, layout = _sheet(2 * blocks, columns)
    for number, label in enumerate(order):
        block, column = divmod(number, columns)
        upper = figure.add_subplot(layout[2 * block, column])
        _draw(upper, values[label], scales[0], edges, label)
        _name_axes(upper, labels, left=column == 0, bottom=label == own)
        if label == own:
            _colour_bars(figure, layout[1, 0], scales)
            continue
        lower = figure.add_subplot(layout[2 * block + 1, column])
        title = (notes or {}).get(label, f"difference to {own}")
        _draw(lower, differences[label], scales[1], edges, title)
        last = number + columns >= len(order)
        _name_axes(lower, labels, left=column == (block == 0), bottom=last)
    return figure


def _name_axes(axes: Axes, labels: tuple[str, str], *, left: bool, bottom: bool) -> None:
    """Write numbers and names on the axes that have no neighbour."""
    axes.tick_params(labelleft=left, labelbottom=bottom)
    axes.set(xlabel=labels[0] if bottom else "", ylabel=labels[1] if left else "")


def _sheet(rows: int, columns: int) -> tuple[Figure, GridSpec]:
    """Make an empty figure and its cells."""
    side = (WIDTH - _LEFT - _RIGHT - (columns - 1) * _GAP) / columns
    panel = min(side, _SIDE)
    height = rows * (panel + _HEAD) + _FOOT
    figure = Figure(figsize=(WIDTH, height))
    return figure, GridSpec(
        rows,
        columns,
        figure,
        left=_LEFT / WIDTH,
        right=1 - _RIGHT / WIDTH,
        bottom=_FOOT / height,
        top=1 - _HEAD / height,
        wspace=_GAP / side,
        hspace=_HEAD / panel,
    )


def _draw(
    axes: Axes,
    values: np.ndarray,
    scale: Scale,
    edges: tuple[np.ndarray, np.ndarray],
    title: str,
) -> None:
    axes.pcolormesh(*edges, values.T, norm=scale.norm, cmap=scale.colours, rasterized=True)
    axes.set_title(title, fontsize=8.5)


def _colour_bars(figure: Figure, where: SubplotSpec, scales: tuple[Scale, Scale]) -> None:
    """Draw both scales in the cell below the reference, which has no difference."""
    rows = where.subgridspec(
        5, 2, height_ratios=[1.6, 0.3, 1.8, 0.3, 1.5], width_ratios=[0.68, 0.32]
    )
    for row, scale in zip((1, 3), scales, strict=True):
        figure.colorbar(
            ScalarMappable(scale.norm, scale.colours),
            cax=figure.add_subplot(rows[row, 0]),
            orientation="horizontal",
            label=scale.label,
            extend=scale.extend,
        )
