"""Published results on dataset 2 of the CaloChallenge, to stand beside one's own.

Numbers compare fairly only at equal data, feature set and number of showers. Scores are named
like the entries of metrics.json: "fpd" is that of the 362 official columns, "fpd.legacy" that
of the 226 in use until November 2023, and one cannot be compared with the other.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import NamedTuple, Protocol, runtime_checkable

__all__ = [
    "CALO4PQVAE", "GEANT4", "SUBMISSIONS", "TABLE_2", "Cost", "Number", "Row", "ScoreLike",
    "table_1", "table_2",
]  # fmt: skip

CHALLENGE = "result files of C. Krause et al., CaloChallenge 2022, arXiv:2410.21611"
PAPER = (
    "W. T. Fedorko et al., Quantum-Assisted Generative AI for Simulation of the Calorimeter "
    "Response"
)
IN_TABLE_1 = ("CaloDREAM", "CaloDiffusion", "conv. L2LFlows", "CaloScore single-shot")
"""The submissions that table 1 of the paper shows, in its order."""


@runtime_checkable
class ScoreLike(Protocol):
    """A value with its error, such as `calo4pqvae.evaluation.score.Score`."""

    @property
    def value(self) -> float: ...  # noqa: D102
    @property
    def error(self) -> float | None: ...  # noqa: D102


class Number(NamedTuple):
    """A published value; the error is None where it is not known."""

    value: float
    error: float | None = None


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
    scores: Mapping[str, ScoreLike]
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
    ours: Mapping[str, ScoreLike],
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


def table_2(*ours: Cost) -> list[Cost]:
    """Make table 2 of the paper, one's own time and energy per shower first."""
    return [*ours, *TABLE_2]


def _rows() -> dict[str, Row]:
    """Read ``published.csv``: plain numbers, times [ms], weights; empty if unknown."""
    text = (files("calo4pqvae.evaluation") / "published.csv").read_text(encoding="utf-8")
    return {row["name"]: _row(row) for row in csv.DictReader(text.splitlines())}


def _row(cells: dict[str, str]) -> Row:
    known = {key: float(cell) for key, cell in cells.items() if cell and key != "name"}
    weights = [round(known.pop(f"weights.{when}", 0)) for when in ("training", "generation")]
    times = {key[3:]: known.pop(key) for key in list(known) if key.startswith("ms.")}
    errors = {key: known.pop(f"{key}_error") for key in ("fpd", "kpd")}
    return Row(
        cells["name"],
        {key: Number(value, errors.get(key)) for key, value in known.items()},
        "official-362",
        "dataset 2, 100,000 and 100,000 showers",
        CHALLENGE,
        milliseconds=times,
        parameters=(weights[0], weights[1]) if any(weights) else None,
    )


_ALL = _rows()

GEANT4 = replace(
    _ALL.pop("Geant4"), note="Geant4 against Geant4: the floor at this number of showers"
)

SUBMISSIONS = tuple(_ALL.values())
"""The 17 submissions to dataset 2, by rising FPD."""

CALO4PQVAE = Row(
    "Calo4pQVAE (QPU)",
    {"fpd.legacy": Number(0.328, 0.003), "kpd.legacy": Number(0.49e-3, 0.16e-3)},
    "legacy-226",
    "dataset 2, file 1 with some showers left out, 10,000 held-out showers",
    f"{PAPER}, table 1",
    "FPD and KPD of 226 columns, without sparsity and radial columns; the other rows use 362, "
    "so this one has no place among them. Set and data are inferred from the authors' code",
    {"total": 0.181},
)
"""The paper's own model."""

_GPU = "time of arXiv:2410.21611, times the 400 W that an A100-SXM4 draws at most; batches of"
_FRIDGE = "16 kW of the dilution refrigerator"
TABLE_2 = (
    Cost("GEANT4", 1.0, 8.0, PAPER, "1 s on one core is an assumption of the paper"),
    Cost("Calo4pQVAE (QPU), annealing", 20e-6, 0.3, PAPER, _FRIDGE),
    Cost(
        "Calo4pQVAE (QPU), readout", 87e-6, 2.2, PAPER,
        f"as printed; {_FRIDGE} times 87 µs is 1.39 J, and only with that do the parts add up "
        "to the printed total",
    ),
    Cost("Calo4pQVAE (QPU), wait", 20e-6, 0.3, PAPER, _FRIDGE),
    Cost("Calo4pQVAE (QPU), GPU postprocess", 54e-6, 0.1, PAPER, below=True),
    Cost(
        "Calo4pQVAE (QPU), total", 181e-6, 2.0, PAPER,
        "programming of the annealer for every sample and network latency not counted",
    ),
    Cost("CaloDREAM", 74.3e-3, 30.0, PAPER, f"{_GPU} 100"),
    Cost("CaloDiffusion", 99.5e-3, 40.0, PAPER, f"{_GPU} 100"),
    Cost("conv. L2LFlows", 1.6e-3, 0.6, PAPER, f"{_GPU} 10,000"),
    Cost("CaloScore single-shot", 2.5e-3, 1.0, PAPER, f"{_GPU} 100"),
)  # fmt: skip
"""Table 2 of the paper as printed, with what to know about each number."""
