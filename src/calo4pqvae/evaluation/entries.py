"""One comparison as a dictionary for JSON: value, error, floor and verdict.

An entry holds ``value``, ``error``, ``n`` and ``n_reference`` (showers), ``floor`` (value and
error for Geant4 against Geant4) and ``verdict``; some hold more. What is undefined is None,
with a ``reason``.
"""

import math
from typing import Any

import numpy as np

from calo4pqvae.evaluation.features.observables import Observables
from calo4pqvae.evaluation.resampling import Estimate

__all__ = ["ABOVE", "WITHIN", "column", "entry", "number", "numbers", "scalar_entry"]

WITHIN, ABOVE = "within floor", "above floor"

_TOLERANCE = 3.0


def entry(
    estimate: Estimate, sample: Observables, reference: Observables, /, **more: Any
) -> dict[str, Any]:
    """Make an entry of a scalar estimate.

    The verdict is "within floor" when the value exceeds the floor by at most three of the
    floor's errors; Geant4 itself fails that in about one test of a hundred.
    """
    value, error, floor, floor_error = (number(part) for part in estimate)
    made = {
        "value": value,
        "error": error,
        "n": len(sample),
        "n_reference": len(reference),
        "floor": {"value": floor, "error": floor_error},
        "verdict": None,
        **more,
    }
    if value is None or floor is None or floor_error is None:
        made.setdefault("reason", "undefined: the reference is zero or does not vary here")
    else:
        within = abs(value) <= abs(floor) + _TOLERANCE * floor_error
        made["verdict"] = WITHIN if within else ABOVE
    return made


def scalar_entry(
    estimate: Estimate, sample: Observables, reference: Observables
) -> dict[str, Any]:
    """Make an entry of an estimate with columns (sample, reference, combination)."""
    sides = {
        key: {"value": number(estimate.value[i]), "error": number(estimate.error[i])}
        for i, key in enumerate(("generated", "reference"))
    }
    return entry(column(estimate, 2), sample, reference, **sides)


def column(estimate: Estimate, index: int) -> Estimate:
    """Take one column of an estimate that has many."""
    return Estimate(*(np.asarray(part[index]) for part in estimate))


def number(value: Any) -> float | None:
    """Make a number for JSON; None when it is not finite."""
    return float(value) if math.isfinite(value) else None


def numbers(values: np.ndarray) -> list[float | None]:
    """Make a list of numbers for JSON."""
    return [number(value) for value in values]
