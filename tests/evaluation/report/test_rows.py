"""Rows, what they say of the verdict, and how they are summed up and drawn."""

from dataclasses import replace

import pytest

from calo4pqvae.evaluation.metrics.metric import Options
from calo4pqvae.evaluation.metrics.registry import metric_names
from calo4pqvae.evaluation.plain_json import without_nan
from calo4pqvae.evaluation.power.ladder import NO_POWER
from calo4pqvae.evaluation.report.cards import headline, strip_of, summarise
from calo4pqvae.evaluation.report.rows import grouped, metric_rows, plus_minus
from calo4pqvae.evaluation.result import Result, Score, undefined
from calo4pqvae.evaluation.verdict import CHANCE, Floor

SIDES = {"response": "size", "recall": "both"}
SHOWN = metric_names(Options())


def result(value, error=0.1, floor=1.0, *, sides="above"):
    return Result(Score(value, error, 100), Floor(floor, 0.02, 0.1, n=100), sides=sides)


def rows_of(**results):
    """Rows of results, as they are in JSON; a dot of a name is written __ here."""
    named = {key.replace("__", "."): one for key, one in results.items()}
    return metric_rows({k: without_nan(one.to_dict(SHOWN[k])) for k, one in named.items()})


def row(key, value):
    sides = SIDES.get(key, "above")
    made = undefined("why", sides) if value is None else result(value, sides=sides)
    return rows_of(**{key: made})[0]


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


def test_the_verdict_is_shown_as_it_is():
    made = row("recall", 0.56)
    assert (made.verdict, made.excess) == ("below floor", pytest.approx(-4.4))
    assert row("fpd", None).verdict == "undefined"
    assert row("fpd", None).drawn is None


def test_value_and_floor_are_on_equally_many_showers():
    floor = Floor(1.0, 0.05, 0.1, n=50)
    (made,) = rows_of(fpd=Result(Score(0.4, 0.01, 100), floor, Score(1.1, 0.1, 50)))
    assert (made.value, made.floor, made.showers) == ("1100 ± 100", "1000 ± 50", "50")
    assert made.whole == "400 ± 10"
    assert made.excess == pytest.approx(1.0)
    assert made.drawn == pytest.approx((1100, 100, 1000, 300, 0))
    assert row("auc.high", 0.6).whole == ""


def test_what_is_missing_is_said():
    (made,) = rows_of(fpd=undefined("too few showers"))
    assert (made.value, made.floor, made.showers) == ("undefined", "–", "")
    assert (made.verdict, made.excess, made.note) == ("undefined", None, "too few showers")
    assert strip_of(made) is None
    (made,) = rows_of(fpd=Result(Score(2.0, 0.1, 9), reason="no floor: too few"))
    assert (made.value, made.note) == ("2000 ± 100", "no floor: too few")


def test_rows_are_gathered_by_group_in_their_order():
    rows = rows_of(fpd=result(2.0), separation__voxel=result(1.0), kpd=result(1.0))
    assert [made.name for made in rows] == ["fpd", "separation.voxel", "kpd"]
    groups = {group: len(members) for group, members in grouped(rows).items()}
    assert groups == {"Distances": 2, "Separation power": 1}


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
