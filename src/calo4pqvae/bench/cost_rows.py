"""Rows of table 2 as cells; the same on a terminal and in docs."""

import math
from collections.abc import Sequence

from calo4pqvae.bench.cost import ShowerCost, Value
from calo4pqvae.bench.surrogate import STEPS
from calo4pqvae.bench.table_2 import Ratio

__all__ = [
    "COST_COLUMNS",
    "PUBLISHED_COLUMNS",
    "RATIO_COLUMNS",
    "cost_rows",
    "notes",
    "plain",
    "published_cost_rows",
    "ratio_rows",
    "with_unit",
]

COST_COLUMNS = ("system", "energies", "batch", "time", *STEPS, "J", "notes")
PUBLISHED_COLUMNS = ("system", "time", "J", "notes")
RATIO_COLUMNS = ("energies", "batch of ours", "Geant4 / ours, one core each")

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


def cost_rows(rows: Sequence[ShowerCost], texts: Sequence[str]) -> list[tuple[str, ...]]:
    """One row per system, batch and sample; the last cell points to its notes."""
    return [
        (
            f"{row.system}, {row.place}",
            row.sample,
            str(row.batch) if row.batch else "-",
            with_unit(row.seconds),
            *(with_unit(part) for part in _parts(row)),
            _joules(row),
            _numbers(row, texts),
        )
        for row in rows
    ]


def published_cost_rows(
    rows: Sequence[ShowerCost], texts: Sequence[str]
) -> list[tuple[str, ...]]:
    """The published rows, which have no parts."""
    return [
        (row.system, with_unit(row.seconds), _joules(row), _numbers(row, texts)) for row in rows
    ]


def notes(rows: Sequence[ShowerCost]) -> list[str]:
    """The notes of all rows, each once, in order."""
    return list(dict.fromkeys(text for row in rows for text in _texts(row)))


def ratio_rows(ratios: Sequence[Ratio]) -> list[tuple[str, ...]]:
    """One row per sample and batch."""
    return [(r.sample, str(r.batch), plain(r.times)) for r in ratios]


def with_unit(value: Value | None) -> str:
    """A time in the unit that reads best, with its error."""
    if value is None:
        return "-"
    scale, unit = next((u for u in UNITS if abs(value.value) >= u[0]), UNITS[-1])
    error = None if value.error is None else value.error / scale
    return f"{plain(Value(value.value / scale, error))} {unit}"


def plain(value: Value) -> str:
    """A number with its error, both to the error's leading digit."""
    if not value.error:
        return f"{value.value:.3g}"
    digits = max(0, -math.floor(math.log10(value.error)))
    return f"{value.value:.{digits}f} ± {value.error:.{digits}f}"


def _parts(row: ShowerCost) -> list[Value | None]:
    """Times of our steps, without errors; what comes before them is the prior's."""
    if not row.parts:
        return [None] * len(STEPS)
    before = sum(part.value for name, part in row.parts.items() if name not in STEPS[1:])
    return [Value(before), *(Value(row.parts[name].value) for name in STEPS[1:])]


def _numbers(row: ShowerCost, texts: Sequence[str]) -> str:
    return " ".join(str(texts.index(text) + 1) for text in _texts(row))


def _texts(row: ShowerCost) -> list[str]:
    stated = row.energy_source not in {"", "as printed"}
    energy = f"energy {row.energy_source}" if stated else ""
    return [text for text in (row.note, energy) if text]


def _joules(row: ShowerCost) -> str:
    if row.joules is None:
        return "-"
    return ("< " if row.below else "") + plain(row.joules)
