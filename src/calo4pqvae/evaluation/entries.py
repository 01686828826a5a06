"""One comparison as a dictionary for JSON: value, error, floor and verdict.

An entry holds ``value``, ``error``, ``n`` and perhaps ``n_reference`` (showers), ``floor``
(value and error for Geant4 against Geant4), ``verdict``, ``excess`` (errors by which it lies
off the floor), ``tolerance`` (what is tolerated, in its unit) and ``sides`` (what counts as
worse); some hold more. Where the value depends on the number of showers, ``matched`` is the
same on as many as the floor has, and the verdict is about that. What is undefined is None, with
a ``reason``.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from calo4pqvae.evaluation.features.observables import Observables
from calo4pqvae.evaluation.resampling import Estimate
from calo4pqvae.evaluation.score import Score
from calo4pqvae.evaluation.verdict import Floor, Sides, judge

__all__ = [
    "Entry",
    "column",
    "entries_of",
    "entry",
    "number",
    "numbers",
    "scalar_entry",
    "score_entry",
    "undefined_entry",
]

Entry = dict[str, Any]


def entry(
    estimate: Estimate,
    sample: Observables,
    reference: Observables,
    /,
    sides: Sides = "above",
    **more: Any,
) -> Entry:
    """Make an entry of a scalar estimate."""
    value, error, floor, scatter = (number(part) for part in estimate[:4])
    redraws = estimate.redraws
    floor_error = None if scatter is None else scatter / math.sqrt(redraws)
    made: Entry = {
        "value": value,
        "error": error,
        "n": len(sample),
        "n_reference": len(reference),
        "floor": {"value": floor, "error": floor_error},
        **more,
    }
    if value is None or floor is None or scatter is None or floor_error is None:
        made.setdefault("reason", "undefined: the reference is zero or does not vary here")
        return made | _judged(None, None, sides)
    spread = math.hypot(scatter, floor_error)
    return made | _judged(value, Floor(floor, floor_error, spread, redraws - 1), sides)


def scalar_entry(estimate: Estimate, sample: Observables, reference: Observables) -> Entry:
    """Make an entry of an estimate with columns (sample, reference, difference)."""
    each = {
        key: {"value": number(estimate.value[i]), "error": number(estimate.error[i])}
        for i, key in enumerate(("generated", "reference"))
    }
    return entry(column(estimate, 2), sample, reference, sides="size", **each)


def score_entry(
    score: Score,
    floor: Floor,
    n_floor: int,
    sides: Sides = "above",
    *,
    matched: Score | None = None,
    feature_set: str | None = None,
    **more: Any,
) -> Entry:
    """Make an entry of a score.

    Arguments:
        score: taken on all showers.
        floor: what Geant4 reads on `n_floor` showers a side.
        n_floor: showers of the floor, on each side.
        sides: what counts as worse.
        matched: the score on `n_floor` showers, where it depends on their number.
        feature_set: features that were compared.
        more: whatever else the entry holds.
    """
    label = {} if feature_set is None else {"feature_set": feature_set}
    held = {"value": number(floor.value), "error": number(floor.error), "n": n_floor}
    made = _plain(score) | label | {"floor": held | label} | more
    if matched is not None:
        made["matched"] = _plain(matched) | label
    judged = score if matched is None else matched
    return made | _judged(number(judged.value), floor, sides)


def undefined_entry(reason: str, sides: Sides = "above", **more: Any) -> Entry:
    """Make an entry of a score that cannot be computed, or one without a floor."""
    nothing: Entry = {"value": None, "error": None, "n": 0}
    return nothing | {"floor": None} | more | {"reason": reason} | _judged(None, None, sides)


def entries_of(block: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """List all entries of a block: those at its top level, then those under "metrics"."""
    flat = [(key, value) for key, value in block.items() if _is_entry(value)]
    return [*flat, *block.get("metrics", {}).items()]


def column(estimate: Estimate, index: int) -> Estimate:
    """Take one column of an estimate that has many."""
    parts = (np.asarray(part[index]) for part in estimate[:4])
    return Estimate(*parts, redraws=estimate.redraws)


def number(value: Any) -> float | None:
    """Make a number for JSON; None when it is not finite."""
    return float(value) if math.isfinite(value) else None


def numbers(values: np.ndarray) -> list[float | None]:
    """Make a list of numbers for JSON."""
    return [number(value) for value in values]


def _plain(score: Score) -> Entry:
    return {"value": number(score.value), "error": number(score.error), "n": score.n}


def _judged(value: float | None, floor: Floor | None, sides: Sides) -> Entry:
    found = None if value is None or floor is None else judge(value, floor, sides)
    if found is None:
        return {"verdict": None, "excess": None, "tolerance": None, "sides": sides}
    return {
        "verdict": found.verdict,
        "excess": found.excess,
        "tolerance": found.tolerance,
        "sides": sides,
    }


def _is_entry(value: Any) -> bool:
    return isinstance(value, Mapping) and {"value", "error"} <= value.keys()
