"""The enumerating sampler, itself tested against plain loops."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.exact import ExactSampler, enumerate_states
from calo4pqvae.errors import SamplerError

CHAINS = 4000


@pytest.fixture
def problem(generator):
    graph = FourPartiteGraph.complete((2, 2, 1, 2))
    bias = torch.randn(1, graph.n_nodes, generator=generator, dtype=torch.float64)
    coupling = torch.randn(graph.n_edges, generator=generator, dtype=torch.float64)
    return BoltzmannProblem(graph, bias, coupling)


def weight(problem, state):
    """exp(-E) of one state by a plain loop."""
    total = sum(b * z for b, z in zip(problem.bias[0].tolist(), state, strict=True))
    for (i, j), w in zip(
        problem.graph.edges.T.tolist(), problem.coupling.tolist(), strict=True
    ):
        total += w * state[i] * state[j]
    return np.exp(total)


def expected_probabilities(problem, clamped):
    weights = [weight(problem, (*clamped, *free)) for free in product((0, 1), repeat=5)]
    return np.array(weights) / sum(weights)


def test_states_are_counted_in_binary():
    states = enumerate_states(4)
    assert [tuple(s) for s in states.int().tolist()] == list(product((0, 1), repeat=4))


def test_conditional_probabilities(problem):
    clamped = enumerate_states(2)
    found, states = ExactSampler().conditional(problem, clamped)
    assert torch.equal(states, enumerate_states(5))
    for row, pattern in zip(found, clamped.int().tolist(), strict=True):
        np.testing.assert_allclose(
            row.numpy(), expected_probabilities(problem, pattern), rtol=1e-12
        )


def test_samples_follow_the_probabilities(problem):
    clamped = torch.tensor([[True, False]]).expand(CHAINS, -1)
    states = ExactSampler(SharedNoise(1)).sample(problem, clamped)
    assert torch.equal(states[:, :2], clamped)
    number = (states[:, 2:].long() * 2 ** torch.arange(4, -1, -1)).sum(dim=1)
    observed = np.bincount(number.numpy(), minlength=32)

    def p_value(pattern):
        wanted = expected_probabilities(problem, pattern) * CHAINS
        return chisquare(observed, wanted * (observed.sum() / wanted.sum())).pvalue

    # False alarms: one in ten thousand seeds. Another clamped state must not pass.
    assert p_value((1, 0)) > 1e-4
    assert p_value((1, 1)) < 1e-4


def test_rows_of_biases_belong_to_chains(problem):
    bias = torch.cat([problem.bias, problem.bias.flip(1)])
    both = BoltzmannProblem(problem.graph, bias, problem.coupling)
    found, _ = ExactSampler().conditional(both, torch.ones(2, 2, dtype=torch.bool))
    alone, _ = ExactSampler().conditional(
        BoltzmannProblem(problem.graph, bias[1:], problem.coupling),
        torch.ones(1, 2, dtype=torch.bool),
    )
    torch.testing.assert_close(found[1:], alone)
    assert not torch.allclose(found[0], found[1])


def test_requests_that_do_not_fit_are_refused(problem):
    with pytest.raises(SamplerError, match="clamped states have 3 nodes"):
        ExactSampler().sample(problem, torch.ones(1, 3, dtype=torch.bool))
    two = BoltzmannProblem(problem.graph, problem.bias.expand(2, -1), problem.coupling)
    with pytest.raises(SamplerError, match="2 rows of biases do not fit 5 chains"):
        ExactSampler().sample(two, torch.ones(5, 2, dtype=torch.bool))
    with pytest.raises(SamplerError, match="24 nodes is the limit"):
        enumerate_states(25)


def test_sampling_in_blocks_changes_nothing(problem, monkeypatch):
    """Each chain keeps its own code, biases and random number."""
    clamped = enumerate_states(2)[torch.arange(CHAINS) % 4]
    bias = problem.bias * torch.linspace(-1, 1, CHAINS, dtype=torch.float64)[:, None]
    for case in (problem, BoltzmannProblem(problem.graph, bias, problem.coupling)):
        whole = ExactSampler(SharedNoise(1)).sample(case, clamped)
        with monkeypatch.context() as patch:
            patch.setattr("calo4pqvae.boltzmann.samplers.exact._BLOCK", 1000)
            assert torch.equal(ExactSampler(SharedNoise(1)).sample(case, clamped), whole)


def test_the_stream_can_be_stored_and_restored(problem):
    clamped = torch.zeros(50, 2, dtype=torch.bool)
    sampler = ExactSampler(SharedNoise(1))
    state = sampler.noise.state()
    first = sampler.sample(problem, clamped)
    assert not torch.equal(sampler.sample(problem, clamped), first)
    sampler.noise.restore(state)
    assert torch.equal(sampler.sample(problem, clamped), first)
