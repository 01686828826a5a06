"""Published rows: complete, consistent with each other, and beside one's own."""

import pytest

from calo4pqvae.evaluation.measured.features import FEATURE_SETS
from calo4pqvae.evaluation.published import (
    CALO4PQVAE,
    GEANT4,
    SUBMISSIONS,
    TABLE_2,
    table_1,
)
from calo4pqvae.evaluation.result import Score

BY_NAME = {row.name: row for row in SUBMISSIONS}
COSTS = {cost.name: cost for cost in TABLE_2}


def test_seventeen_submissions_by_rising_fpd():
    distances = [row.scores["fpd"].value for row in SUBMISSIONS]
    assert len(BY_NAME) == 17
    assert distances == sorted(distances)
    assert distances[0] > GEANT4.scores["fpd"].value


@pytest.mark.parametrize("row", [*SUBMISSIONS, GEANT4, CALO4PQVAE], ids=lambda row: row.name)
def test_every_row_says_where_it_comes_from_and_what_it_used(row):
    assert row.source
    assert row.data
    assert row.feature_set in FEATURE_SETS
    names = {name for name in row.scores if name.startswith(("fpd", "kpd"))}
    legacy = row.feature_set == "legacy-226"
    assert names == ({"fpd.legacy", "kpd.legacy"} if legacy else {"fpd", "kpd"})
    for name in names:
        assert row.scores[name].error > 0


@pytest.mark.parametrize("row", [*SUBMISSIONS, GEANT4], ids=lambda row: row.name)
def test_scores_lie_where_they_can(row):
    values = {name: score.value for name, score in row.scores.items()}
    for name in ("auc.low", "auc.high", "auc.resnet"):
        assert 0.49 < values[name] <= 1
    for name in ("precision", "recall", "coverage"):
        assert 0 <= values[name] <= 1
    for name, value in values.items():
        if name.startswith("separation"):
            assert 0 <= value <= 1
        if name.startswith("log_posterior"):
            assert value < 0


def test_every_submission_has_times_and_weights():
    for row in SUBMISSIONS:
        assert {"gpu.1", "gpu.100", "cpu.1", "cpu.100"} <= set(row.milliseconds)
        train, generate = row.parameters
        assert train >= generate > 0
    assert len(BY_NAME["conv. L2LFlows"].milliseconds) == 6
    assert "gpu.10000" not in BY_NAME["CaloDREAM"].milliseconds


@pytest.mark.parametrize(
    ("name", "fpd", "kpd", "kpd_error"),
    [
        ("CaloDREAM", 24, 0.02, 0.04),
        ("CaloDiffusion", 146, 0.17, 0.04),
        ("conv. L2LFlows", 157, 0.27, 0.09),
        ("CaloScore single-shot", 546, 0.93, 0.07),
    ],
)
def test_rows_agree_with_table_1_of_the_paper(name, fpd, kpd, kpd_error):
    """The paper cuts FPD to whole thousandths and rounds KPD."""
    scores = BY_NAME[name].scores
    assert int(1e3 * scores["fpd"].value) == fpd
    assert round(1e3 * scores["kpd"].value, 2) == kpd
    assert round(1e3 * scores["kpd"].error, 2) == kpd_error


def test_table_1_has_ours_first_and_says_which_set_each_row_used():
    ours = {"fpd": Score(0.2, 0.01, 5000), "fpd.legacy": Score(0.3, 0.01, 5000)}
    rows = table_1(ours, name="mine", data="W-Si Geant4 sample")
    assert [row.name for row in rows] == [
        "mine", "Calo4pQVAE (QPU)", "Geant4", "CaloDREAM", "CaloDiffusion", "conv. L2LFlows",
        "CaloScore single-shot",
    ]  # fmt: skip
    assert rows[0].scores["fpd"].value == 0.2
    assert rows[0].data == "W-Si Geant4 sample"
    assert [row.feature_set for row in rows].count("legacy-226") == 1
    assert "226" in rows[1].note
    assert len(table_1(ours, everyone=True)) == 3 + 17


def test_energies_of_table_2_follow_from_the_times():
    """400 W for the A100, 16 kW for the refrigerator; the printed readout alone does not."""
    for name in ("CaloDREAM", "CaloDiffusion", "conv. L2LFlows", "CaloScore single-shot"):
        assert 400 * COSTS[name].seconds == pytest.approx(COSTS[name].joules, rel=0.08)
        best = min(BY_NAME[name].milliseconds.values())
        assert 1e3 * COSTS[name].seconds == pytest.approx(best, rel=0.03)
    for part in ("annealing", "wait"):
        cost = COSTS[f"Calo4pQVAE (QPU), {part}"]
        assert 16e3 * cost.seconds == pytest.approx(cost.joules, rel=0.07)
    readout = COSTS["Calo4pQVAE (QPU), readout"]
    assert 16e3 * readout.seconds == pytest.approx(1.39, abs=0.005)
    assert readout.joules == 2.2
    assert "1.39 J" in readout.note


def test_times_of_the_paper_add_up():
    parts = ("annealing", "readout", "wait", "GPU postprocess")
    total = sum(COSTS[f"Calo4pQVAE (QPU), {part}"].seconds for part in parts)
    assert total == pytest.approx(COSTS["Calo4pQVAE (QPU), total"].seconds)
    assert 1e3 * total == pytest.approx(CALO4PQVAE.milliseconds["total"])
