"""The structure of a sample beside that of Geant4, as a dictionary for JSON."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from calo4pqvae.evaluation.entries import number, numbers
from calo4pqvae.evaluation.structure.correlations import FUNCTIONS
from calo4pqvae.evaluation.structure.names import OBSERVABLES
from calo4pqvae.evaluation.structure.pulls import BEYOND, CHANCE, Pull
from calo4pqvae.evaluation.structure.showers import Structure
from calo4pqvae.evaluation.structure.windows import windows_of

__all__ = ["describe", "describe_functions", "largest", "largest_combined", "share_beyond"]

_LARGEST = 12
_BY_NAME = {one.name: one for one in OBSERVABLES}


def describe(found: Sequence[Pull], sample: Structure, reference: Structure) -> dict[str, Any]:
    """Describe pulls and correlation functions.

    Returns:
        ``n`` pulls, how many lie ``beyond`` three errors and how many are ``expected`` to by
        chance, the ``largest`` one of each observable, all ``pulls``, and ``functions`` by
        window and name.
    """
    return {
        "n": len(found),
        "beyond": sum(abs(one.pull) > BEYOND for one in found),
        "expected": round(CHANCE * len(found), 2),
        "largest": [_described(one) for one in largest(found)],
        "pulls": [_described(one) for one in found],
        "functions": {
            window.name: describe_functions(
                {"generated": window.sample, "reference": window.reference}
            )
            for window in windows_of(sample, reference)
        },
    }


def describe_functions(sides: Mapping[str, Structure]) -> dict[str, Any]:
    """Describe the correlation functions of samples by name."""
    made: dict[str, Any] = {}
    for name, function in FUNCTIONS.items():
        found = {label: function(side) for label, side in sides.items()}
        lags = next(iter(found.values())).lags
        made[name] = {"lags": lags.tolist()} | {
            label: {"values": numbers(one.values), "errors": numbers(one.errors)}
            for label, one in found.items()
        }
    return made


def largest(found: Sequence[Pull], n: int = _LARGEST) -> list[Pull]:
    """Take the largest pull of each observable beyond three errors, the largest first.

    Opposite signs in different windows count as one observable.
    """
    by_size = sorted(found, key=lambda one: -abs(one.pull))
    seen: dict[str, Pull] = {}
    for one in by_size:
        if abs(one.pull) > BEYOND:
            seen.setdefault(one.observable, one)
    return list(seen.values())[:n]


def share_beyond(found: Sequence[Pull]) -> float:
    """Share of the pulls beyond three errors; NaN where there is none."""
    return float(np.mean([abs(one.pull) > BEYOND for one in found])) if found else math.nan


def largest_combined(found: Sequence[Pull]) -> float:
    """Combine the windows of each observable, sum of pulls / sqrt(windows); take the largest.

    A defect that lies in one observable, and is small in each window, shows here.
    """
    sums: dict[tuple[str, str], list[float]] = {}
    for one in found:
        sums.setdefault((one.observable, one.kind), []).append(one.pull)
    combined = (abs(sum(pulls)) / math.sqrt(len(pulls)) for pulls in sums.values())
    return max(combined, default=math.nan)


def _described(one: Pull) -> dict[str, Any]:
    known = _BY_NAME[one.observable]
    return {
        key: number(value) if isinstance(value, float) else value
        for key, value in one._asdict().items()
    } | {"label": known.label, "unit": known.unit, "group": known.group}
