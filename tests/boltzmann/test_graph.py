"""Four-partite graphs: what they refuse, the complete one, and their description."""

import json

import pytest
import torch

from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.lattices import zephyr
from calo4pqvae.errors import SamplerError


def test_complete_graph_joins_all_but_partners():
    graph = FourPartiteGraph.complete((2, 3, 1, 4))
    pairs = {tuple(pair) for pair in graph.edges.T.tolist()}
    part = [0, 0, 1, 1, 1, 2, 3, 3, 3, 3]
    expected = {(i, j) for i in range(10) for j in range(i + 1, 10) if part[i] != part[j]}
    assert pairs == expected
    assert graph.partition_of_node.tolist() == part
    assert [list(range(10))[p] for p in graph.partitions] == [
        [0, 1],
        [2, 3, 4],
        [5],
        [6, 7, 8, 9],
    ]
    assert (graph.n_nodes, graph.n_edges, graph.n_latents) == (10, len(expected), 8)
    assert graph.degree.tolist() == [10 - part.count(p) for p in part]


@pytest.mark.parametrize("graph", [zephyr(12), FourPartiteGraph.complete((1, 2, 2, 1))])
def test_description_round_trip(graph):
    again = FourPartiteGraph.from_dict(json.loads(json.dumps(graph.to_dict())))
    assert again.sizes == graph.sizes
    assert again.lattice == graph.lattice
    assert torch.equal(again.edges, graph.edges)
    assert torch.equal(again.labels, graph.labels)


def test_a_graph_without_couplers_survives_the_round_trip():
    graph = FourPartiteGraph.complete((2, 0, 0, 0))
    again = FourPartiteGraph.from_dict(graph.to_dict())
    assert again.edges.shape == (2, 0)


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([[0], [1]], "join nodes of one partition"),
        ([[0, 0], [2, 2]], "listed twice"),
        ([[0], [8]], "nodes 0 to 7"),
        ([[-1], [2]], "nodes 0 to 7"),
        ([[4], [0]], "i < j"),
        ([[2], [2]], "i < j"),
    ],
)
def test_bad_couplers_are_refused(edges, message):
    with pytest.raises(SamplerError, match=message):
        FourPartiteGraph((2, 2, 2, 2), torch.tensor(edges), torch.arange(8))


def test_labels_must_fit():
    with pytest.raises(SamplerError, match="8 labels, not 7"):
        FourPartiteGraph((2, 2, 2, 2), torch.tensor([[0], [2]]), torch.arange(7))
