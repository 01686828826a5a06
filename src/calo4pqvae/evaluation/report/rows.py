"""Results of metrics.json as a reader wants them: names, units and sensible digits."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calo4pqvae.evaluation.result import Score
from calo4pqvae.evaluation.verdict import Sides

__all__ = ["UNDEFINED", "UNJUDGED", "Row", "cell", "grouped", "metric_rows", "plus_minus"]

UNDEFINED, UNJUDGED = "undefined", "no floor"
"""In place of a verdict, where there is no number or nothing to hold it against."""

MOST_DIGITS = 6

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One quantity in words: what, how much, the floor, and the verdict.

    `value` is what the verdict compares with the floor, on equally many showers; where that is
    a part of them, `whole` is the same number on all. `excess` is how far the value stands off
    the floor, in errors, of which three are tolerated; `drawn` holds value, error, floor and
    tolerance, and what would be best, in the unit shown.
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
    drawn: tuple[float, float, float, float, float] | None = None


def metric_rows(metrics: Mapping[str, Entry]) -> list[Row]:
    """Turn results by name, as they are in JSON, into rows."""
    return [_row(name, entry) for name, entry in metrics.items()]


def grouped(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Gather rows by the group of their quantity, in order of first appearance."""
    return {
        group: [row for row in rows if row.group == group]
        for group in dict.fromkeys(row.group for row in rows)
    }


def plus_minus(value: float | None, error: float | None, scale: float = 1.0) -> str:
    """Write a value with its error, both to the error's second digit.

    Example:
        >>> plus_minus(0.01891, 0.0024, 100.0)
        '1.89 ± 0.24'
    """
    if value is None:
        return UNDEFINED
    if not error:
        return f"{value * scale:z.4g}".replace("-", "−")
    digits = max(1 - math.floor(math.log10(error * scale)), 0)
    if digits > MOST_DIGITS:
        return f"{value * scale:z.2g} ± {error * scale:.2g}".replace("-", "−")
    text = f"{value * scale:z.{digits}f} ± {error * scale:.{digits}f}"
    return text.replace("-", "−")


def cell(score: Score | None, scale: float = 1.0) -> str:
    """Write a published value with its error, if known, or a dash."""
    if score is None:
        return "-"
    error = "" if math.isnan(score.error) else f" ± {scale * score.error:.2g}"
    return f"{scale * score.value:.4g}{error}"


def _row(name: str, entry: Entry) -> Row:
    floor, scale = entry["floor"] or {}, entry["scale"]
    used = entry.get("matched") or entry
    middle = plus_minus(floor.get("value"), floor.get("error"), scale) if floor else "–"
    return Row(
        name=name,
        label=entry["label"],
        value=_written(used, entry),
        floor=middle,
        unit=entry["unit"],
        verdict=entry["verdict"] or (UNDEFINED if entry["value"] is None else UNJUDGED),
        showers="" if entry["value"] is None else _showers(used),
        whole=_written(entry, entry) if "matched" in entry else "",
        note=_note(entry),
        group=entry["group"],
        sides=entry["sides"],
        excess=entry["excess"],
        drawn=_drawn(used, floor, entry),
    )


def _showers(used: Entry) -> str:
    """Say how many showers stand on each side."""
    n, other = used["n"], used.get("n_reference")
    if not n:
        return ""
    return f"{n:,}" if other in (None, n) else f"{n:,} and {other:,}"


def _written(used: Entry, entry: Entry) -> str:
    plus = "+" if entry["sides"] == "size" and (used["value"] or 0) > 0 else ""
    return plus + plus_minus(used["value"], used["error"], entry["scale"])


def _drawn(
    used: Entry, floor: Entry, entry: Entry
) -> tuple[float, float, float, float, float] | None:
    value, middle, tolerance = used["value"], floor.get("value"), entry["tolerance"]
    if value is None or middle is None or not tolerance:
        return None
    best = middle if entry["sides"] == "both" else entry["best"]
    parts = (value, used["error"] or 0.0, middle, tolerance, best)
    value, error, middle, tolerance, best = (part * entry["scale"] for part in parts)
    return value, error, middle, tolerance, best


def _interval(entry: Entry) -> str:
    """Write the ends of a worth."""
    high = "no upper end" if entry["high"] is None else f"{entry['high']:,.0f}"
    low = 0.0 if entry["low"] is None else entry["low"]
    return f"two standard deviations: {low:,.0f} to {high}"


def _flags(entry: Entry) -> str:
    """Say the smallest defect of each kind that a classifier flags."""
    power = entry["power"]
    what = "; ".join(power["flags"]) or "none of the twins"
    return f"flags of Geant4's twins, {power['n']:,} showers a side: {what}"


def _set_up(entry: Entry) -> str:
    """Say what was compared, and by what."""
    setup = f", {entry['setup']} set-up" if "setup" in entry else ""
    return f"{entry['feature_set']}{setup}"


def _bin(entry: Entry) -> str:
    """Say where a profile lies off most."""
    return f"in number {entry['bin']}, among those with over 1 % of the energy"


def _both_sides(entry: Entry) -> str:
    """Write the quantity of each side."""
    model, geant4 = (
        plus_minus(entry[side]["value"], entry[side]["error"])
        for side in ("generated", "reference")
    )
    return f"{model}; Geant4 {geant4}"


_NOTES = {
    "by_window": _interval,
    "power": _flags,
    "feature_set": _set_up,
    "bin": _bin,
    "generated": _both_sides,
}
"""What is said of a result that holds such a key, the first one that it holds."""


def _note(entry: Entry) -> str:
    if "reason" in entry and not entry["verdict"]:
        return entry["reason"]
    return next((say(entry) for key, say in _NOTES.items() if entry.get(key) is not None), "")
