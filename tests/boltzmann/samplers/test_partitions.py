"""Graphs of any number of partitions: every sampler draws the enumerated distribution."""

import pytest
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.lattices import zephyr
from calo4pqvae.boltzmann.log_z.normaliser import exact_log_z
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.block_gibbs import GibbsSampler
from calo4pqvae.boltzmann.samplers.cpu.compiled import CompiledGibbs
from calo4pqvae.boltzmann.samplers.dimod_adapter import dwave_gibbs
from calo4pqvae.boltzmann.samplers.exact import ExactSampler, enumerate_states
from calo4pqvae.testing.statistics import states_p_value

CHAINS = 20_011
FALSE_ALARM = 1e-5  # of each comparison; there are fewer than thirty
GRAPHS = {
    "a restricted machine": PartiteGraph.complete((0, 4, 3)),
    "clamped visible nodes": PartiteGraph.complete((2, 5)),
    "four free partitions": zephyr(2).unclamped(),
    "five free partitions": PartiteGraph.complete((2, 1, 2, 1, 1, 2)),
}
SAMPLERS = {
    "compiled": lambda graph: CompiledGibbs(graph, SharedNoise(1)),
    "torch": lambda graph: GibbsSampler(graph, SharedNoise(2)),
    "exact": lambda graph: ExactSampler(SharedNoise(3)),  # noqa: ARG005
    "dimod": lambda graph: dwave_gibbs(graph, SharedNoise(4)),
}


def problem_on(graph):
    generator = torch.Generator().manual_seed(3)
    coupling = torch.randn(graph.n_edges, generator=generator)
    bias = torch.randn(1, graph.n_nodes, generator=generator)
    ends = torch.zeros(graph.n_nodes).index_add(0, graph.edges.flatten(), coupling.repeat(2))
    return BoltzmannProblem(graph, bias - ends / 2, coupling)


def p_value(sampler, problem):
    code = torch.ones(1, problem.graph.sizes[0], dtype=torch.bool)
    states = enumerate_states(problem.graph.n_nodes)
    here = (states[:, : code.shape[1]] == code).all(dim=1)
    probability = torch.softmax(-problem.double().energy(states[here]), dim=0)
    drawn = sampler.sample(problem, code.expand(CHAINS, -1), 100)[:, code.shape[1] :]
    condition = torch.zeros(CHAINS, dtype=torch.int64)
    return states_p_value(drawn, condition, probability[None])


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("kind", SAMPLERS)
def test_every_sampler_draws_all_partitions(name, kind):
    assert p_value(SAMPLERS[kind](GRAPHS[name]), problem_on(GRAPHS[name])) > FALSE_ALARM


def test_a_sampler_that_stops_at_the_third_partition_is_found():
    graph = GRAPHS["five free partitions"]
    stops = GibbsSampler(graph, SharedNoise(2))
    stops._rows = stops._rows[:3]
    assert p_value(stops, problem_on(graph)) < FALSE_ALARM


@pytest.mark.parametrize("name", GRAPHS)
def test_the_normaliser_sums_over_all_partitions(name):
    problem = problem_on(GRAPHS[name])
    codes = enumerate_states(problem.graph.sizes[0])
    states = enumerate_states(problem.graph.n_nodes)
    weights = (-problem.double().energy(states)).reshape(len(codes), -1)
    torch.testing.assert_close(exact_log_z(problem, codes), weights.logsumexp(dim=1))
