"""Variables that want each other find neighbouring qubits."""

import pytest
import torch

from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.lattices import zephyr
from calo4pqvae.boltzmann.placement import place
from calo4pqvae.boltzmann.three_colouring import free_all
from calo4pqvae.errors import SamplerError


def chain(n):
    wish = torch.zeros(n, n, dtype=torch.float64)
    near = torch.arange(n - 1)
    wish[near, near + 1] = wish[near + 1, near] = 1.0
    return wish


def met(wish, node, graph):
    joined = torch.zeros(graph.n_nodes, graph.n_nodes, dtype=torch.bool)
    joined[graph.edges[0], graph.edges[1]] = True
    joined = joined | joined.T
    return float((wish * joined[node][:, node]).sum() / wish.sum())


def test_a_chain_of_variables_becomes_a_path_on_the_chip():
    graph = free_all(zephyr(12))
    node = place(chain(40), graph)
    assert len(node.unique()) == 40
    assert met(chain(40), node, graph) > 0.95
    assert met(chain(40), torch.arange(40), graph) < 0.5


def test_the_same_seed_gives_the_same_places():
    graph = free_all(zephyr(5))
    assert torch.equal(place(chain(18), graph, 2), place(chain(18), graph, 2))


def test_clamped_nodes_stay_free_of_variables():
    graph = FourPartiteGraph.complete([3, 2, 2, 2])
    assert int(place(chain(6), graph).min()) >= 3


def test_too_many_variables_are_refused():
    with pytest.raises(SamplerError, match="9 variables do not fit 6 free nodes"):
        place(chain(9), FourPartiteGraph.complete([3, 2, 2, 2]))
