"""One rule for all verdicts: its levels, its two sides, and how it counts unknown errors."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from calo4pqvae.evaluation.verdict import (
    ABOVE,
    BELOW,
    CHANCE,
    WITHIN,
    Floor,
    Verdict,
    expected_by_chance,
    judge,
)

EXACT = Floor(1.0, 0.0, 0.1)


@pytest.mark.parametrize(
    ("value", "sides", "verdict", "excess"),
    [
        (1.29, "above", WITHIN, 2.9),
        (1.31, "above", ABOVE, 3.1),
        (0.2, "above", WITHIN, -8.0),
        (0.71, "size", WITHIN, 2.9),
        (0.69, "size", ABOVE, 3.1),
        (1.31, "size", ABOVE, 3.1),
        (0.69, "both", BELOW, -3.1),
        (0.71, "both", WITHIN, -2.9),
        (1.31, "both", ABOVE, 3.1),
    ],
)
def test_three_errors_are_tolerated(value, sides, verdict, excess):
    found = judge(value, EXACT, sides)
    assert found.verdict == verdict
    assert found.excess == pytest.approx(excess)
    assert found.tolerance == pytest.approx(0.3)


def test_a_classifier_that_sees_a_difference_is_not_within():
    """Area 0.710 on 1,050 showers a side; halves of Geant4 had read 0.547 +- 0.054."""
    from calo4pqvae.evaluation.metrics.networks import undistinguished

    found = judge(0.710, undistinguished(1050), "above")
    assert found.verdict == ABOVE
    assert found.excess == pytest.approx(7.4, abs=0.2)


@pytest.mark.parametrize("repeats", [4, 8, 24])
def test_an_error_from_few_comparisons_keeps_the_level(repeats, rng):
    """Normal numbers: 13.5 in 10,000 are above, whatever the error was estimated from.

    40,000 independent verdicts: 54 are expected with a deviation of 7.3; beyond 24 and 84 once
    in 10,000 with a free seed. The twin that takes the estimated error as exact is caught.
    """
    n = 40_000
    floors = rng.normal(size=(n, repeats))
    values = rng.normal(size=n)
    made = floors.mean(axis=1), floors.std(axis=1, ddof=1) * math.sqrt(1 + 1 / repeats)
    floors = [Floor(mean, 0.0, spread, repeats - 1) for mean, spread in zip(*made, strict=True)]
    pairs = zip(values, floors, strict=True)
    above = sum(judge(float(v), floor, "above").verdict == ABOVE for v, floor in pairs)
    assert 24 <= above <= 84
    naive = np.sum(values - made[0] > 3 * made[1])
    assert naive > 84 or repeats == 24


def test_what_does_not_scatter_is_judged_without_an_excess():
    nothing = Floor(0.5, 0.0, 0.0)
    assert judge(0.5, nothing, "above") == (WITHIN, None, 0.0)
    assert judge(0.6, nothing, "above") == (ABOVE, None, 0.0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_undefined_numbers_have_no_verdict(value):
    assert judge(value, EXACT, "above") == Verdict()
    assert judge(1.0, Floor(1.0, 0.0, value), "above") == Verdict()


def test_chance_excesses_are_counted_by_their_kind():
    assert expected_by_chance(["above"] * 10 + ["both"]) == pytest.approx(
        10 * CHANCE["above"] + CHANCE["both"]
    )
    assert all(norm.sf(3) < share < 0.01 for share in CHANCE.values())
