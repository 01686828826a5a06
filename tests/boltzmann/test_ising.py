"""0/1 nodes and spins have the same energy, up to the constant that is kept."""

import numpy as np
import torch

from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.ising import from_ising, to_bits, to_ising, to_spins
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.exact import enumerate_states


def random_problem(generator, chains):
    graph = FourPartiteGraph.complete((3, 3, 2, 3))
    bias = torch.randn(chains, graph.n_nodes, generator=generator, dtype=torch.float64)
    coupling = torch.randn(graph.n_edges, generator=generator, dtype=torch.float64)
    return BoltzmannProblem(graph, bias, coupling)


def test_energies_agree_for_every_state(generator):
    states = enumerate_states(11)
    problem = random_problem(generator, len(states))
    ising = to_ising(problem)
    spins = to_spins(states).double()
    i, j = problem.graph.edges
    h = (ising.field * spins).sum(dim=1) + (spins[:, i] * spins[:, j]) @ ising.coupling
    torch.testing.assert_close(
        h + ising.constant, problem.energy(states), rtol=1e-12, atol=1e-12
    )


def test_formulas_on_two_nodes():
    graph = FourPartiteGraph((1, 1, 0, 0), torch.tensor([[0], [1]]), torch.arange(2))
    ising = to_ising(BoltzmannProblem(graph, torch.tensor([[2.0, 4.0]]), torch.tensor([8.0])))
    assert ising.field.tolist() == [[-3.0, -4.0]]
    assert ising.coupling.tolist() == [-2.0]
    assert ising.constant.tolist() == [-5.0]


def test_bits_and_spins_go_both_ways(generator):
    bits = torch.rand(20, 30, generator=generator) < 0.5
    assert torch.equal(to_bits(to_spins(bits)), bits)
    assert set(to_spins(bits).unique().tolist()) == {-1, 1}


def test_arrays_are_converted_like_tensors(generator):
    bits = torch.rand(5, 7, generator=generator) < 0.5
    spins = to_spins(bits.numpy())
    assert spins.dtype == np.int8
    assert (spins == to_spins(bits).numpy()).all()
    assert (to_bits(spins) == bits.numpy()).all()


def test_a_problem_is_that_of_its_fields_and_couplings(generator):
    problem = random_problem(generator, 4)
    ising = to_ising(problem)
    again = from_ising(problem.graph, ising.field, ising.coupling)
    torch.testing.assert_close(again.bias, problem.bias, rtol=0, atol=1e-13)
    torch.testing.assert_close(again.coupling, problem.coupling, rtol=0, atol=0)
