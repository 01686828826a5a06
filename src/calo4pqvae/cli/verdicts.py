"""Scores and their verdicts on the terminal: cells of tables, and what chance explains."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from calo4pqvae.cli.console import table

if TYPE_CHECKING:
    from calo4pqvae.evaluation.report.cards import Summary
    from calo4pqvae.evaluation.report.rows import Row

__all__ = ["COLUMNS", "print_on_all", "quantity", "score_cells", "tally_sentence"]

COLUMNS = ("value", "floor", "showers", "excess", "verdict")
"""Value and floor are taken on equally many showers; the excess is in errors of both."""


def quantity(row: "Row") -> str:
    """Name a quantity with its unit."""
    unit = row.unit.removeprefix("× ")
    return f"{row.label} [{unit}]" if unit else row.label


def score_cells(row: "Row") -> tuple[str, ...]:
    """Write one quantity, in the order of `COLUMNS`."""
    from calo4pqvae.evaluation.report.rows import UNDEFINED, UNJUDGED

    excess = "" if row.excess is None else f"{row.excess:+.1f}"
    verdict = "" if row.verdict in {UNDEFINED, UNJUDGED} else row.verdict.removesuffix(" floor")
    verdict = verdict.removesuffix(" at this size")
    return row.value, row.floor, row.showers, excess, verdict


def print_on_all(n: str, rows: "Iterable[tuple[str, Row]]") -> None:
    """Print the values on all showers, where these are more than the floor has.

    Arguments:
        n: how many showers, in words.
        rows: the quantities, each with the name of its system.
    """
    cells = [(quantity(row), name, row.whole) for name, row in rows if row.whole]
    if cells:
        table(
            f"on all showers ({n}), as published values are: no floor to hold these against",
            ("quantity", "of", "value"),
            cells,
            texts=2,
        )


def tally_sentence(summary: "Summary") -> str:
    """Say how many numbers are off their floor, and how many chance would make so."""
    off = summary.judged - summary.within
    return (
        f"{off} of {summary.judged} numbers are off their floor; "
        f"of Geant4 itself {summary.chance:.1f} would be by chance"
    )
