"""Ranking of systems by a score and its error."""

from calo4pqvae.evaluation.ranking import rank


def system(value, error=0.01, name="fpd", **more):
    score = {"value": value, "error": error}
    return {name: {**score, "matched": score, **more}}


def test_the_lowest_comes_first_and_ties_share_a_place():
    systems = {"b": system(0.52), "a": system(0.50), "d": system(0.7), "c": system(0.53)}
    by, places = rank(systems)
    assert by == "fpd"
    assert [(p.place, p.name) for p in places] == [(1, "a"), (1, "b"), (3, "c"), (4, "d")]


def test_scores_are_compared_at_equal_numbers_of_showers():
    few = {"value": 0.9, "error": 0.01, "matched": {"value": 0.3, "error": 0.01}}
    many = {"value": 0.4, "error": 0.01, "matched": {"value": 0.4, "error": 0.01}}
    _, places = rank({"few": {"fpd": few}, "many": {"fpd": many}})
    assert [p.name for p in places] == ["few", "many"]


def test_the_first_score_that_all_have_is_taken():
    other = system(0.1, name="separation.e_layer")
    undefined = {"fpd": {"value": None, "error": None}, **other}
    by, places = rank({"one": undefined, "two": system(0.1) | other})
    assert by == "separation.e_layer"
    assert {p.place for p in places} == {1}
    assert rank({"one": undefined, "two": {}}) == (None, [])


def test_scores_on_unequal_numbers_of_showers_rank_nobody():
    many = system(0.1) | system(0.2, name="separation.e_layer")
    few = {"fpd": {"value": 0.3, "error": 0.001}} | system(0.1, name="separation.e_layer")
    by, places = rank({"many": many, "few": few})
    assert by == "separation.e_layer"
    assert [place.name for place in places] == ["few", "many"]
