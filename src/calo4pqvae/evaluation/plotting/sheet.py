"""An empty figure with its legend and its cells, made to measure."""

from collections.abc import Mapping, Sequence, Sized

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.gridspec import GridSpec, SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.textpath import TextPath

from calo4pqvae.evaluation.plotting.style import FILL, SOFT, looks, reference_of

__all__ = ["WIDTH", "place_legend", "sheet", "text_width"]

WIDTH = 8.8
"""Width of every figure [inches]."""

_LINE = 0.2
_LEFT, _RIGHT, _BOTTOM = 0.74, 0.2, 0.52
_HANDLE, _GAP = 0.32, 0.26
_SIZE = 9.5


def sheet(
    samples: Mapping[str, Sized],
    rows: int,
    columns: int,
    *,
    row_height: float,
    titled: bool = False,
    note: str = "",
    items: str = "showers",
) -> tuple[Figure, list[SubplotSpec]]:
    """Make a figure with a legend at the top and cells for panels below.

    Arguments:
        samples: by label, whatever has one item per shower.
        rows: rows of panels; none for a figure that has only its note to show.
        columns: panels in a row.
        row_height: height of a row with its axis labels [inches].
        titled: whether panels have titles.
        note: remark at the foot of the figure.
        items: what is counted.

    Returns:
        The figure, and its cells row by row.
    """
    counts = {label: len(sample) for label, sample in samples.items()}
    handles, texts = _legend_entries(counts, items)
    lines = -(-len(texts) // _legend_columns(texts))
    head = _LINE * lines + (0.42 if titled else 0.16)
    foot = _BOTTOM + (0.26 if note else 0.0)
    height = head + rows * row_height + foot - _BOTTOM
    figure = Figure(figsize=(WIDTH, height))
    place_legend(figure, handles, texts)
    if note:
        figure.text(_LEFT / WIDTH, 0.07 / height, note, color=SOFT, fontsize=9)
    layout = _grid(figure, (rows, columns), head, foot, _BOTTOM + (0.34 if titled else 0.14))
    return figure, [layout[row, column] for row in range(rows) for column in range(columns)]


def _grid(
    figure: Figure, shape: tuple[int, int], head: float, foot: float, gap: float
) -> GridSpec:
    """Lay out cells of equal size, given what is above, below and between them [inches]."""
    rows, columns = max(shape[0], 1), shape[1]
    width, height = figure.get_size_inches()
    inner_width = (width - _LEFT - _RIGHT - (columns - 1) * _LEFT) / columns
    inner_height = (height - head - foot - (rows - 1) * gap) / rows
    return GridSpec(
        rows,
        columns,
        figure,
        left=_LEFT / width,
        right=1 - _RIGHT / width,
        bottom=foot / height,
        top=1 - head / height,
        wspace=_LEFT / inner_width,
        hspace=gap / inner_height if shape[0] else 0.0,
    )


def _legend_entries(counts: Mapping[str, int], items: str) -> tuple[list[Artist], list[str]]:
    """Make handles and texts that name the samples and their sizes."""
    reference, equal = reference_of(counts), len(set(counts.values())) == 1
    handles: list[Artist] = []
    for label, look in looks(counts).items():
        if label == reference:
            handles.append(Patch(facecolor=FILL, edgecolor=look.colour, lw=0.9))
        else:
            handles.append(Line2D([], [], color=look.colour, ls=look.dashes))
    if not equal:
        return handles, [f"{_short(label)}, {n:,} {items}" for label, n in counts.items()]
    blank = Line2D([], [], ls="none")
    texts = [_short(label) for label in counts]
    return [*handles, blank], [*texts, f"{next(iter(counts.values())):,} {items} each"]


def place_legend(figure: Figure, handles: Sequence[Artist], texts: Sequence[str]) -> None:
    """Write the legend at the top left, in as many lines as it needs."""
    width, height = figure.get_size_inches()
    figure.legend(
        handles,
        texts,
        loc="upper left",
        bbox_to_anchor=(0.5 / width, 1 - 0.02 / height),
        ncols=_legend_columns(texts),
        columnspacing=1.8,
        labelspacing=0.35,
    )


def text_width(text: str, size: float = _SIZE) -> float:
    """Measure a text of the house's font [inches]."""
    if not text.strip():
        return 0.0
    path = TextPath((0, 0), text, prop=FontProperties(size=size))
    return float(path.get_extents().width) / 72


def _legend_columns(texts: Sequence[str]) -> int:
    """Count the columns of the legend that fit the figure; it is filled column by column."""
    widths = np.array([text_width(text) + _HANDLE + _GAP for text in texts])
    for columns in range(len(texts), 1, -1):
        if sum(part.max() for part in np.array_split(widths, columns)) < WIDTH - 0.6:
            return columns
    return 1


def _short(label: str) -> str:
    """Cut a label that would not fit a line."""
    return label if len(label) <= 40 else f"{label[:39]}…"
