"""The house style: colours, fonts and how a figure is drawn and saved.

Figures are made without pyplot and leave matplotlib's settings as they were.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
from matplotlib.figure import Figure

__all__ = ["FILL", "REFERENCE", "colour_of", "house_style", "save"]

REFERENCE = "Geant4"
"""Label of the sample that all others are compared with."""

_COLOURS = {
    REFERENCE: "#1a1a1a",
    "generated": "#0072B2",
    "reconstructed": "#E69F00",
    "annealer": "#D55E00",
}
FILL = "#dedede"
"""Fill of the reference's histograms and error bands."""

_SETTINGS: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#444444",
    "axes.labelcolor": "#1a1a1a",
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlepad": 6,
    "axes.titlesize": 10,
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "lines.linewidth": 1.5,
    "mathtext.default": "regular",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "calo4pqvae",
    "xtick.color": "#444444",
    "xtick.labelsize": 9,
    "ytick.color": "#444444",
    "ytick.labelsize": 9,
}


P = ParamSpec("P")


def house_style(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw a figure in the house style."""

    @functools.wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(_SETTINGS):
            return draw(*args, **kwargs)

    return styled


def colour_of(label: str) -> str:
    """Return the colour of a sample; colour-blind readers tell them apart."""
    return _COLOURS.get(label, "#009E73")


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as SVG, whole or not at all; the same figure gives the same bytes."""
    part = path.with_name(f"{path.name}.part")
    try:
        with mpl.rc_context(_SETTINGS):
            figure.savefig(part, format="svg", dpi=200, metadata={"Date": None})
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
