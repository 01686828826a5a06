"""P-values of the suite: false-alarm rates by simulation, values by plain loops."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm

from calo4pqvae.boltzmann.samplers.exact import enumerate_states
from calo4pqvae.testing.statistics import (
    chi_square_p_value,
    deviation_p_value,
    frequency_deviations,
    lag_deviations,
    merge_rare_bins,
    states_p_value,
)

BINS = st.lists(
    st.tuples(st.integers(0, 50), st.floats(0, 40, allow_subnormal=False)),
    min_size=1,
    max_size=30,
)


def alarms_are_as_rare_as_stated(p_values, rate):
    """Whether the share below `rate` fits it; untrue for one right sample in ten thousand."""
    seen = int((np.asarray(p_values) < rate).sum())
    return binom.ppf(5e-5, len(p_values), rate) <= seen <= binom.isf(5e-5, len(p_values), rate)


@given(BINS)
def test_merged_bins_are_large_enough_and_lose_nothing(bins):
    observed, expected = (np.array(column) for column in zip(*bins, strict=True))
    counts, wanted = merge_rare_bins(observed, expected.astype(float))
    assert counts.sum() == observed.sum()
    assert wanted.sum() == pytest.approx(expected.sum())
    assert len(wanted) == 1 or wanted.min() >= 5
    assert len(wanted) >= (expected >= 5).sum()


def test_rare_bins_are_joined_with_one_another_first():
    observed, expected = np.array([3, 9, 1, 4, 50]), np.array([3.0, 8.0, 2.5, 0.5, 40.0])
    counts, wanted = merge_rare_bins(observed, expected)
    assert counts.tolist() == [50, 9, 8]
    assert wanted.tolist() == [40.0, 8.0, 6.0]
    counts, wanted = merge_rare_bins(observed[1:], expected[1:])
    assert counts.tolist() == [50, 14]
    assert wanted.tolist() == [40.0, 11.0]


def test_chi_square_raises_false_alarms_at_its_rate(rng):
    weight = np.exp(rng.normal(0, 1.5, 100))
    p = weight / weight.sum()
    samples = rng.multinomial(2000, p, size=10_000)
    p_values = [chi_square_p_value(row, 2000 * p) for row in samples]
    assert alarms_are_as_rare_as_stated(p_values, 1e-2)
    assert (np.array(p_values) < 1e-4).sum() <= 10
    wrong = rng.multinomial(2000, np.roll(p, 1), size=10)
    assert max(chi_square_p_value(row, 2000 * p) for row in wrong) < 1e-4


def test_chi_square_at_the_edges():
    assert chi_square_p_value(np.array([4]), np.array([4.0])) == 1.0
    assert chi_square_p_value(np.array([9, 1]), np.array([10.0, 0.0])) == 0.0


def test_states_are_numbered_as_enumerated():
    states = enumerate_states(4).repeat(50, 1)
    condition = torch.zeros(len(states), dtype=torch.int64)
    distribution = torch.zeros(1, 16)
    distribution[0] = 1 / 16
    assert states_p_value(states, condition, distribution) == 1.0
    skewed = torch.arange(1.0, 17)[None] / 136
    repeated = enumerate_states(4).repeat_interleave(10 * torch.arange(1, 17), dim=0)
    condition = torch.zeros(len(repeated), dtype=torch.int64)
    assert states_p_value(repeated, condition, skewed) == 1.0
    assert states_p_value(repeated.flip(1), condition, skewed) < 1e-10


def test_one_wrong_condition_is_seen_among_right_ones(rng):
    distribution = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]])
    condition = torch.arange(4000) % 2
    uniform = torch.from_numpy(rng.random((4000, 1))).float()
    number = torch.searchsorted(distribution[condition].cumsum(1), uniform)[:, 0]
    states = enumerate_states(2)[number]
    assert states_p_value(states, condition, distribution) > 1e-4
    assert states_p_value(states, condition, distribution[[0, 0]]) < 1e-4


def test_frequencies_deviate_as_normal_numbers_do(rng):
    p = torch.from_numpy(rng.uniform(0.2, 0.8, (4000, 1))).expand(-1, 2000)
    events = torch.from_numpy(rng.random((4000, 2000))) < p
    z = frequency_deviations(events, p)
    assert alarms_are_as_rare_as_stated(2 * norm.sf(np.abs(z)), 1e-2)
    plain = (events[:, 0].double() - p[:, 0]).sum() / (p[:, 0] * (1 - p[:, 0])).sum().sqrt()
    assert z[0] == pytest.approx(float(plain))


def test_rare_events_are_left_out():
    p = torch.tensor([0.5, 0.001, 0.0]).expand(4000, -1)
    assert frequency_deviations(torch.zeros(4000, 3, dtype=torch.bool), p).shape == (1,)
    assert deviation_p_value(np.empty(0)) == 1.0


@pytest.mark.parametrize("n", [40, 41])
def test_lags_are_those_of_a_plain_loop(generator, n):
    a, b = torch.randn(2, n, 3, generator=generator)
    across = [(a * b.roll(-lag, 0)).sum(dim=0) / n**0.5 for lag in range(n)]
    np.testing.assert_allclose(lag_deviations(a, b), torch.stack(across), atol=1e-5)
    alone = [(a * a.roll(-lag, 0)).sum(dim=0) / n**0.5 for lag in range(1, (n + 1) // 2)]
    np.testing.assert_allclose(lag_deviations(a), torch.stack(alone), atol=1e-5)


@pytest.mark.parametrize("columns", [1, 5])
def test_independent_chains_raise_false_alarms_at_the_rate(generator, columns):
    bits = torch.rand(1000, 997, columns, generator=generator) < 0.35
    standard = (bits.double() - 0.35) / (0.35 * 0.65) ** 0.5
    p_values = [deviation_p_value(lag_deviations(chains)) for chains in standard]
    assert (np.array(p_values) < 0.05).mean() == pytest.approx(0.05, abs=0.03)
    shared = standard[0].clone()
    shared[600:] = shared[:397]
    assert deviation_p_value(lag_deviations(shared)) < 1e-4
