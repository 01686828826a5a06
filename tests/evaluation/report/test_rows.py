"""Rows, their verdicts, and how they are summed up and drawn."""

import pytest

from calo4pqvae.evaluation.report.cards import headline, strip_of, summarise
from calo4pqvae.evaluation.report.rows import entries_of, grouped, metric_rows, plus_minus


def entry(value, error=0.1, floor=1.0, floor_error=0.1, **more):
    return {
        "value": value,
        "error": error,
        "n": 100,
        "floor": {"value": floor, "error": floor_error, "n": 50},
        **more,
    }


def row(key, *args, **more):
    return metric_rows({key: entry(*args, **more)})[0]


@pytest.mark.parametrize(
    ("value", "error", "scale", "text"),
    [
        (0.01891, 0.0024, 100.0, "1.89 ± 0.24"),
        (-0.14, 0.106, 100.0, "−14 ± 11"),
        (-0.001, 0.1, 100.0, "0 ± 10"),
        (1234.5, 0.0, 1.0, "1234"),
        (None, None, 1.0, "undefined"),
    ],
)
def test_numbers_are_written_to_the_errors_second_digit(value, error, scale, text):
    assert plus_minus(value, error, scale) == text


@pytest.mark.parametrize(
    ("key", "value", "floor", "verdict", "excess"),
    [
        ("separation.e_tot", 1.29, 1.0, "within floor", 2.9),
        ("separation.e_tot", 1.31, 1.0, "above floor", 3.1),
        ("separation.e_tot", 0.2, 1.0, "within floor", -8.0),
        ("response", -1.31, 1.0, "above floor", 3.1),
        ("response", -1.29, -1.0, "within floor", 2.9),
        ("auc.high", 1.41, 1.0, "within floor", 2.9),  # both errors count
        ("auc.high", 1.44, 1.0, "above floor", 3.1),
        ("recall", 0.56, 1.0, "below floor", -3.1),
        ("recall", 0.6, 1.0, "within floor", -2.8),
        ("something.new", 1.31, 1.0, "above floor", 3.1),
    ],
)
def test_verdict_of_an_entry_that_brings_none(key, value, floor, verdict, excess):
    made = row(key, value, floor=floor)
    assert made.verdict == verdict
    assert made.excess == pytest.approx(excess, abs=0.06)


def test_verdict_of_the_entry_counts():
    assert row("separation.e_tot", 5.0, verdict="within floor").verdict == "within floor"
    assert row("recall", 0.1, verdict="above floor").verdict == "below floor"


def test_equal_numbers_of_showers_are_compared():
    matched = {"value": 1.1, "error": 0.1, "n": 50}
    made = row("fpd", 0.4, matched=matched, feature_set="official-362")
    assert made.excess == pytest.approx(0.1 / 0.1414, rel=1e-3)
    assert made.value == "400 ± 100"
    assert made.matched == "50 showers, as the floor: 1100 ± 100"


def test_what_is_missing_is_said():
    nothing = {"value": None, "error": None, "floor": None, "verdict": None}
    (made,) = metric_rows({"fpd": nothing | {"reason": "too few showers"}})
    assert (made.value, made.floor) == ("undefined", "–")
    assert (made.verdict, made.excess, made.note) == ("undefined", None, "too few showers")
    assert strip_of(made) is None
    no_floor = entry(2.0) | {"floor": None, "verdict": None, "reason": "no floor: too few"}
    (made,) = metric_rows({"fpd": no_floor})
    assert (made.value, made.note) == ("2000 ± 100", "no floor: too few")


def test_entries_come_from_the_top_level_and_from_the_block():
    block = {
        "schema": 2,
        "energies": {"paired": True},
        "fpd": entry(2.0),
        "separation.voxel": entry(1.0, outside={"reference": 0.0, "generated": 0.1}),
        "metrics": {"separation.e_tot": entry(1.0), "response.5-10 GeV": entry(1.0)},
    }
    rows = metric_rows(entries_of(block))
    assert [made.name for made in rows] == [*list(block)[2:4], *block["metrics"]]
    assert {group: len(members) for group, members in grouped(rows).items()} == {
        "Distances": 1,
        "Separation power, official bins": 1,
        "Separation power": 1,
        "Windows of incident energy": 1,
    }


def test_an_unknown_quantity_keeps_a_readable_name():
    made = row("new_score.of_layers", 1.0)
    assert (made.label, made.group) == ("New score, of layers", "Other")


def test_summary_counts_and_names_the_worst_of_each_group():
    rows = [
        row("separation.e_tot", 2.0),
        row("separation.voxel", 9.0),
        row("wasserstein.e_tot", 1.5),
        row("sparsity", 1.0),
        row("fpd", None),
    ]
    summary = summarise(rows)
    assert (summary.within, summary.judged) == (1, 4)
    assert [made.name for made in summary.worst] == ["separation.voxel", "wasserstein.e_tot"]
    assert summarise([]) == (0, 0, [])


def test_headline_takes_the_first_of_two_with_one_name():
    rows = metric_rows([("sparsity", entry(1.0)), ("fpd", entry(2.0)), ("fpd", entry(3.0))])
    assert headline(rows)[0].value == "2000 ± 100"
    assert len(headline(rows)) == 2


def test_headline_leaves_out_what_is_undefined():
    rows = [row("fpd", None), row("sparsity", 1.0)]
    assert [made.name for made in headline(rows)] == ["sparsity"]


@pytest.mark.parametrize("key", ["response", "separation.voxel", "auc.high", "recall"])
@pytest.mark.parametrize("value", [-4.0, -0.9, 0.0, 0.9, 1.2, 60.0])
def test_strip_shows_what_the_verdict_says(key, value):
    made = row(key, value)
    strip = strip_of(made)
    inside = strip.band[0] <= strip.value <= strip.band[1]
    assert inside == (made.verdict == "within floor")
    places = [*strip.band, *strip.bar, strip.value, strip.best]
    assert all(0 <= place <= 100 for place in places)
    assert strip.bar[0] <= strip.value <= strip.bar[1]
