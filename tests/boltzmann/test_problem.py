"""Eq. (2) and the sampling problem, on a machine small enough to write out by hand."""

import pytest
import torch

from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.exact import enumerate_states
from calo4pqvae.errors import SamplerError

SIZES = (2, 3, 2, 3)


@pytest.fixture
def machine(generator):
    graph = FourPartiteGraph.complete(SIZES)
    bias = torch.randn(1, graph.n_nodes, generator=generator, dtype=torch.float64)
    coupling = torch.randn(graph.n_edges, generator=generator, dtype=torch.float64)
    return BoltzmannProblem(graph, bias, coupling)


def dense_matrices(problem):
    """The six matrices W^(p,q) of the paper."""
    w = torch.zeros(problem.graph.n_nodes, problem.graph.n_nodes, dtype=torch.float64)
    w[problem.graph.edges[0], problem.graph.edges[1]] = problem.coupling
    parts = problem.graph.partitions
    return {(p, q): w[parts[p], parts[q]] for p in range(4) for q in range(p + 1, 4)}


def test_energy_is_the_papers_sum(machine):
    matrices = dense_matrices(machine)
    a, b, c, d = (machine.bias[0, part] for part in machine.graph.partitions)
    states = enumerate_states(machine.graph.n_nodes)[::7]
    expected = []
    for state in states.double():
        v, h, s, t = (state[part] for part in machine.graph.partitions)
        nodes = -(a @ v) - b @ h - c @ s - d @ t
        pairs = [(v, h), (v, s), (v, t), (h, s), (h, t), (s, t)]
        for (x, y), w in zip(pairs, matrices.values(), strict=True):
            nodes = nodes - x @ w @ y
        expected.append(nodes)
    torch.testing.assert_close(
        machine.energy(states), torch.stack(expected), rtol=1e-13, atol=0
    )


def test_energy_takes_relaxed_bits_and_is_linear_in_each(machine, generator):
    z = torch.rand(1, machine.graph.n_nodes, generator=generator, dtype=torch.float64)
    for node in range(machine.graph.n_nodes):
        low, high = z.clone(), z.clone()
        low[0, node], high[0, node] = 0.0, 1.0
        between = torch.lerp(machine.energy(low), machine.energy(high), z[:, node])
        torch.testing.assert_close(machine.energy(z), between, rtol=1e-12, atol=1e-12)


def test_conditionals_follow_the_local_field(machine):
    """p(z_i = 1 | rest) from enumerated probabilities against the sigmoid of the field."""
    n = machine.graph.n_nodes
    states = enumerate_states(n)
    p = torch.softmax(-machine.energy(states), dim=0)
    w = torch.zeros(n, n, dtype=torch.float64)
    i, j = machine.graph.edges
    w[i, j] = w[j, i] = machine.coupling
    for node in range(n):
        flipped = torch.arange(len(states)) ^ (1 << (n - 1 - node))
        on = states[:, node]
        ratio = p[on] / (p[on] + p[flipped[on]])
        field = machine.bias[0, node] + states[on].double() @ w[node]
        torch.testing.assert_close(ratio, torch.sigmoid(field), rtol=1e-11, atol=0)


def test_each_chain_has_its_own_biases(machine, generator):
    bits = torch.rand(5, machine.graph.n_nodes, generator=generator) < 0.5
    bias = torch.randn(5, machine.graph.n_nodes, generator=generator, dtype=torch.float64)
    together = BoltzmannProblem(machine.graph, bias, machine.coupling).energy(bits)
    for k in range(5):
        alone = BoltzmannProblem(machine.graph, bias[k : k + 1], machine.coupling)
        torch.testing.assert_close(together[k : k + 1], alone.energy(bits[k : k + 1]))


@pytest.mark.parametrize("broken", ["nan bias", "inf coupling", "few biases", "few couplings"])
def test_malformed_problems_are_refused(machine, broken):
    bias, coupling = machine.bias.clone(), machine.coupling.clone()
    if broken == "nan bias":
        bias[0, 3] = torch.nan
    elif broken == "inf coupling":
        coupling[:2] = torch.inf
    elif broken == "few biases":
        bias = bias[:, :-1]
    else:
        coupling = coupling[:-1]
    with pytest.raises(SamplerError, match=r"not finite|do not fit"):
        BoltzmannProblem(machine.graph, bias, coupling)
