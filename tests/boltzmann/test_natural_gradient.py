"""The fit of a prior to all showers ends where the moments agree, exactly enumerated."""

import pytest
import torch

from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.machine import BoltzmannPrior
from calo4pqvae.boltzmann.natural_gradient import fit_likelihood, statistics
from calo4pqvae.boltzmann.samplers.exact import ExactSampler, enumerate_states

N = 6000


@pytest.fixture
def showers():
    """Bits with a common cause, which no graph without hidden nodes represents exactly."""
    generator = torch.Generator().manual_seed(2)
    t = torch.rand(N, 1, generator=generator)
    cause = torch.randn(N, 1, generator=generator)
    noise = torch.randn(N, 6, generator=generator)
    return (t + cause + 0.7 * noise) > torch.linspace(0, 1.5, 6), t


def gap(prior, bits, t):
    """Largest difference of a mean statistic between showers and the exact machine."""
    states = enumerate_states(6)
    empty = torch.zeros(1, 0, dtype=torch.bool)
    model = torch.zeros(statistics(prior, bits[:1], t[:1]).shape[1])
    grid = torch.sort(t[:, 0]).values[60::120][:, None]
    for x in grid:
        probability, _ = ExactSampler().conditional(prior.problem(x[None]), empty)
        each = statistics(prior, states, x.expand(len(states), 1))
        model += probability[0].float() @ each / len(grid)
    return float((statistics(prior, bits, t).mean(dim=0) - model).abs().max())


def test_the_moments_of_the_fit_are_those_of_the_showers(showers):
    graph = FourPartiteGraph.complete([0, 2, 2, 2])
    fits = {}
    for steps in (0, 40):
        prior = BoltzmannPrior(graph, 2, 0.0, coupling_bins=4)
        fit_likelihood(prior, *showers, steps=steps, sweeps=5, seed=1)
        fits[steps] = gap(prior, *showers)
    # A mean of 6,000 bits is good to 0.006, that of the chains, averaged over steps, to less.
    assert fits[40] < 0.01
    assert fits[40] < fits[0]


def test_independent_bits_need_no_chains(showers):
    prior = BoltzmannPrior(FourPartiteGraph.without([0, 2, 2, 2]), 2, 0.0)
    fit_likelihood(prior, *showers, steps=40, sweeps=5, seed=1)
    assert gap(prior, *showers) < 0.01
