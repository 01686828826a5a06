"""Rows, what they say of the verdict, and how they are summed up and drawn."""

from dataclasses import replace

import pytest

from calo4pqvae.evaluation.entries import score_entry, undefined_entry
from calo4pqvae.evaluation.power.ladder import NO_POWER
from calo4pqvae.evaluation.report.cards import headline, strip_of, summarise
from calo4pqvae.evaluation.report.rows import entries_of, grouped, metric_rows, plus_minus
from calo4pqvae.evaluation.score import Score
from calo4pqvae.evaluation.verdict import CHANCE, Floor

SIDES = {"response": "size", "recall": "both"}


def entry(value, error=0.1, floor=1.0, *, sides="above", **more):
    return score_entry(Score(value, error, 100), Floor(floor, 0.02, 0.1), 100, sides, **more)


def row(key, value, **more):
    sides = SIDES.get(key, "above")
    made = undefined_entry("why", sides) if value is None else entry(value, sides=sides, **more)
    return metric_rows({key: made})[0]


@pytest.mark.parametrize(
    ("value", "error", "scale", "text"),
    [
        (0.01891, 0.0024, 100.0, "1.89 ± 0.24"),
        (-0.14, 0.106, 100.0, "−14 ± 11"),
        (-0.001, 0.1, 100.0, "0 ± 10"),
        (1234.5, 0.0, 1.0, "1234"),
        (3e-9, 2e-9, 1.0, "3e−09 ± 2e−09"),
        (None, None, 1.0, "undefined"),
    ],
)
def test_numbers_are_written_to_the_errors_second_digit(value, error, scale, text):
    assert plus_minus(value, error, scale) == text


def test_the_verdict_of_the_entry_is_shown_and_none_is_made():
    made = row("recall", 0.56)
    assert (made.verdict, made.excess) == ("below floor", pytest.approx(-4.4))
    old = {"value": 9.0, "error": 0.1, "n": 5, "floor": {"value": 1.0, "error": 0.1}}
    (made,) = metric_rows({"fpd": old | {"verdict": "within floor"}})
    assert (made.verdict, made.excess, made.drawn) == ("within floor", None, None)
    (made,) = metric_rows({"fpd": old})
    assert made.verdict == "undefined"


def test_value_and_floor_are_on_equally_many_showers():
    matched = Score(1.1, 0.1, 50)
    made = metric_rows(
        {"fpd": score_entry(Score(0.4, 0.01, 100), Floor(1.0, 0.05, 0.1), 50, matched=matched)}
    )[0]
    assert (made.value, made.floor, made.showers) == ("1100 ± 100", "1000 ± 50", "50")
    assert made.whole == "400 ± 10"
    assert made.excess == pytest.approx(1.0)
    assert made.drawn == pytest.approx((1100, 100, 1000, 300))
    assert row("auc.high", 0.6).whole == ""


def test_what_is_missing_is_said():
    (made,) = metric_rows({"fpd": undefined_entry("too few showers")})
    assert (made.value, made.floor, made.showers) == ("undefined", "–", "")
    assert (made.verdict, made.excess, made.note) == ("undefined", None, "too few showers")
    assert strip_of(made) is None
    no_floor = undefined_entry("no floor: too few") | {"value": 2.0, "error": 0.1, "n": 9}
    (made,) = metric_rows({"fpd": no_floor})
    assert (made.value, made.note) == ("2000 ± 100", "no floor: too few")


def test_entries_come_from_the_top_level_and_from_the_block():
    block = {
        "schema": 3,
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
        row("recall", 1.0),
        row("fpd", None),
    ]
    summary = summarise(rows)
    assert (summary.within, summary.judged) == (1, 4)
    assert summary.chance == pytest.approx(3 * CHANCE["above"] + CHANCE["both"])
    assert [made.name for made in summary.worst] == ["separation.voxel", "wasserstein.e_tot"]
    assert summarise([]) == (0, 0, [], 0.0, [])
    blind = replace(rows[0], name="auc.high", verdict=NO_POWER)
    assert summarise([*rows, blind])[:2] == (1, 4)
    assert summarise([*rows, blind]).blind == [blind]


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
