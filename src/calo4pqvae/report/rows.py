"""Entries of metrics.json as a reader wants them: names, units and sensible digits."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calo4pqvae.metrics.entries import ABOVE, WITHIN
from calo4pqvae.report.names import Name, name_of

__all__ = ["TOLERANCE", "Row", "entries_of", "grouped", "metric_rows", "plus_minus"]

UNDEFINED = "undefined"
BELOW = "below floor"
TOLERANCE = 3.0


@dataclass(frozen=True)
class Row:
    """One quantity in words: what, how much, the floor, and the verdict.

    `excess` is how far the value stands above the floor, in errors of the floor; the verdict
    is "within floor" up to three. `numbers` holds value, error, floor and the floor's error
    in the unit shown, for drawing.
    """

    name: str
    label: str
    value: str
    floor: str
    unit: str
    verdict: str
    note: str = ""
    group: str = ""
    excess: float | None = None
    numbers: tuple[float | None, ...] = (None, None, None, None)


def entries_of(block: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """List all entries of a block: those at its top level, then those under "metrics".

    Raises:
        AttributeError: the block is no dictionary.
    """
    flat = [(key, value) for key, value in block.items() if _is_entry(value)]
    return [*flat, *block.get("metrics", {}).items()]


def metric_rows(metrics: Mapping[str, Any] | Sequence[tuple[str, Any]]) -> list[Row]:
    """Turn entries into rows, in their order."""
    pairs = metrics.items() if isinstance(metrics, Mapping) else metrics
    return [_row(name, entry) for name, entry in pairs]


def grouped(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Gather rows by the group of their quantity, in order of first appearance."""
    return {
        group: [row for row in rows if row.group == group]
        for group in dict.fromkeys(row.group for row in rows)
    }


def plus_minus(value: float | None, error: float | None, scale: float = 1.0) -> str:
    """Write a value with its error, both to the error's second digit."""
    if value is None:
        return UNDEFINED
    if not error:
        return f"{value * scale:z.4g}".replace("-", "−")
    digits = min(max(1 - math.floor(math.log10(error * scale)), 0), 6)
    text = f"{value * scale:z.{digits}f} ± {error * scale:.{digits}f}"
    return text.replace("-", "−")


def _row(key: str, entry: Mapping[str, Any]) -> Row:
    name = name_of(key)
    value, error = entry.get("value"), entry.get("error")
    floor = entry.get("floor") or {}
    sizes = (value, error, floor.get("value"), floor.get("error"))
    excess = _excess(name, *sizes)
    plus = "+" if name.signed and (value or 0) > 0 else ""
    return Row(
        name=key,
        label=name.label,
        value=plus + plus_minus(value, error, name.scale),
        floor=plus_minus(floor.get("value"), floor.get("error"), name.scale),
        unit=name.unit,
        verdict=entry.get("verdict") or _verdict(name, excess),
        note=_note(key, entry),
        group=name.group,
        excess=excess,
        numbers=tuple(None if x is None else x * name.scale for x in sizes),
    )


def _is_entry(value: Any) -> bool:
    return isinstance(value, Mapping) and {"value", "error"} <= value.keys()


def _excess(
    name: Name,
    value: float | None,
    _: float | None,
    floor: float | None,
    floor_error: float | None,
) -> float | None:
    """Measure how far a value stands above its floor, in errors of the floor."""
    if value is None or floor is None or not floor_error:
        return None
    away = value - floor if name.two_sided else abs(value) - abs(floor)
    return away / floor_error


def _verdict(name: Name, excess: float | None) -> str:
    """Judge an entry that brings no verdict of its own."""
    if excess is None:
        return UNDEFINED
    if name.two_sided and excess < -TOLERANCE:
        return BELOW
    return WITHIN if excess <= TOLERANCE else ABOVE


def _note(key: str, entry: Mapping[str, Any]) -> str:
    if entry.get("value") is None:
        return entry.get("reason", "")
    if "feature_set" in entry:
        return f"features {entry['feature_set']}, {entry['n']:,} showers"
    if key.startswith("profile") and "bin" in entry:
        place = "layer" if key.endswith("longitudinal") else "ring"
        return f"in {place} {entry['bin']}, among those with over 1 % of the energy"
    if isinstance(entry.get("generated"), Mapping):
        model, geant4 = (
            plus_minus(entry[side]["value"], entry[side]["error"])
            for side in ("generated", "reference")
        )
        return f"{model}; Geant4 {geant4}"
    return ""
