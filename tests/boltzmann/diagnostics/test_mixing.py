"""Statistics of traces against processes whose autocorrelation is known."""

import math

import pytest
import torch
from scipy.stats import binom

from calo4pqvae.boltzmann.diagnostics.mixing import (
    autocorrelation_time,
    effective_sample_size,
    split_r_hat,
)
from calo4pqvae.errors import SamplerError

QUANTITIES = 400
FALSE_ALARM = 1e-6
"""Per comparison; fewer than 1e-4 for this file."""


def autoregressive(phi, chains, sweeps, generator, quantities=QUANTITIES):
    r"""Chains of $x' = \phi x + \sqrt{1 - \phi^2} \xi$, whose time is (1 + phi) / (1 - phi)."""

    def draw():
        return torch.randn(chains, quantities, generator=generator, dtype=torch.float64)

    states = [draw()]
    for _ in range(sweeps - 1):
        states.append(phi * states[-1] + math.sqrt(1 - phi**2) * draw())
    return torch.stack(states, dim=1)


def coverage_p_value(times, truth):
    """P-value of how many of the intervals of two errors hold the truth, 95.4 % if normal.

    The window follows the estimate, which is skewed: 2 % more or fewer are granted.
    """
    inside = int(((times.value - truth).abs() < 2 * times.error).sum())
    n = len(times.value)
    below, above = binom.cdf(inside, n, 0.934), binom.sf(inside - 1, n, 0.974)
    return min(1.0, 2 * min(below, above))


@pytest.mark.parametrize(
    ("phi", "chains", "sweeps"), [(0.0, 8, 500), (0.5, 8, 1000), (0.9, 8, 2000), (0.9, 64, 400)]
)
def test_errors_of_the_time_hold_the_truth(phi, chains, sweeps, generator):
    times = autocorrelation_time(autoregressive(phi, chains, sweeps, generator))
    truth = (1 + phi) / (1 - phi)
    assert coverage_p_value(times, truth) > FALSE_ALARM
    assert float(times.value.mean()) == pytest.approx(truth, rel=0.04)


def test_coverage_catches_a_time_that_is_off(generator):
    """The twin's chains are 10 % slower, three times the error of one estimate."""
    times = autocorrelation_time(autoregressive(0.9, 64, 4000, generator, 100))
    assert coverage_p_value(times, 19.0) > FALSE_ALARM
    assert coverage_p_value(times, 19.0 / 1.1) < FALSE_ALARM


def test_alternating_chains_are_faster_than_independent_ones(generator):
    times = autocorrelation_time(autoregressive(-0.4, 64, 1000, generator))
    assert float(times.value.mean()) == pytest.approx(3 / 7, rel=0.05)


def test_time_is_that_of_the_defining_sum(generator):
    traces = autoregressive(0.6, 3, 50, generator, 1)
    times = autocorrelation_time(traces)
    centred = traces[..., 0] - traces.mean()
    window = int(times.window)
    products = [(centred[:, : 50 - t] * centred[:, t:]).mean() for t in range(window + 1)]
    tau = [1 + 2 * sum(products[1 : w + 1]) / products[0] for w in range(window + 1)]
    assert float(times.value) == pytest.approx(float(tau[window]))
    assert window >= 5 * tau[window]
    assert all(w < 5 * tau[w] for w in range(1, window))


def test_thinned_records_tell_the_same_time(generator):
    traces = autoregressive(0.9, 64, 4000, generator, 20)
    time = autocorrelation_time(traces).value.mean()
    thinned = 5 * autocorrelation_time(traces[:, ::5]).value.mean()
    assert float(thinned) == pytest.approx(5 / math.tanh(-2.5 * math.log(0.9)), rel=0.05)
    assert float(thinned / time) == pytest.approx(1.02, abs=0.03)


def test_effective_size_is_what_the_spread_of_means_says(generator):
    """The variance of 400 means of all chains is known to 7 %; five times that is allowed."""
    traces = autoregressive(0.8, 4, 2000, generator)
    size = effective_sample_size(traces)
    assert float(size.mean()) == pytest.approx(4 * 2000 / 9, rel=0.08)
    assert float(traces.mean(dim=(0, 1)).var() * size.mean()) == pytest.approx(1, rel=0.35)


def test_chains_that_agree_pass_r_hat(generator):
    """64 chains of 50 times per half, 400 quantities."""
    assert float(split_r_hat(autoregressive(0.5, 64, 400, generator)).max()) < 1.01


def test_r_hat_is_that_of_the_textbook(generator):
    traces = autoregressive(0.7, 5, 31, generator, 1)
    halves = [half for chain in traces[..., 0] for half in (chain[:15], chain[16:])]
    means = torch.stack([half.mean() for half in halves])
    b = 15 * ((means - means.mean()) ** 2).sum() / 9
    w = sum(((half - half.mean()) ** 2).sum() / 14 for half in halves) / 10
    assert float(split_r_hat(traces)) == pytest.approx(math.sqrt((14 / 15 * w + b / 15) / w))


@pytest.mark.parametrize("sides", ["chains", "halves"])
def test_r_hat_sees_modes(sides, generator):
    """Half of the chains, or the later half of each, lie one standard deviation higher."""
    traces = autoregressive(0.0, 16, 400, generator)
    if sides == "chains":
        traces[8:] += 1
    else:
        traces[:, 200:] += 1
    assert float(split_r_hat(traces).min()) > 1.05


def test_autocorrelation_sees_modes_between_chains(generator):
    traces = autoregressive(0.0, 16, 400, generator)
    traces[8:] += 1
    assert torch.isinf(autocorrelation_time(traces).value).all()


def test_what_does_not_change():
    """Constant; constant in each chain; constant in each half; one that changes as a check."""
    traces = torch.full((4, 20, 4), 0.1, dtype=torch.float64)
    traces[2:, :, 1] = 0.3
    traces[:, 10:, 2] = 0.3
    traces[:, ::2, 3] = 0.3
    times, r_hat = autocorrelation_time(traces), split_r_hat(traces)
    assert float(times.value[0]) == 1
    assert float(times.error[0]) == 0
    assert math.isinf(times.value[1])
    assert math.isinf(times.error[1])
    assert r_hat[:3].tolist() == [1, math.inf, math.inf]
    assert 0 < float(r_hat[3]) <= 1
    assert effective_sample_size(traces)[:2].tolist() == [80, 0]


@pytest.mark.parametrize("p", [0.5, 1e-2, 1e-3, 1e-4])
def test_rare_bits_are_neither_slow_nor_apart(p, generator):
    """Independent bits, 1.6 to 8192 of 16384 of them up, in windows as they are run."""
    bits = torch.rand(64, 256, 500, generator=generator) < p
    assert float(split_r_hat(bits.double()).max()) < 1.01
    assert float(autocorrelation_time(bits.double()).value.max()) < 3


def test_one_long_event_of_a_rare_bit_is_slow():
    bits = torch.zeros(64, 256, 1, dtype=torch.float64)
    bits[7, 30:45] = 1
    assert float(split_r_hat(bits)) > 1.05
    assert float(autocorrelation_time(bits).value) == pytest.approx(15, rel=0.1)


def test_traces_too_short_are_refused():
    for statistic in (autocorrelation_time, split_r_hat, effective_sample_size):
        with pytest.raises(SamplerError, match="at least 4 sweeps, not 3 of 8 chains"):
            statistic(torch.zeros(8, 3, 1, dtype=torch.float64))
        with pytest.raises(SamplerError, match="not 9 of 0 chains"):
            statistic(torch.zeros(0, 9, 1, dtype=torch.float64))
