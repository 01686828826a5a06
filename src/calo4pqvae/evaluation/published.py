"""Published results on dataset 2 of the CaloChallenge, to stand beside one's own.

Numbers compare fairly only at equal data, feature set and number of showers. Scores are named
like the entries of metrics.json: "fpd" is that of the 362 official columns, "fpd.legacy" that
of the 226 in use until November 2023, and one cannot be compared with the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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


_DISTANCES = """
Geant4                  10.8  0.8 -0.028 0.021 0.500 0.499 0.500
CaloDREAM               24.6  1.0  0.023 0.036 0.531 0.521 0.681
CaloScore              112.5  0.9  0.149 0.057 0.595 0.666 0.795
CaloDiffusion          146.9  0.9  0.174 0.042 0.577 0.591 0.680
conv. L2LFlows         157.4  1.0  0.271 0.090 0.708 0.737 0.941
DeepTree               292.6  2.9  0.680 0.129 0.963 0.927 0.999
SuperCalo              300.8  2.7  0.556 0.190 0.694 0.757 0.986
iCaloFlow teacher      377.1  1.9  0.568 0.138 0.763 0.837 0.970
iCaloFlow student      449.3  3.3  1.041 0.219 0.819 0.886 0.975
CaloPointFlow          494.1  1.8  0.324 0.039 0.863 0.908 0.999
CaloScore single-shot  546.3  1.9  0.929 0.068 0.747 0.902 0.973
CaloScore distilled    638.9  1.6  1.013 0.074 0.710 0.891 0.965
CaloINN                732.8  5.3  2.821 0.419 0.743 0.865 0.994
MDMA                   865.0  5.1  4.962 0.273 0.942 0.987 1.000
CaloLatent             963.0  2.4  2.879 0.200 0.983 0.995 1.000
Calo-VQ               1315.7  7.0  8.521 0.504 0.986 0.994 0.999
CaloDiT               1691.0  6.8 11.03  0.43  0.984 0.912 0.988
CaloVAE+INN           5443   27   45.61  0.83  0.907 1.000 0.993
"""
"""FPD and KPD with errors, times 1000; AUC of the low-level, high-level and ResNet test."""

_LIKENESS = """
Geant4                  -     -    0.239 0.241    1.02  0.971
CaloDREAM              -2.41 -1.98 0.253 0.220    1.15  0.976
CaloScore              -2.84 -2.15 0.228 0.228    1.01  0.933
CaloDiffusion          -2.52 -1.99 0.239 0.235    1.24  0.933
conv. L2LFlows         -3.13 -2.45 0.231 0.177    1.66  0.969
DeepTree              -10.5  -8.59 0.003 0.834    0.013 0.045
SuperCalo              -2.82 -4.47 0.120 0.310    0.347 0.692
iCaloFlow teacher      -3.64 -3.94 0.152 0.253    0.809 0.817
iCaloFlow student      -4.26 -4.65 0.155 0.253    1.35  0.827
CaloPointFlow          -5.23 -9.09 0.016 0.335    0.575 0.487
CaloScore single-shot  -3.60 -4.65 0.171 0.208    1.06  0.852
CaloScore distilled    -3.42 -4.10 0.197 0.181    1.41  0.880
CaloINN                -3.20 -7.27 0.193 0.090    4.57  0.957
MDMA                   -7.44 -9.35 0.003 0.937    0.009 0.033
CaloLatent            -11.7  -8.22 0.016 0.622    0.176 0.235
Calo-VQ               -11.9  -7.07 0.345 0.217  254     0.868
CaloDiT               -22.1  -5.85 0.500 0.060   10.2   0.924
CaloVAE+INN            -6.41 -6.90 0.739 0.026 1794     0.961
"""
"""Mean log-posterior (dense, CNN; 17 classes); precision, recall, density, coverage."""

_COST = """
CaloDREAM             28.4  28.4   4846    74.3   -      16942   5052    5727
CaloScore             14.4  14.4   2389    241    -     133549 147694    -
CaloDiffusion          0.518 0.518 5291    99.5   -      36502  23317    -
conv. L2LFlows       158   158     1409    14.2   1.64    1969    121      89.2
DeepTree               2.24  0.528   37.3   5.82  -         67.5   38.3    48.4
SuperCalo             87.5  87.5   8508   103     -     397940   7988    7609
iCaloFlow teacher     19.5  19.5  77016   829    56.1   250171  11614    8179
iCaloFlow student     41.2  24.5   1127    13.2   1.45    3048    135      77.6
CaloPointFlow         14.2  14.2     49.9   3.00  -        155    161     133
CaloScore single-shot 28.9  14.4    138     2.53  -        407    280      -
CaloScore distilled   28.9  14.4    471    31.9   -      16785  17989      -
CaloINN              271   271       53.4   1.18  0.647    388     59.7    46.2
MDMA                   0.109 0.066    6.40  1.18  -         14.3   19.9    32.4
CaloLatent            10.7   1.94  8497    79.8   -       6611    541      -
Calo-VQ                3.32  1.23    72.8   1.12  0.355    168     26.1    36.2
CaloDiT                1.22  1.22  1036   179     -      24642  33355      -
CaloVAE+INN           96.4  48.4     41.5   1.22  0.766     64.1    4.60    3.38
"""
"""Millions of weights in training and generation; milliseconds per shower on the GPU and on
the CPU, each in batches of 1, 100 and 10,000."""

_SEPARATIONS = """
Geant4                0.44  0.00 0.24  0.50  0.45  0.49  0.47   0.09
CaloDREAM             0.70  2.07 1.39  0.61  0.68  0.56  0.54   0.12
CaloDiffusion        11.8  14.2  1.42  0.64  1.06  0.80  0.77  10.0
conv. L2LFlows        3.74  1.10 0.82  1.37  2.82  1.30  3.59   0.23
iCaloFlow teacher     4.17  0.48 1.25  2.30  3.40  1.42  1.67   0.17
CaloScore single-shot 6.43 12.3  4.62  3.09  5.30  2.86  3.14   2.18
CaloINN               6.60  2.31 8.09  6.31  9.38  4.56  4.25   1.69
MDMA                  8.62  4.15 2.94  2.89  6.11  3.33  3.26  88.6
Calo-VQ               3.68 51.5  8.78 14.7  32.8  16.5  19.0   28.2
CaloVAE+INN           1.76 101   7.14 45.0  24.2  27.5  38.4  237
"""
"""Separation powers, times 1000, means over layers where there are several; a selection."""

_PLAIN = (
    "auc.low", "auc.high", "auc.resnet", "log_posterior.dnn", "log_posterior.cnn",
    "precision", "recall", "density", "coverage",
)  # fmt: skip
_SEPARATED = ("e_tot", "voxel", "e_layer", "ec_eta", "ec_r", "width_eta", "width_r", "sparsity")
_BATCHES = ("gpu.1", "gpu.100", "gpu.10000", "cpu.1", "cpu.100", "cpu.10000")


def _parse(table: str) -> dict[str, list[float | None]]:
    """Read a table whose first 21 characters are the name; "-" is not known."""
    return {
        row[:21].rstrip(): [None if word == "-" else float(word) for word in row[21:].split()]
        for row in table.strip("\n").splitlines()
    }


def _known(keys: Sequence[str], values: Sequence[float | None]) -> dict[str, float]:
    """Pair keys and values, leaving out what is not known."""
    pairs = zip(keys, values, strict=True)
    return {key: value for key, value in pairs if value is not None}


def _rows() -> dict[str, Row]:
    """Join the tables."""
    likenesses, separations = _parse(_LIKENESS), _parse(_SEPARATIONS)
    rows = {}
    for name, (fpd, fpd_error, kpd, kpd_error, *areas) in _parse(_DISTANCES).items():
        thousandths = {"fpd": (fpd, fpd_error), "kpd": (kpd, kpd_error)}
        apart = _known(_SEPARATED, separations.get(name, [None] * len(_SEPARATED)))
        scores: dict[str, ScoreLike] = {
            **{k: Number((v or 0) / 1e3, (e or 0) / 1e3) for k, (v, e) in thousandths.items()},
            **{k: Number(v) for k, v in _known(_PLAIN, areas + likenesses[name]).items()},
            **{f"separation.{k}": Number(v / 1e3) for k, v in apart.items()},
        }
        data = "dataset 2, 100,000 and 100,000 showers"
        rows[name] = Row(name, scores, "official-362", data, CHALLENGE)
    for name, (train, made, *times) in _parse(_COST).items():
        weights = (round((train or 0) * 1e6), round((made or 0) * 1e6))
        rows[name] = replace(
            rows[name], milliseconds=_known(_BATCHES, times), parameters=weights
        )
    return rows


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
