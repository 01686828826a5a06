"""Annealed importance sampling against exact normalisers, with wrong twins.

With a free seed the checks of this file together would raise a false alarm about once in ten
thousand runs: fewer than a hundred pulls of `PULL` standard errors, 1e-6 each.
"""

from dataclasses import replace

import pytest
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.log_z import annealed
from calo4pqvae.boltzmann.log_z.annealed import (
    even_schedule,
    forward_log_z,
    matched_base,
    reverse_log_z,
)
from calo4pqvae.boltzmann.log_z.normaliser import LogZEstimate, exact_log_z
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.block_gibbs import GibbsSampler
from calo4pqvae.boltzmann.samplers.exact import ExactSampler, enumerate_states
from calo4pqvae.errors import SamplerError

SIZES = (2, 4, 4, 5)
CLAMPED = enumerate_states(2)
CHAINS = 1500
PULL = 4.9
STRENGTHS = {"moderate": 0.5, "strong": 1.5}


def machine(strength):
    """13 free nodes; each of the four clamped states has biases of its own."""
    generator = torch.Generator().manual_seed(11)
    graph = FourPartiteGraph.complete(SIZES)
    bias = torch.randn(4, graph.n_nodes, generator=generator)
    coupling = STRENGTHS[strength] * torch.randn(graph.n_edges, generator=generator)
    return BoltzmannProblem(graph, bias, coupling)


@pytest.fixture(params=STRENGTHS)
def problem(request):
    return machine(request.param)


def exact_samples(problem, seed=1, chains=CHAINS):
    bias = problem.bias.repeat_interleave(chains, dim=0)
    repeated = replace(problem, bias=bias)
    codes = CLAMPED.repeat_interleave(chains, dim=0)
    states = ExactSampler(SharedNoise(seed)).sample(repeated, codes)
    return states.reshape(4, chains, -1)


def forward(problem, n_temperatures=60, seed=0, sampler=GibbsSampler, **options):
    options = {"chains": CHAINS} | options
    drawer = sampler(problem.graph, SharedNoise(seed))
    return forward_log_z(problem, CLAMPED, drawer, even_schedule(n_temperatures), **options)


def reverse(problem, samples, n_temperatures=60, seed=0, **options):
    drawer = GibbsSampler(problem.graph, SharedNoise(seed))
    return reverse_log_z(problem, samples, drawer, even_schedule(n_temperatures), **options)


def agrees(estimate, exact):
    return bool(((estimate.value - exact).abs() <= PULL * estimate.error).all())


@pytest.mark.parametrize("matched", [False, True])
def test_both_directions_find_the_exact_value(problem, matched):
    base = matched_base(exact_samples(problem, seed=5, chains=200), 2) if matched else None
    exact = exact_log_z(problem, CLAMPED)
    lower = forward(problem, base=base)
    upper = reverse(problem, exact_samples(problem), base=base)
    for estimate in (lower, upper):
        assert agrees(estimate, exact)
        assert (estimate.error < 0.1).all()
        assert (estimate.effective_sample_size > 100).all()
        assert estimate.n_chains == CHAINS


def test_mean_weights_are_unbiased_even_on_a_short_schedule():
    """Weights of 6 temperatures are uneven, and yet average to Z and to 1/Z."""
    problem = machine("moderate")
    exact = exact_log_z(problem, CLAMPED)[:, None]
    up = forward(problem, 6, chains=4000).log_weights - exact
    down = reverse(problem, exact_samples(problem, chains=4000), 6).log_weights + exact
    for log_weights in (up, down):
        weights = log_weights.exp()
        error = weights.std(dim=1) / 4000**0.5
        assert (weights.std(dim=1) > 0.3).all()
        assert ((weights.mean(dim=1) - 1).abs() < PULL * error).all()
        # Their logarithms do not: what one chain says of ln Z is a bound.
        loose = log_weights.mean(dim=1) + PULL * log_weights.std(dim=1) / 4000**0.5
        assert (loose < 0).all()


def test_bounds_tighten_with_more_temperatures(problem):
    samples = exact_samples(problem, chains=400)
    gaps = []
    for n in (4, 16, 64):
        up = forward(problem, n, chains=400).log_weights.mean(dim=1)
        down = reverse(problem, samples, n).log_weights.mean(dim=1)
        gaps.append(-(up + down))
    assert (gaps[0] > 2 * gaps[1]).all()
    assert (gaps[1] > 2 * gaps[2]).all()
    assert (gaps[2] > 0).all()


class TooHot(GibbsSampler):
    """Draws from couplings that are 20 % too weak."""

    def sample(self, problem, clamped, sweeps, start=None):
        weak = replace(problem, coupling=0.8 * problem.coupling)
        return super().sample(weak, clamped, sweeps, start)


def joint(problem):
    found = forward(problem)
    return replace(found, value=found.value.logsumexp(dim=0).expand(4))


def mean_of_logarithms(problem):
    found = forward(problem, 6)
    return replace(found, value=found.log_weights.mean(dim=1))


def wrong_sign_in_the_base(problem):
    found = forward(problem)
    return replace(found, value=found.value - problem.field(CLAMPED).sum(dim=1))


TWINS = {
    "sampler too hot": lambda p: forward(p, sampler=TooHot),
    "wrong sign of the biases": lambda p: forward(replace(p, bias=-p.bias)),
    "another condition": lambda p: forward(replace(p, bias=p.bias.roll(1, dims=0))),
    "joint normaliser": joint,
    "mean of the logarithms": mean_of_logarithms,
    "wrong sign in the base": wrong_sign_in_the_base,
}


@pytest.mark.parametrize("kind", TWINS)
def test_the_check_catches_wrong_twins(problem, kind):
    assert not agrees(TWINS[kind](problem), exact_log_z(problem, CLAMPED))


def test_the_check_catches_a_temperature_skipped_in_the_weights(problem, monkeypatch):
    steps = iter(range(100))
    slope = annealed._Path.slope
    monkeypatch.setattr(
        annealed._Path, "slope", lambda path, z: slope(path, z) * (next(steps) != 40)
    )
    assert not agrees(forward(problem), exact_log_z(problem, CLAMPED))


def test_the_check_catches_samples_that_are_not_the_machines(problem, generator):
    samples = exact_samples(problem)
    samples[:, :, 2:] = torch.rand(4, CHAINS, 13, generator=generator) < 0.5
    assert not agrees(reverse(problem, samples), exact_log_z(problem, CLAMPED))


def test_any_sampler_and_schedule_will_do():
    """An exact sampler anneals without lag; an uneven schedule and more sweeps are taken."""
    problem = machine("strong")
    exact = exact_log_z(problem, CLAMPED)
    found = forward_log_z(
        problem, CLAMPED, ExactSampler(), even_schedule(20), chains=100, sweeps=3
    )
    assert agrees(found, exact)
    bent = even_schedule(40).square()
    sampler = GibbsSampler(problem.graph, SharedNoise(3))
    assert agrees(forward_log_z(problem, CLAMPED, sampler, bent, chains=1000), exact)


def test_default_base_is_exact_without_couplings_among_free_nodes():
    problem = machine("strong")
    coupling = problem.coupling * (problem.graph.edges[0] < 2)
    free = replace(problem, coupling=coupling)
    found = forward(free, 2, chains=8)
    exact = exact_log_z(free, CLAMPED)
    torch.testing.assert_close(
        found.log_weights, exact[:, None].expand(4, 8), rtol=1e-12, atol=0
    )


def test_one_row_of_biases_serves_all_conditions():
    problem = machine("moderate")
    one = replace(problem, bias=problem.bias[:1])
    four = replace(problem, bias=problem.bias[:1].expand(4, -1))
    assert torch.equal(
        forward(one, 5, chains=9).log_weights, forward(four, 5, chains=9).log_weights
    )


def test_same_seed_same_weights(problem):
    first, again, other = (forward(problem, 5, seed, chains=20) for seed in (3, 3, 4))
    assert torch.equal(first.log_weights, again.log_weights)
    assert not torch.equal(first.log_weights, other.log_weights)


def test_matched_base_takes_counts_and_stays_finite():
    samples = torch.zeros(1, 3, 4, dtype=torch.bool)
    samples[0, :, 2] = True
    samples[0, 0, 3] = True
    expected = torch.tensor([[3.5 / 0.5, 1.5 / 2.5]], dtype=torch.float64).log()
    torch.testing.assert_close(matched_base(samples, 2), expected)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ([], "must go from 0 to 1"),
        ([1.0], "must go from 0 to 1"),
        ([0.0, 0.5], "must go from 0 to 1"),
        ([1.0, 0.5, 0.0], "must go from 0 to 1"),
        ([0.0, 0.6, 0.4, 1.0], "must rise at every step"),
        ([0.0, 0.5, 0.5, 1.0], "must rise at every step"),
        ([0.0, float("nan"), 1.0], "must rise at every step"),
    ],
)
def test_bad_schedules_are_refused(schedule, message):
    problem = machine("moderate")
    sampler = GibbsSampler(problem.graph, SharedNoise(0))
    with pytest.raises(SamplerError, match=message):
        forward_log_z(problem, CLAMPED, sampler, torch.tensor(schedule))
    with pytest.raises(SamplerError, match=message):
        reverse_log_z(
            problem, exact_samples(problem, chains=3), sampler, torch.tensor(schedule)
        )


def test_requests_that_do_not_fit_are_refused():
    problem = machine("moderate")
    samples = exact_samples(problem, chains=5)
    with pytest.raises(SamplerError, match="at least 2 chains per condition, not 0"):
        forward(problem, chains=0)
    with pytest.raises(SamplerError, match="at least 2 chains per condition, not 0"):
        reverse(problem, samples[:, :0])
    with pytest.raises(SamplerError, match="at least 1 sweep, not 0"):
        forward(problem, sweeps=0)
    with pytest.raises(SamplerError, match="at least 2 temperatures, not 1"):
        even_schedule(1)
    with pytest.raises(SamplerError, match="do not fit 4 conditions of 13 free nodes"):
        forward(problem, base=torch.zeros(4, 12))
    with pytest.raises(SamplerError, match="sort them by condition"):
        reverse(problem, samples.transpose(0, 1)[:4])
    with pytest.raises(SamplerError, match="4 rows of biases do not fit 3 clamped states"):
        reverse(problem, samples[:3])


def test_estimates_are_plain_values():
    found = forward(machine("moderate"), 3, chains=4)
    assert isinstance(found, LogZEstimate)
    for values in (found.value, found.error, found.effective_sample_size):
        assert values.shape == (4,)
        assert values.dtype == torch.float64
