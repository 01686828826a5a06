"""Rows of table 2 as cells; the same on a terminal and in docs."""

from collections.abc import Sequence

from calo4pqvae.bench.cost import ShowerCost, Value
from calo4pqvae.bench.surrogate import STEPS
from calo4pqvae.bench.table_2 import Ratio

__all__ = ["COST_COLUMNS", "RATIO_COLUMNS", "cost_rows", "notes", "ratio_rows", "with_unit"]

COST_COLUMNS = (
    "system",
    "where",
    "energies",
    "batch",
    "time / shower",
    *STEPS,
    "J / shower",
    "",
)
RATIO_COLUMNS = ("energies", "batch of ours", "Geant4 / ours, one core each")

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


def cost_rows(rows: Sequence[ShowerCost]) -> list[tuple[str, ...]]:
    """One row per system, batch and sample; the last cell points to its note."""
    numbers = {text: number + 1 for number, text in enumerate(notes(rows))}
    return [
        (
            f"{row.system} [{row.status}]",
            row.place,
            row.sample,
            str(row.batch) if row.batch else "-",
            with_unit(row.seconds),
            *(with_unit(row.parts.get(step)) for step in STEPS),
            ("< " if row.below else "") + _joules(row.joules),
            ", ".join(str(numbers[text]) for text in _texts(row)),
        )
        for row in rows
    ]


def notes(rows: Sequence[ShowerCost]) -> list[str]:
    """The notes of all rows, each once, in order."""
    return list(dict.fromkeys(text for row in rows for text in _texts(row)))


def ratio_rows(ratios: Sequence[Ratio]) -> list[tuple[str, ...]]:
    """One row per sample and batch."""
    return [(r.sample, str(r.batch), _plain(r.times)) for r in ratios]


def with_unit(value: Value | None) -> str:
    """A time in the unit that reads best, with its error."""
    if value is None:
        return "-"
    scale, unit = next((u for u in UNITS if abs(value.value) >= u[0]), UNITS[-1])
    error = None if value.error is None else value.error / scale
    return f"{_plain(Value(value.value / scale, error))} {unit}"


def _texts(row: ShowerCost) -> list[str]:
    energy = (
        f"energy: {row.energy_source}" if row.energy_source not in {"", "as printed"} else ""
    )
    return [text for text in (row.note, energy) if text]


def _joules(value: Value | None) -> str:
    return "-" if value is None else _plain(value)


def _plain(value: Value) -> str:
    if value.error is None:
        return f"{value.value:.3g}"
    return f"{value.value:.3g} ± {value.error:.1g}"
