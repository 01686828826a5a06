"""Entries of metrics.json as a reader wants them: names, units and sensible digits."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calo4pqvae.evaluation.entries import ABOVE, WITHIN
from calo4pqvae.evaluation.published import Number
from calo4pqvae.evaluation.report.names import Name, name_of

__all__ = ["TOLERANCE", "Row", "cell", "entries_of", "grouped", "metric_rows", "plus_minus"]

UNDEFINED = "undefined"
BELOW = "below floor"
TOLERANCE = 3.0


@dataclass(frozen=True)
class Row:
    """One quantity in words: what, how much, the floor, and the verdict.

    Some numbers depend on how many showers there are: `matched` is such a one taken on as many
    as its floor. `excess` is how far the value stands above the floor, in errors; the verdict
    is "within floor" up to three. `drawn` holds what the verdict compares in the unit shown:
    value, error, floor, and the three errors by which it may exceed the floor.
    """

    name: str
    label: str
    value: str
    floor: str
    unit: str
    verdict: str
    note: str = ""
    matched: str = ""
    group: str = ""
    excess: float | None = None
    drawn: tuple[float, float, float, float] | None = None


def entries_of(block: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """List all entries of a block: those at its top level, then those under "metrics"."""
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


def cell(entry: Any, scale: float = 1.0) -> str:
    """Write a value with its error, or a dash; entries and published numbers alike."""
    if isinstance(entry, Mapping):
        entry = Number(entry["value"], entry["error"])
    if entry is None or entry.value is None:
        return "-"
    error = "" if entry.error is None else f" ± {scale * entry.error:.2g}"
    return f"{scale * entry.value:.4g}{error}"


def _row(key: str, entry: Mapping[str, Any]) -> Row:
    name = name_of(key)
    value, floor = entry.get("value"), entry.get("floor") or {}
    drawn = _compared(name, entry)
    excess = None if drawn is None else _excess(name, drawn)
    plus = "+" if name.signed and (value or 0) > 0 else ""
    return Row(
        name=key,
        label=name.label,
        value=plus + plus_minus(value, entry.get("error"), name.scale),
        floor=plus_minus(floor.get("value"), floor.get("error"), name.scale) if floor else "–",
        unit=name.unit,
        verdict=_verdict(name, entry, excess),
        note=_note(key, entry),
        matched=_matched(name, entry),
        group=f"{name.group}, official bins" if "outside" in entry else name.group,
        excess=excess,
        drawn=drawn,
    )


def _is_entry(value: Any) -> bool:
    return isinstance(value, Mapping) and {"value", "error"} <= value.keys()


def _compared(name: Name, entry: Mapping[str, Any]) -> tuple[float, float, float, float] | None:
    """Take what the verdict compares: numbers on equally many showers where there are such."""
    used, floor = entry.get("matched") or entry, entry.get("floor") or {}
    value, error = used.get("value"), used.get("error") or 0.0
    reach = math.hypot(floor.get("error") or 0.0, error if name.both_errors else 0.0)
    if value is None or floor.get("value") is None or not reach:
        return None
    return (
        value * name.scale,
        error * name.scale,
        floor["value"] * name.scale,
        TOLERANCE * reach * name.scale,
    )


def _excess(name: Name, drawn: tuple[float, float, float, float]) -> float:
    """Measure how far a value stands above its floor, in errors."""
    value, _, floor, reach = drawn
    away = abs(value) - abs(floor) if name.signed else value - floor
    return TOLERANCE * away / reach


def _verdict(name: Name, entry: Mapping[str, Any], excess: float | None) -> str:
    """Take the entry's verdict; judge where it brings none, or where it has two sides."""
    if excess is None or not (name.two_sided or entry.get("verdict") is None):
        return entry.get("verdict") or UNDEFINED
    if name.two_sided and excess < -TOLERANCE:
        return BELOW
    return WITHIN if excess <= TOLERANCE else ABOVE


def _note(key: str, entry: Mapping[str, Any]) -> str:
    if "reason" in entry and not entry.get("verdict"):
        return entry["reason"]
    if "feature_set" in entry:
        setup = f", {entry['setup']} set-up" if "setup" in entry else ""
        return f"{entry['feature_set']}, {entry['n']:,} showers{setup}"
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


def _matched(name: Name, entry: Mapping[str, Any]) -> str:
    if "matched" not in entry:
        return ""
    value, error, n = (entry["matched"][key] for key in ("value", "error", "n"))
    return f"{n:,} showers, as the floor: {plus_minus(value, error, name.scale)}"
