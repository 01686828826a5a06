"""What a shower costs: one row of table 2 as measured, modelled or published."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = [
    "MEASURED",
    "MODELLED",
    "PUBLISHED",
    "ShowerCost",
    "Value",
    "mean_with_error",
    "ratio",
]

MEASURED, MODELLED, PUBLISHED = "measured", "timing model", "published"


@dataclass(frozen=True)
class Value:
    """A number with its standard error; None where no error is known."""

    value: float
    error: float | None = None


@dataclass(frozen=True)
class ShowerCost:
    """Time and energy of one shower.

    Attributes:
        system: who makes it.
        place: where, such as ``1 core``.
        sample: incident energies.
        batch: showers made together; 0 where that means nothing.
        status: ``measured``, ``timing model`` or ``published``.
        seconds: time of a shower; None when there is no measurement, and `note` says why.
        joules: energy of a shower.
        energy_source: how the energy was found.
        parts: seconds by step of the work.
        note: what to know before comparing.
        below: whether the energy is an upper limit.
    """

    system: str
    place: str
    sample: str
    batch: int
    status: str
    seconds: Value | None
    joules: Value | None
    energy_source: str = ""
    parts: dict[str, Value] = field(default_factory=dict)
    note: str = ""
    below: bool = False


def mean_with_error(values: Sequence[float]) -> Value:
    """Mean of repeats with its standard error; no error for a single one."""
    n = len(values)
    error = float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else None
    return Value(float(np.mean(values)), error)


def ratio(above: Value, below: Value) -> Value:
    """Divide; relative errors add in quadrature."""
    quotient = above.value / below.value
    if above.error is None or below.error is None:
        return Value(quotient)
    relative = math.hypot(above.error / above.value, below.error / below.value)
    return Value(quotient, quotient * relative)
