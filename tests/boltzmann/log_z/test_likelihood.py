"""Bounds of ln Z(u) and of the likelihood of showers, small and at the size of a real prior."""

import math

import pytest
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.lattices import zephyr
from calo4pqvae.boltzmann.log_z.annealed import even_schedule
from calo4pqvae.boltzmann.log_z.likelihood import log_z_bounds, mean_log_likelihood
from calo4pqvae.boltzmann.log_z.normaliser import conditional_log_likelihood, exact_log_z
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.block_gibbs import GibbsSampler
from calo4pqvae.errors import SamplerError

PULL = 4.9
"""Standard errors: 1e-6 false alarms per comparison, fewer than 1e-4 for this file."""
OPTIONS = {"chains": 400, "burn_in": 100}


@pytest.fixture
def prior(generator):
    prior = BoltzmannMachine(FourPartiteGraph.complete((2, 4, 4, 4)), 2, 0.7, generator)
    prior.bias[1:] = torch.randn(2, 14, generator=generator)
    return prior


@pytest.fixture
def showers(generator):
    """Bits and scaled energies of nine showers at four energies, not in their order."""
    t = torch.tensor([0.9, 0.1, 0.5, 0.9, 0.3, 0.1, 0.1, 0.5, 0.9])[:, None]
    bits = torch.rand(9, 14, generator=generator) < 0.5
    bits[:, :2] = torch.cat([t > 0.4, t > 0.8], dim=1)
    return bits, t


def sampler(prior):
    return GibbsSampler(prior.graph, SharedNoise(0))


def test_bounds_hold_the_exact_value(prior):
    t = torch.linspace(0, 1, 4)[:, None]
    clamped = torch.cat([t > 0.4, t > 0.8], dim=1)
    problem = prior.problem(t)
    exact = exact_log_z(problem, clamped)
    bounds = log_z_bounds(problem, clamped, sampler(prior), even_schedule(50), **OPTIONS)
    for side in (bounds.lower, bounds.upper):
        assert ((side.value - exact).abs() < PULL * side.error).all()
        assert (side.error < 0.02).all()


def test_mean_likelihood_lies_between_its_bounds(prior, showers):
    bits, t = showers
    log_z = exact_log_z(prior.problem(t), bits[:, :2])
    each = conditional_log_likelihood(prior.problem(t), bits, log_z)
    exact, spread = float(each.mean()), float(each.std()) / 3
    found = mean_log_likelihood(prior, bits, t, sampler(prior), even_schedule(50), **OPTIONS)
    # Each of the four values of ln Z is known to 0.02 nats: see the errors asserted above.
    assert found.lower == pytest.approx(exact, abs=PULL * 0.02)
    assert found.upper == pytest.approx(exact, abs=PULL * 0.02)
    assert found.lower_error == pytest.approx(spread, rel=0.02)
    assert found.upper_error == pytest.approx(spread, rel=0.02)
    assert found.n_states == 9


def test_upper_normaliser_makes_the_lower_likelihood(prior, showers):
    """Recomputed shower by shower from the bounds at the four energies in rising order."""
    bits, t = showers
    codes = torch.tensor([[0, 0], [0, 0], [1, 0], [1, 1]]).bool()
    levels = torch.tensor([0.1, 0.3, 0.5, 0.9])[:, None]
    options = {"chains": 10, "burn_in": 3}
    bounds = log_z_bounds(
        prior.problem(levels), codes, sampler(prior), even_schedule(4), **options
    )
    found = mean_log_likelihood(prior, bits, t, sampler(prior), even_schedule(4), **options)
    number = [levels[:, 0].tolist().index(value) for value in t[:, 0].tolist()]
    for side, value, error in (
        (bounds.upper, found.lower, found.lower_error),
        (bounds.lower, found.upper, found.upper_error),
    ):
        each = [
            -float(prior.energy(bits[k : k + 1], t[k : k + 1])) - float(side.value[c])
            for k, c in enumerate(number)
        ]
        mean = sum(each) / 9
        variance = sum((x - mean) ** 2 for x in each) / 8 / 9
        variance += sum((number.count(c) / 9 * float(side.error[c])) ** 2 for c in range(4))
        assert value == pytest.approx(mean, abs=1e-5)
        assert error == pytest.approx(math.sqrt(variance), rel=1e-5)


@pytest.fixture(scope="module")
def large():
    """A random machine on Zephyr with 252 free nodes, and two clamped states."""
    generator = torch.Generator().manual_seed(5)
    graph = zephyr(84)
    bias = torch.randn(2, graph.n_nodes, generator=generator)
    coupling = 0.5 * torch.randn(graph.n_edges, generator=generator)
    clamped = torch.rand(2, 84, generator=generator) < 0.5
    return BoltzmannProblem(graph, bias, coupling), clamped


def large_gap(large, n_temperatures, **options):
    """Upper minus lower bound, and its error."""
    problem, clamped = large
    sampler = GibbsSampler(problem.graph, SharedNoise(7))
    schedule = even_schedule(n_temperatures)
    bounds = log_z_bounds(problem, clamped, sampler, schedule, **options)
    gap = bounds.upper.value - bounds.lower.value
    return gap, torch.hypot(bounds.upper.error, bounds.lower.error)


def test_directions_meet_on_zephyr(large):
    gap, error = large_gap(large, 200, burn_in=100)
    assert (gap.abs() < PULL * error).all()
    assert (error < 0.1).all()


def test_directions_cross_if_random_bits_pass_for_samples(large):
    gap, error = large_gap(large, 20, chains=512, burn_in=0)
    assert (gap < -PULL * error).all()


def test_requests_that_do_not_fit_are_refused(prior, showers):
    bits, t = showers
    with pytest.raises(SamplerError, match="at least 2 states, not 1"):
        mean_log_likelihood(prior, bits[:1], t[:1], sampler(prior), even_schedule(3))
    with pytest.raises(SamplerError, match="at least 2 chains per condition, not 0"):
        mean_log_likelihood(prior, bits, t, sampler(prior), even_schedule(3), chains=0)
