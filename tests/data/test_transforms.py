"""Eq. (1), its inverse, and the scaling of the incident energy."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from calo4pqvae.data.transforms import DELTA, EnergyScale, from_logits, to_logits
from calo4pqvae.errors import ConfigError, ShowerFileError

fractions = st.one_of(st.just(0.0), st.floats(1e-10, 1.0))


def voxel(value, dtype=torch.float32):
    return torch.full((1, 1, 1, 1), value, dtype=dtype)


def column(value, dtype=torch.float32):
    return torch.full((1, 1), value, dtype=dtype)


def literal(fraction):
    """Eq. (1) as the paper writes it; exact enough in double precision away from zero."""
    u = DELTA + (1 - 2 * DELTA) * fraction
    return math.log(u / (1 - u)) - math.log(DELTA / (1 - DELTA))


@given(fraction=fractions, e_inc=st.floats(1e3, 1e6))
def test_round_trip_in_float32(fraction, e_inc):
    e = column(e_inc)
    shower = (fraction * e).view(1, 1, 1, 1)
    back = from_logits(to_logits(shower, e), e)
    # x carries a rounding of 2e-6 at most, which exp turns into a relative error.
    assert float(back) == pytest.approx(float(shower), rel=5e-6, abs=0)


@given(fraction=st.floats(1e-6, 1.0))
def test_it_is_the_literal_formula(fraction):
    x = to_logits(voxel(1e5 * fraction, torch.float64), column(1e5, torch.float64))
    assert float(x) == pytest.approx(literal(fraction), rel=1e-8)


@pytest.mark.parametrize("fraction", [1e-9, 1e-6, 1e-3, 0.4999, 0.5, 0.9, 0.999999, 1.0])
def test_float32_keeps_six_digits_up_to_the_whole_energy(fraction):
    e = column(123_456.0)
    shower = (fraction * e).view(1, 1, 1, 1)
    exact = to_logits(shower.double(), e.double())
    assert float(to_logits(shower, e)) == pytest.approx(float(exact), rel=1e-6)


@pytest.mark.parametrize("transform", [to_logits, from_logits])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zero_stays_a_positive_zero(transform, dtype):
    made = transform(voxel(0.0, dtype), column(5e4, dtype))
    assert float(made) == 0
    assert not bool(torch.signbit(made))


def test_both_ways_rise_strictly():
    e = column(1e6).expand(200, 1)
    v = torch.logspace(-3, 6, 200).clamp(max=1e6).view(-1, 1, 1, 1)
    x = to_logits(v, e)
    assert (x.flatten().diff() > 0).all()
    assert (from_logits(x, e).flatten().diff() > 0).all()


def test_a_voxel_above_the_incident_energy_is_refused():
    showers = torch.tensor([10.0, 10.1, 11.0]).view(3, 1, 1, 1)
    with pytest.raises(ShowerFileError, match="2 voxels hold more than the incident energy"):
        to_logits(showers, torch.full((3, 1), 10.0))


def test_the_inverse_stays_finite_beyond_the_domain():
    made = from_logits(voxel(500.0), column(1e3))
    assert float(made) == pytest.approx(1e3, rel=1e-6)


def test_scaled_energy_ends_at_zero_and_one():
    t = EnergyScale()(torch.tensor([[1e3], [10**4.5], [1e6]]))
    assert t[0] == 0
    assert t[2] == 1
    assert float(t[1]) == pytest.approx(0.5, abs=1e-6)


def test_check_counts_and_names_the_first():
    scale = EnergyScale(1e3, 1e5)
    scale.check(torch.tensor([[1e3], [1e5], [1e3 * (1 - 1e-7)]]))
    with pytest.raises(ConfigError, match=r"2 of 4 .* 1 to 100 GeV .*first: 0\.5 GeV"):
        scale.check(torch.tensor([[2e3], [500.0], [2e5], [1e4]]))


def test_check_refuses_what_is_not_a_number():
    with pytest.raises(ConfigError, match="1 of 2"):
        EnergyScale().check(torch.tensor([[2e3], [math.nan]]))


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (5.0, 5.0), (5.0, 1.0), (-1.0, 1.0)])
def test_a_falling_range_is_refused(low, high):
    with pytest.raises(ConfigError, match="must rise"):
        EnergyScale(low, high)
