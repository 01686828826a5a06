"""The verdict at a glance: all rows summed up, those that tell most, and how to draw them."""

from collections.abc import Sequence
from typing import NamedTuple

from calo4pqvae.evaluation.power.ladder import NO_POWER
from calo4pqvae.evaluation.report.rows import UNDEFINED, UNJUDGED, Row
from calo4pqvae.evaluation.verdict import WITHIN, expected_by_chance

__all__ = ["Strip", "Summary", "headline", "strip_of", "summarise"]

_HEADLINE = (
    "auc.trees", "auc.trees_features", "structure.beyond", "structure.correlations", "fpd",
    "kpd", "auc.high", "auc.low", "response", "sparsity", "profile.longitudinal",
    "profile.radial", "separation.voxel", "wasserstein.response", "wasserstein.e_layer",
    "separation.e_tot",
)  # fmt: skip
_N_HEADLINE = 8
_N_WORST = 3


class Summary(NamedTuple):
    """All rows in one sentence: how many are judged, how many hold, and which hold least.

    Arguments:
        within: rows within their floor.
        judged: rows with a verdict.
        worst: those furthest off.
        chance: how many of the judged Geant4 itself would have off its floor, in the mean.
        blind: classifiers without power at this size, which say nothing and are not judged.
    """

    within: int
    judged: int
    worst: list[Row]
    chance: float
    blind: list[Row]


class Strip(NamedTuple):
    """A small drawing of one row: places along a line, in percent of its length.

    Arguments:
        band: ends of what counts as within the floor.
        bar: ends of the value's error bar.
        value: the value.
        best: where nothing would differ.
    """

    band: tuple[float, float]
    bar: tuple[float, float]
    value: float
    best: float


def summarise(rows: Sequence[Row]) -> Summary:
    """Count the verdicts, and name the rows furthest from their floor, one of each group."""
    blind = [row for row in rows if row.verdict == NO_POWER]
    judged = [row for row in rows if row.verdict not in {UNDEFINED, UNJUDGED, NO_POWER}]
    outside = [row for row in judged if row.verdict != WITHIN and row.excess is not None]
    by_excess = sorted(outside, key=lambda row: abs(row.excess or 0.0))
    worst = list({row.group: row for row in by_excess}.values())
    worst.sort(key=by_excess.index, reverse=True)
    return Summary(
        sum(row.verdict == WITHIN for row in judged),
        len(judged),
        worst[:_N_WORST],
        expected_by_chance(row.sides for row in judged),
        blind,
    )


def headline(rows: Sequence[Row]) -> list[Row]:
    """Choose the defined rows that tell most."""
    by_name = {row.name: row for row in rows if row.value != UNDEFINED}
    return [by_name[name] for name in _HEADLINE if name in by_name][:_N_HEADLINE]


def strip_of(row: Row) -> Strip | None:
    """Lay a row out along a line; None where a number is missing."""
    if row.drawn is None:
        return None
    value, error, floor, tolerance, best = row.drawn
    bar = (value - error, value + error)
    low = min(best, bar[0]) if row.sides == "above" else floor - tolerance
    band = low, floor + tolerance
    low, high = min(*band, *bar, best), max(*band, *bar, best)
    if row.sides == "size":
        low, high = -max(-low, high), max(-low, high)
    span = 1.06 * (high - low) or 1.0

    def place(x: float) -> float:
        return round(100 * (x - low + 0.03 * (high - low)) / span, 2)

    return Strip(
        (place(band[0]), place(band[1])),
        (place(bar[0]), place(bar[1])),
        place(value),
        place(best),
    )
