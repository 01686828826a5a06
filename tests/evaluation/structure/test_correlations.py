"""Correlation functions of distributions whose correlations are known."""

import numpy as np
import pytest

from calo4pqvae.evaluation.structure.correlations import FUNCTIONS


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_independent_hits_have_none_and_a_common_side_has(structure_of, name):
    """At most ten values within five jackknife errors of 19 degrees of freedom: 1e-3."""
    one = structure_of(3000, 1, lean=0.0).between(2.9e3, 3.1e3)
    none = FUNCTIONS[name](one)
    assert (np.abs(none.values) < 5 * none.errors).all()
    leaning = FUNCTIONS[name](structure_of(3000, 2, lean=0.9).between(2.9e3, 3.1e3))
    assert leaning.values[0] > 5 * leaning.errors[0]


def test_pairs_in_azimuth_follow_the_cosine(structure_of):
    """<h h'> / <h>^2 - 1 = lean^2 / 2 cos(step) at one energy; five errors."""
    lean = 0.8
    showers = structure_of(60_000 // 10, 3, lean).between(2.8e3, 3.2e3)
    found = FUNCTIONS["pairs_in_azimuth"](showers)
    expected = 0.5 * lean**2 * np.cos(found.lags * np.pi / 4)
    assert (np.abs(found.values - expected) < 5 * found.errors + 0.01).all()
    assert found.errors.max() < 0.1


def test_errors_shrink_like_the_root_of_the_number(structure_of):
    """Jackknife errors of 20 groups scatter by a sixth each; the mean of eight lags by less."""
    many = FUNCTIONS["centres"](structure_of(4000, 5))
    few = FUNCTIONS["centres"](structure_of(1000, 5))
    assert few.errors.mean() / many.errors.mean() == pytest.approx(2.0, rel=0.4)
