"""Where the mismatch is made: in the decoder or in the prior."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from calo4pqvae.evaluation.plotting.sheet import WIDTH, place_legend, text_width
from calo4pqvae.evaluation.plotting.style import FILL, SAMPLES, house_style

__all__ = ["mismatch"]

Parts = tuple[float, float, float, float]

_NAMES = ("decoder", "prior", "total", "up to the floor")
_COLOURS = (SAMPLES[1].colour, SAMPLES[0].colour, "#555555")
_ROW, _BAR = 0.72, 0.24


@house_style
def mismatch(parts: Mapping[str, Parts]) -> Figure:
    """Draw how much of each distance arises in the decoder and how much in the prior.

    Distances have different units, so every row has its own scale, from zero to the longest
    of its bars, and the numbers stand at their ends. Distances do not add up: parts that
    cancel may both be longer than the total.

    Arguments:
        parts: by observable with unit, four numbers in that unit: the decoder's part
            (reconstructed against test showers), the prior's part (sampled against
            reconstructed), the total (sampled against test), and the floor, which is what
            test showers read against other showers of Geant4. NaN is undefined.
    """
    left = 0.3 + max(map(text_width, parts), default=0.0)
    height = 0.5 + _ROW * len(parts) + 0.1
    figure = Figure(figsize=(WIDTH, height))
    place_legend(figure, [Patch(facecolor=colour) for colour in (*_COLOURS, FILL)], _NAMES)
    axes = figure.add_axes(
        (left / WIDTH, 0.1 / height, 1 - (left + 0.9) / WIDTH, 1 - 0.6 / height)
    )
    for row, numbers in enumerate(parts.values()):
        _draw_row(axes, -row, numbers)
    axes.axvline(0, color="#444444", lw=0.8)
    axes.set(
        yticks=-np.arange(len(parts)), yticklabels=list(parts),
        ylim=(0.5 - max(len(parts), 1), 0.5), xticks=[],
    )  # fmt: skip
    axes.tick_params(left=False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    return figure


def _draw_row(axes: Axes, y: int, numbers: Parts) -> None:
    """Draw the floor as an area and the three parts as bars, in units of the longest."""
    known = np.abs(np.array(numbers)[np.isfinite(numbers)])
    longest = known.max(initial=0.0) or 1.0
    *bars, floor = numbers
    if np.isfinite(floor):
        axes.barh(y, floor / longest, 0.86, color=FILL)
    for place, value, colour in zip((_BAR, 0, -_BAR), bars, _COLOURS, strict=True):
        length = value / longest if np.isfinite(value) else 0.0
        axes.barh(y + place, length, 0.8 * _BAR, color=colour)
        text = f"{value:.3g}" if np.isfinite(value) else "undefined"
        axes.annotate(
            text.replace("-", "−"), (max(length, 0.0), y + place), xytext=(4, 0),
            textcoords="offset points", va="center", fontsize=8,
        )  # fmt: skip
