"""The fit to all states at once ends where the moments agree, exactly enumerated."""

import pytest
import torch

from calo4pqvae.boltzmann.graph import FourPartiteGraph, PartiteGraph
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.boltzmann.natural_gradient import fit_likelihood, statistics
from calo4pqvae.boltzmann.samplers.exact import ExactSampler, enumerate_states

N = 6000


@pytest.fixture
def data():
    """Bits with a common cause, which no graph without hidden nodes represents exactly."""
    generator = torch.Generator().manual_seed(2)
    t = torch.rand(N, 1, generator=generator)
    cause = torch.randn(N, 1, generator=generator)
    noise = torch.randn(N, 6, generator=generator)
    return (t + cause + 0.7 * noise) > torch.linspace(0, 1.5, 6), t


def gap(prior, bits, t):
    """Largest difference of a mean statistic between data and the exact machine."""
    states = enumerate_states(6)
    empty = torch.zeros(1, 0, dtype=torch.bool)
    model = torch.zeros(statistics(prior, bits[:1], t[:1]).shape[1])
    grid = torch.sort(t[:, 0]).values[60::120][:, None]
    for x in grid:
        probability, _ = ExactSampler().conditional(prior.problem(x[None]), empty)
        each = statistics(prior, states, x.expand(len(states), 1))
        model += probability[0].float() @ each / len(grid)
    return float((statistics(prior, bits, t).mean(dim=0) - model).abs().max())


def test_the_moments_of_the_fit_are_those_of_the_showers(data):
    graph = FourPartiteGraph.complete([0, 2, 2, 2])
    fits = {}
    for steps in (0, 40):
        prior = BoltzmannMachine(graph, 2, 0.0, coupling_bins=4)
        fit_likelihood(prior, *data, steps=steps, sweeps=5, seed=1)
        fits[steps] = gap(prior, *data)
    # A mean of 6,000 bits is good to 0.006, that of the chains, averaged over steps, to less.
    assert fits[40] < 0.01
    assert fits[40] < fits[0]


def test_independent_bits_need_no_chains(data):
    prior = BoltzmannMachine(FourPartiteGraph.without([0, 2, 2, 2]), 2, 0.0)
    fit_likelihood(prior, *data, steps=40, sweeps=5, seed=1)
    assert gap(prior, *data) < 0.01


def test_a_clamped_partition_is_held_where_the_states_have_it(data):
    """The exact gradient of the conditional likelihood vanishes at the fit."""
    bits, _ = data
    machine = BoltzmannMachine(PartiteGraph.complete([2, 2, 2]))
    gaps = []
    for steps in (0, 40):
        fit_likelihood(machine, bits, steps=steps, sweeps=5, seed=1)
        codes, number = bits[:, :2].unique(dim=0, return_inverse=True)
        probability, free = ExactSampler().conditional(machine.problem(), codes)
        share = torch.bincount(number) / len(bits)
        model = torch.zeros(machine.graph.n_edges + machine.graph.n_nodes)
        for code, p, weight in zip(codes, probability, share, strict=True):
            states = torch.cat([code.expand(len(free), -1), free], dim=1)
            t = torch.zeros(len(states), 1)
            model += weight * (p.float() @ statistics(machine, states, t))
        here = statistics(machine, bits, torch.zeros(N, 1)).mean(dim=0)
        gaps.append(float((here - model).abs().max()))
    assert gaps[1] < gaps[0] / 2  # 0.0015 where pseudo-likelihood has 0.0052
