"""Published results on dataset 2 of the CaloChallenge, to stand beside one's own.

Numbers compare fairly only at equal data, feature set and number of showers. Scores are named
like the results of metrics.json: "fpd" is that of the 362 official columns, "fpd.legacy" that
of the 226 in use until November 2023, and one cannot be compared with the other.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import NamedTuple

from calo4pqvae.evaluation.result import NAN, Score

__all__ = ["CALO4PQVAE", "GEANT4", "SUBMISSIONS", "TABLE_2", "Cost", "Row", "table_1"]

IN_TABLE_1 = ("CaloDREAM", "CaloDiffusion", "conv. L2LFlows", "CaloScore single-shot")
"""The submissions that table 1 of the paper shows, in its order."""


@dataclass(frozen=True)
class Row:
    """What is known of one system.

    Arguments:
        name: the system.
        scores: by name in metrics.json, plain (papers often multiply by 1000); what is not
            known is missing.
        feature_set: the set behind "fpd" or "fpd.legacy", whichever there is.
        data: the showers that were compared.
        source: where the numbers come from.
        note: what to know before comparing.
        milliseconds: generation time per shower by device and batch, such as "gpu.100".
        parameters: weights in training and in generation.
    """

    name: str
    scores: Mapping[str, Score]
    feature_set: str
    data: str
    source: str
    note: str = ""
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    parameters: tuple[int, int] | None = None


class Cost(NamedTuple):
    """Time and energy of one shower; `below` when the energy is an upper limit."""

    name: str
    seconds: float
    joules: float
    source: str
    note: str = ""
    below: bool = False


def table_1(
    ours: Mapping[str, Score],
    *,
    name: str = "this model",
    feature_set: str = "official-362",
    data: str = "",
    note: str = "",
    everyone: bool = False,
) -> list[Row]:
    """Make table 1 of the paper with one's own scores beside the published ones.

    Arguments:
        ours: scores by name, such as "fpd", "kpd" and "fpd.legacy".
        name: what to call the own row.
        feature_set: the set behind "fpd" of ours.
        data: the showers that ours compared.
        note: what to know about ours.
        everyone: list all 17 submissions, not only those of the paper's table.

    Returns:
        Ours, the paper's model, Geant4 against Geant4, and the submissions by rising FPD.
    """
    own = Row(name, dict(ours), feature_set, data, "measured here", note)
    chosen = [row for row in SUBMISSIONS if everyone or row.name in IN_TABLE_1]
    return [own, CALO4PQVAE, GEANT4, *chosen]


def _table(name: str) -> list[dict[str, str]]:
    text = (files("calo4pqvae.evaluation") / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _row(cells: dict[str, str]) -> Row:
    """Read plain numbers, times [ms], and weights; empty cells are not known."""
    words = {key: cells.pop(key) for key in ("name", "feature_set", "data", "source", "note")}
    known = {key: float(cell) for key, cell in cells.items() if cell}
    times = {key[3:]: known.pop(key) for key in list(known) if key.startswith("ms.")}
    weights = [round(known.pop(f"weights.{when}", 0)) for when in ("training", "generation")]
    scores = {
        key: Score(value, known.get(f"{key}_error", NAN))
        for key, value in known.items()
        if not key.endswith("_error")
    }
    parameters = (weights[0], weights[1]) if any(weights) else None
    return Row(**words, scores=scores, milliseconds=times, parameters=parameters)


def _cost(cells: dict[str, str]) -> Cost:
    numbers = (float(cells["seconds"]), float(cells["joules"]))
    return Cost(cells["name"], *numbers, cells["source"], cells["note"], bool(cells["below"]))


CALO4PQVAE, GEANT4, *_SUBMITTED = map(_row, _table("published.csv"))
"""The paper's own model, and Geant4 against itself."""

SUBMISSIONS = tuple(_SUBMITTED)
"""The 17 submissions to dataset 2, by rising FPD."""

TABLE_2 = tuple(map(_cost, _table("table_2.csv")))
"""Table 2 of the paper as printed, with what to know about each number."""
