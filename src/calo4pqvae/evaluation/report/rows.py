"""Entries of metrics.json as a reader wants them: names, units and sensible digits."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calo4pqvae.evaluation.entries import entries_of
from calo4pqvae.evaluation.published import Number
from calo4pqvae.evaluation.report.names import Name, name_of
from calo4pqvae.evaluation.verdict import Sides

__all__ = ["UNDEFINED", "Row", "cell", "entries_of", "grouped", "metric_rows", "plus_minus"]

UNDEFINED = "undefined"
MOST_DIGITS = 6


@dataclass(frozen=True)
class Row:
    """One quantity in words: what, how much, the floor, and the verdict.

    `value` is what the verdict compares with the floor, on equally many showers; where that is
    a part of them, `whole` is the same number on all. `excess` is how far the value stands off
    the floor, in errors, of which three are tolerated; `drawn` holds value, error, floor and
    tolerance in the unit shown.
    """

    name: str
    label: str
    value: str
    floor: str
    unit: str
    verdict: str
    showers: str = ""
    whole: str = ""
    note: str = ""
    group: str = ""
    sides: Sides = "above"
    excess: float | None = None
    drawn: tuple[float, float, float, float] | None = None


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
    digits = max(1 - math.floor(math.log10(error * scale)), 0)
    if digits > MOST_DIGITS:
        return f"{value * scale:z.2g} ± {error * scale:.2g}".replace("-", "−")
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
    name, floor = name_of(key), entry.get("floor") or {}
    used = entry.get("matched") or entry
    return Row(
        name=key,
        label=name.label,
        value=_written(used, name),
        floor=plus_minus(floor.get("value"), floor.get("error"), name.scale) if floor else "–",
        unit=name.unit,
        verdict=entry.get("verdict") or UNDEFINED,
        showers="" if entry.get("value") is None else _showers(used),
        whole=_written(entry, name) if "matched" in entry else "",
        note=_note(key, entry),
        group=f"{name.group}, official bins" if "outside" in entry else name.group,
        sides=entry.get("sides") or ("size" if name.signed else "above"),
        excess=entry.get("excess"),
        drawn=_drawn(used, floor, entry, name),
    )


def _showers(used: Mapping[str, Any]) -> str:
    """Say how many showers stand on each side."""
    n, other = used.get("n"), used.get("n_reference")
    if not n:
        return ""
    return f"{n:,}" if other in (None, n) else f"{n:,} and {other:,}"


def _written(used: Mapping[str, Any], name: Name) -> str:
    plus = "+" if name.signed and (used.get("value") or 0) > 0 else ""
    return plus + plus_minus(used.get("value"), used.get("error"), name.scale)


def _drawn(
    used: Mapping[str, Any], floor: Mapping[str, Any], entry: Mapping[str, Any], name: Name
) -> tuple[float, float, float, float] | None:
    value, middle, tolerance = used.get("value"), floor.get("value"), entry.get("tolerance")
    if value is None or middle is None or not tolerance:
        return None
    error, scale = used.get("error") or 0.0, name.scale
    return value * scale, error * scale, middle * scale, tolerance * scale


def _interval(entry: Mapping[str, Any]) -> str:
    """Write the ends of a worth."""
    high = "no upper end" if entry["high"] is None else f"{entry['high']:,.0f}"
    low = 0.0 if entry["low"] is None else entry["low"]
    return f"two standard deviations: {low:,.0f} to {high}"


def _flags(power: Mapping[str, Any]) -> str:
    """Say the smallest defect of each kind that a classifier flags."""
    what = "; ".join(power["flags"]) or "none of the twins"
    return f"flags of Geant4's twins, {power['n']:,} showers a side: {what}"


def _note(key: str, entry: Mapping[str, Any]) -> str:
    if "reason" in entry and not entry.get("verdict"):
        return entry["reason"]
    if "by_window" in entry or "power" in entry:
        return _interval(entry) if "by_window" in entry else _flags(entry["power"])
    if "feature_set" in entry:
        setup = f", {entry['setup']} set-up" if "setup" in entry else ""
        return f"{entry['feature_set']}{setup}"
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
