"""Numbers in sentences and tables: significant digits, no exponents."""

import numpy as np
import pytest

from calo4pqvae._core.numbers import plain


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [
        (100.0, 2, "100"),
        (99.96, 3, "100"),
        (16_071.2, 4, "16,070"),
        (1_234_567.0, 3, "1,230,000"),
        (0.09034, 3, "0.0903"),
        (0.000012, 2, "0.000012"),
        (9.996, 3, "10"),
        (-2.50, 3, "-2.5"),
        (0.0, 3, "0"),
        (float("inf"), 3, "inf"),
        (float("nan"), 3, "nan"),
        (7, 3, "7"),
    ],
)
def test_known_numbers(value, digits, written):
    assert plain(value, digits) == written


def test_they_are_those_that_were_given():
    """To half a unit of the last digit, over all sizes of floats that are met."""
    rng = np.random.default_rng(1)
    for value in 10 ** rng.uniform(-8, 8, 500) * rng.choice([-1, 1], 500):
        told = plain(float(value), 4)
        assert "e" not in told
        assert float(told.replace(",", "")) == pytest.approx(value, rel=5.01e-4)
