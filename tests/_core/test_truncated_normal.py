"""The normal distribution of compiled loops against SciPy's."""

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from calo4pqvae._core.truncated_normal import normal_between, normal_from, normal_up_to


def test_probabilities_keep_their_digits_in_both_tails():
    x = np.concatenate([np.linspace(-37, 37, 14_801), [-7.07106781, 0.0, 7.07106782]])
    found = np.array([normal_up_to(value) for value in x])
    assert found == pytest.approx(ndtr(x), rel=1e-8)
    near = np.abs(x) < 7
    assert found[near] == pytest.approx(ndtr(x[near]), rel=1e-13)
    assert (normal_up_to(-50.0), normal_up_to(50.0)) == (0, 1)


def test_the_distribution_is_inverted():
    p = np.concatenate([np.geomspace(1e-12, 0.5, 1000), 1 - np.geomspace(1e-9, 0.5, 1000)])
    found = np.array([normal_from(value) for value in p])
    assert found == pytest.approx(ndtri(p), rel=3e-9, abs=1e-8)


@pytest.mark.parametrize("ends", [(-1.0, 0.5), (-6.9, -6.0), (0.2, 0.3)])
def test_numbers_between_ends_have_the_right_quantiles(ends):
    u = np.linspace(0.01, 0.99, 99)
    below, up_to = ndtr(ends)
    wanted = ndtri(below + u * (up_to - below))
    drawn = np.array([normal_between(*ends, value) for value in u])
    assert np.sort(drawn) == pytest.approx(wanted, abs=1e-6)
    mirrored = np.array([normal_between(-ends[1], -ends[0], value) for value in u])
    assert np.sort(-mirrored) == pytest.approx(wanted, abs=1e-6)
