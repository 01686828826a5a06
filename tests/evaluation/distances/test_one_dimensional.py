"""Distances against closed forms and against SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from calo4pqvae.evaluation.distances.one_dimensional import (
    Merged,
    separation,
    weighted_mean,
    weighted_width,
)


def ones(n: int) -> np.ndarray:
    return np.ones((1, n))


def test_separation_of_equal_is_zero_and_of_disjoint_is_one():
    p = np.array([3.0, 1.0, 0.0, 0.0])
    assert separation(p, 7 * p) == pytest.approx(0, abs=1e-15)
    assert separation(p, p[::-1]) == pytest.approx(1)


def test_separation_of_two_bins_by_hand():
    # 1/2 [(1/4)^2 / (3/4 + 1/2) + (1/4)^2 / (1/4 + 1/2)]
    expected = 0.5 * (0.0625 / 1.25 + 0.0625 / 0.75)
    assert separation(np.array([3, 1]), np.array([5, 5])) == pytest.approx(expected)


def test_separation_with_an_empty_histogram_is_undefined():
    assert np.isnan(separation(np.zeros(3), np.ones(3)))


def test_separation_of_two_samples_of_one_distribution_is_at_its_floor(rng):
    n, bins = 2000, 20
    p, q = rng.multinomial(n, np.full(bins, 1 / bins), size=(2, 400))
    # mean (bins - 1) / 2n; over 400 trials its error is below 2 %
    assert separation(p, q).mean() == pytest.approx((bins - 1) / (2 * n), rel=0.1)


@settings(deadline=None)
@given(st.floats(-1e3, 1e3), st.integers(1, 50))
def test_wasserstein_of_a_shift_is_the_shift(shift, n):
    x = np.linspace(0.0, 10.0, n)
    found = Merged.of(x, x + shift).wasserstein(ones(n), ones(n))
    assert found[0] == pytest.approx(abs(shift), abs=1e-9)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_wasserstein_agrees_with_scipy(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=13), rng.exponential(size=29).round(1)
    u, v = rng.integers(0, 4, (3, 13)), rng.integers(0, 4, (3, 29))
    u[:, 0] += 1
    v[:, 0] += 1
    got = Merged.of(x, y).wasserstein(u, v)
    expected = [wasserstein_distance(x, y, a, b) for a, b in zip(u, v, strict=True)]
    np.testing.assert_allclose(got, expected, rtol=1e-10)


def test_weights_are_repetitions(rng):
    x = rng.normal(5.0, 1.0, 40)
    weights = rng.integers(0, 3, (2, 40))
    for row, mean, width in zip(
        weights, weighted_mean(x, weights), weighted_width(x, weights), strict=True
    ):
        assert mean == pytest.approx(np.repeat(x, row).mean())
        assert width == pytest.approx(np.repeat(x, row).std())
