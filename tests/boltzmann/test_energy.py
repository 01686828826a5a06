"""The energy operator against the sum of eq. (2), and what it does not notice."""

import pytest
import torch

from calo4pqvae.boltzmann.energy import EnergyOperator
from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.problem import BoltzmannProblem


@pytest.mark.parametrize("rows", [1, 50])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_operator_is_the_sum_in_double_precision(generator, rows, dtype):
    graph = PartiteGraph.complete([2, 4, 3])
    bias = torch.randn(rows, graph.n_nodes, generator=generator, dtype=dtype)
    coupling = torch.randn(graph.n_edges, generator=generator, dtype=dtype)
    bits = torch.rand(50, graph.n_nodes, generator=generator) < 0.5
    found = EnergyOperator(graph, coupling, bias)(bits)
    plain = [
        -sum(float(b) for b, z in zip(row, state, strict=True) if z)
        - sum(
            float(w)
            for (i, j), w in zip(graph.edges.T.tolist(), coupling, strict=True)
            if state[i] and state[j]
        )
        for row, state in zip(bias.expand(50, -1), bits.tolist(), strict=True)
    ]
    torch.testing.assert_close(
        found, torch.tensor(plain, dtype=torch.float64), rtol=0, atol=1e-12
    )
    whole = BoltzmannProblem(graph, bias, coupling).double().energy(bits)
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-12)


def test_relaxed_bits_and_no_biases_are_possible(generator):
    graph = PartiteGraph.complete([0, 2, 2])
    coupling = torch.randn(4, generator=generator, dtype=torch.float64)
    bits = torch.rand(5, 4, generator=generator, dtype=torch.float64)
    problem = BoltzmannProblem(graph, torch.zeros(1, 4, dtype=torch.float64), coupling)
    torch.testing.assert_close(EnergyOperator(graph, coupling)(bits), problem.energy(bits))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_later_change_of_the_tensors_does_not_reach_the_operator(dtype):
    graph = PartiteGraph.complete([0, 1, 1])
    bias, coupling = torch.ones(1, 2, dtype=dtype), torch.ones(1, dtype=dtype)
    operator = EnergyOperator(graph, coupling, bias)
    bias += 1
    coupling += 1
    assert float(operator(torch.ones(1, 2, dtype=torch.bool))) == -3.0
