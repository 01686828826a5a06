"""Graphs of networkx and models of dimod: nothing lost, nothing joined inside a partition."""

from itertools import product

import dimod
import networkx as nx
import pytest
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.interchange import from_dimod, from_networkx
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.exact import enumerate_states
from calo4pqvae.errors import SamplerError

lattices = pytest.importorskip("dwave.graphs", reason="the extra qpu is not installed")

GRAPHS = {
    "path": (nx.path_graph(7), 2),
    "even cycle": (nx.cycle_graph(8), 2),
    "odd cycle": (nx.cycle_graph(7), 3),
    "complete": (nx.complete_graph(6), 6),
    "lattice": (nx.grid_graph((4, 5)), 2),
    "bipartite at random": (nx.bipartite.random_graph(12, 9, 0.4, seed=1), 2),
    "Petersen": (nx.petersen_graph(), 3),
    "Zephyr": (lattices.zephyr_graph(3), 5),
    "Pegasus": (lattices.pegasus_graph(3), 4),
    "no edges": (nx.empty_graph(4), 1),
    "no nodes": (nx.empty_graph(0), 1),
    "directed, twice": (nx.MultiDiGraph([(0, 1), (1, 0), (1, 0), (1, 2)]), 2),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_every_edge_is_kept_and_few_colours_are_used(name):
    graph, colours = GRAPHS[name]
    found, names = from_networkx(graph), list(graph.nodes)
    place = found.labels if all(isinstance(n, tuple) for n in names) and names else None
    named = [names[k] for k in place] if place is not None else found.labels.tolist()
    edges = {frozenset((named[i], named[j])) for i, j in found.edges.T.tolist()}
    assert edges == {frozenset(edge[:2]) for edge in graph.edges}
    assert sorted(named) == sorted(names)
    assert found.sizes[0] == 0
    assert len(found.sizes) - 1 == colours


def test_clamped_nodes_are_partition_0_and_given_colours_are_taken():
    graph = nx.cycle_graph(6)
    found = from_networkx(graph, clamped=[3, 0], colour={1: 7, 2: 5, 4: 7, 5: 5})
    assert found.sizes == (2, 2, 2)
    assert found.labels.tolist() == [0, 3, 2, 5, 1, 4]
    assert from_networkx(graph, clamped=[3, 0]).sizes[0] == 2


@pytest.mark.parametrize(
    ("edges", "options", "message"),
    [
        ([(0, 0)], {}, "joins node 0 with itself"),
        ([(0, 1)], {"clamped": [2]}, "no node 2"),
        ([(0, 1), (1, 2)], {"clamped": [0, 1]}, "clamped nodes 0 and 1 are joined"),
        ([(0, 1)], {"colour": {0: 1}}, "node 1 has no colour"),
        ([(0, 1)], {"colour": {0: 1, 1: 1}}, "join nodes of one partition"),
    ],
)
def test_graphs_that_cannot_be_sampled_are_refused(edges, options, message):
    with pytest.raises(SamplerError, match=message):
        from_networkx(nx.Graph(edges), **options)


@pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
def test_energies_are_those_of_dimod(vartype):
    model = dimod.generators.gnp_random_bqm(7, 0.6, vartype, random_state=3)
    model.relabel_variables({k: f"x{k}" for k in range(7)})
    model.offset += 0.25
    problem, variables, offset = from_dimod(model, clamped=["x2"])
    assert variables[0] == "x2"
    states = enumerate_states(7)
    low = -1 if vartype == "SPIN" else 0
    samples = torch.where(states, 1, low).numpy()
    wanted = torch.from_numpy(model.energies((samples, variables)))
    torch.testing.assert_close(problem.energy(states) + offset, wanted, rtol=0, atol=1e-12)


def test_states_are_drawn_with_the_probabilities_of_dimod():
    """A spin glass on a triangle with a tail: 20,000 draws, chi-square at 1e-5."""
    model = dimod.BinaryQuadraticModel(
        {"a": 0.3, "b": -0.2}, {"ab": 0.7, "bc": -0.4, "ca": 0.9, "cd": 1.1}, "SPIN"
    )
    problem, variables, _ = from_dimod(model)
    states = choose_sampler(problem.graph, SharedNoise(1)).sample(
        problem, problem.graph.nothing_clamped(20_000), 100
    )
    spins = [dict(zip(variables, s, strict=True)) for s in product([-1, 1], repeat=4)]
    energies = torch.tensor([model.energy(s) for s in spins], dtype=torch.float64)
    expected = 20_000 * torch.softmax(-energies, dim=0)
    place = (states.long() * torch.tensor([8, 4, 2, 1])).sum(dim=1)
    counts = torch.bincount(place, minlength=16)
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    assert chi_square < 52.3  # of 15 degrees of freedom
    assert float(((counts - expected.flip(0)) ** 2 / expected.flip(0)).sum()) > 1000
