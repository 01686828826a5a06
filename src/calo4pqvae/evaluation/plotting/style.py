"""The house style: colours, fonts and how a figure is drawn and saved.

Figures are made without pyplot and leave matplotlib's settings as they were. What a
``matplotlibrc`` says has no part in them: every setting is matplotlib's own or the house's.
"""

import functools
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec

import matplotlib as mpl
from matplotlib.figure import Figure

from calo4pqvae._core.atomic import write_bytes

__all__ = [
    "FILL", "INK", "REFERENCE", "SAMPLES", "SOFT", "Look", "house_style", "looks",
    "reference_of", "save",
]  # fmt: skip

REFERENCE = "Geant4"
"""Label of the sample that all others are compared with."""

INK, SOFT, FILL = "#1a1a1a", "#666666", "#dedede"
"""Colours of the reference's lines, of remarks, and of the reference's areas and bands."""


class Look(NamedTuple):
    """How one sample is drawn: colour, style of its line, marker of its points."""

    colour: str
    dashes: Any = "-"
    marker: str = "o"


_DASHES = (0, (3.2, 1.3))
_DOTS = (0, (1.1, 1.1))
SAMPLES = (
    Look("#0072B2"),
    Look("#E69F00"),
    Look("#009E73"),
    Look("#882255"),
    Look("#D55E00", _DASHES, "s"),
    Look("#56B4E9", _DASHES, "s"),
    Look("#CC79A7", _DASHES, "s"),
    Look("#332288", _DASHES, "s"),
)
"""Looks of up to eight samples, in the order in which they are given out.

Readers who see fewer colours tell apart those of one line style.
"""

_PREFERRED = {"generated": 0, "classical": 0, "reconstructed": 1, "annealer": 4, "emulator": 5}

_HOUSE = Path(__file__).with_name("house.mplstyle")

_NO_LOOK = (
    "backend", "date.epoch", "interactive", "keymap", "savefig.directory", "timezone", "tk.",
    "toolbar", "webagg",
)  # fmt: skip
"""Settings of windows, keys and folders, which are left alone."""

_SETTINGS: dict[Any, Any] = {
    key: value for key, value in mpl.rcParamsDefault.items() if not key.startswith(_NO_LOOK)
} | dict(mpl.rc_params_from_file(_HOUSE, use_default_template=False))
"""All that changes a picture."""


P = ParamSpec("P")


def house_style(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw a figure in the house style."""

    @functools.wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(_SETTINGS):
            return draw(*args, **kwargs)

    return styled


def reference_of(labels: Iterable[str]) -> str:
    """Return the label of the reference: "Geant4" where there is one, else the first."""
    labels = list(labels)
    return REFERENCE if REFERENCE in labels else labels[0]


def looks(labels: Iterable[str]) -> dict[str, Look]:
    """Give every sample a look of its own; well-known labels always get the same.

    The reference is black. After eight samples the colours come again, dotted.
    """
    labels = list(labels)
    reference = reference_of(labels)
    taken = {reference: Look(INK)}
    free = [*SAMPLES, *(look._replace(dashes=_DOTS) for look in SAMPLES)]
    for label, number in _PREFERRED.items():
        if label in labels and label != reference and SAMPLES[number] in free:
            taken[label] = SAMPLES[number]
            free.remove(SAMPLES[number])
    others = [label for label in labels if label not in taken]
    taken |= {label: free[i % len(free)] for i, label in enumerate(others)}
    return {label: taken[label] for label in labels}


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as SVG, whole or not at all; the same figure gives the same bytes.

    Raises:
        OutputError: the disk does not take it.
    """
    made = io.BytesIO()
    with mpl.rc_context(_SETTINGS):
        figure.savefig(made, format="svg", dpi=200, metadata={"Date": None})
    return write_bytes(path, made.getvalue())
