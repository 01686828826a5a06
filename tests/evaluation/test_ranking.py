"""Ranking of systems by their excess over the floor, and by the error of differences."""

import numpy as np
import pytest

from calo4pqvae.evaluation.ranking import Standing, error_of_difference, rank, ranked_by
from calo4pqvae.evaluation.result import Result, Score, undefined
from calo4pqvae.evaluation.verdict import Floor


def standing(name, excess, *, common=0.0, own=0.01, n_floor=500, floor_error=0.0, seed=0):
    """A system whose redraws share what comes from the reference with all others."""
    shared = common * np.random.default_rng(0).normal(size=400)
    mine = own * np.random.default_rng(seed + 1).normal(size=400)
    return Standing(name, excess, excess + shared + mine, floor_error, n_floor, 1000)


def test_the_lowest_comes_first_and_ties_share_a_place():
    excesses = {"b": 0.52, "a": 0.50, "d": 0.7, "c": 0.55}
    of_all = [standing(name, x, seed=i) for i, (name, x) in enumerate(excesses.items())]
    places = rank({"fpd": of_all})
    assert [(p.place, p.name) for p in places] == [(1, "a"), (1, "b"), (3, "c"), (4, "d")]
    assert [p.behind for p in places] == pytest.approx([0, 0.02, 0.05, 0.2])
    assert places[0].behind_error == 0
    assert places[1].behind_error == pytest.approx(0.0141, rel=0.1)


def test_what_systems_have_in_common_does_not_tie_them():
    """The scatter of the reference moves all scores alike and cancels in their differences."""
    loose = [standing("a", 0.5, common=0.1), standing("b", 0.6, common=0.1, seed=1)]
    assert [place.place for place in rank({"fpd": loose})] == [1, 2]
    assert rank({"fpd": loose})[0].error == pytest.approx(0.1, rel=0.1)
    apart = [standing("a", 0.5, own=0.1), standing("b", 0.6, own=0.1, seed=1)]
    assert [place.place for place in rank({"fpd": apart})] == [1, 1]


def test_floors_of_unlike_size_add_their_errors():
    one, other = (standing("x", 0.5, floor_error=0.3, n_floor=n) for n in (500, 200))
    assert error_of_difference(one, one) == 0
    assert error_of_difference(one, other) == pytest.approx(0.3 * np.sqrt(2))


def test_the_excess_over_the_own_floor_ranks():
    """A score rises as showers get fewer, and so does the floor."""
    few = Result(Score(0.2, 0.1, 20), Floor(0.8, 0.0, 0.1, n=9), Score(0.9, 0.1, 9))
    many = Result(Score(0.4, 0.1, 1000), Floor(0.1, 0.0, 0.1, n=99), Score(0.5, 0.1, 99))
    redraws = np.linspace(-0.01, 0.01, 40)
    standings = [
        Standing.of("many", many, redraws, 1000),
        Standing.of("few", few, redraws, 20),
    ]
    places = rank({"fpd": standings})
    assert [(place.name, place.place, place.n) for place in places] == [
        ("few", 1, 20),
        ("many", 2, 1000),
    ]


def test_what_the_first_score_does_not_see_the_next_one_may():
    """A smear that leaves the Fréchet distance as it is does not share the first place."""
    distances = {"smear": 0.500, "good": 0.501, "fair": 0.502, "bad": 0.9}
    totals = {"smear": 0.2, "good": 0.0, "fair": 0.005, "bad": 0.0}
    scores = {
        by: [standing(name, x, seed=i) for i, (name, x) in enumerate(of.items())]
        for by, of in {"fpd": distances, "separation.e_tot": totals}.items()
    }
    assert [(one.place, one.name, one.by) for one in rank(scores)] == [
        (1, "good", "fpd"),
        (1, "fair", "fpd"),
        (3, "smear", "separation.e_tot"),
        (4, "bad", "fpd"),
    ]
    smear = rank(scores)[2]
    assert smear.behind == pytest.approx(0.2)
    assert [one.place for one in rank({"fpd": scores["fpd"]})] == [1, 1, 1, 4]


def test_scores_with_a_verdict_for_every_system_rank():
    above = Result(Score(1.0, 0.1, 99), Floor(0.1, 0.0, 0.1))
    whole = {"fpd": above, "separation.e_layer": above}
    small = {"fpd": undefined("too few"), "separation.e_layer": above}
    both = {"fpd": above, "fpd.legacy": above}
    assert ranked_by([whole, whole]) == ["fpd", "separation.e_layer"]
    assert ranked_by([whole, small]) == ["separation.e_layer"]
    assert ranked_by([both]) == ["fpd"]
    assert ranked_by([whole, {}]) == []
    assert ranked_by([]) == []
    assert rank({}) == []
