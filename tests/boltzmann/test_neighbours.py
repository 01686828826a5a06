"""The neighbours of each node against the list of edges."""

import numpy as np

from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.lattices import zephyr
from calo4pqvae.boltzmann.neighbours import Neighbours


def test_each_entry_is_a_neighbour_and_the_edge_to_it():
    graph = zephyr(12)
    near, edges = Neighbours.of(graph), graph.edges.T.tolist()
    for node in range(graph.n_nodes):
        entries = slice(near.first[node], near.first[node + 1])
        found = near.node[entries].tolist()
        assert found == sorted(
            {other for pair in edges if node in pair for other in pair} - {node}
        )
        assert near.degree[node] == len(found) == graph.degree[node]
        for other, edge in zip(found, near.edge[entries], strict=True):
            assert edges[edge] == sorted((node, other))


def test_sums_over_the_entries_of_each_node():
    near = Neighbours.of(PartiteGraph.complete([1, 2, 0, 1]).unclamped())
    values = np.array([1.0, -2.0, 4.0, 3.0, -5.0, 6.0, 7.0, -8.0, 9.0, 1.0])
    assert near.sum(values).tolist() == [3.0, -2.0, 13.0, 2.0]
    assert near.largest_sum(values).tolist() == [5.0, 5.0, 13.0, 10.0]


def test_a_graph_without_edges_has_no_entries():
    near = Neighbours.of(PartiteGraph.without([0, 3]))
    assert near.first.tolist() == [0, 0, 0, 0]
    assert near.sum(np.zeros(0)).tolist() == [0.0, 0.0, 0.0]
