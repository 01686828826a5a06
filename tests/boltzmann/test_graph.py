"""Four-partite graphs: what they refuse, the complete one, and their description."""

import json

import pytest
import torch

from calo4pqvae.boltzmann.graph import FourPartiteGraph, PartiteGraph
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


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PartiteGraph.complete([3]), "at least one more"),
        (lambda: PartiteGraph.without([-1, 3]), "0 or more nodes"),
        (lambda: FourPartiteGraph.complete([2, 2, 2]), "four sizes, not 3"),
        (lambda: PartiteGraph.complete([1, 2]).nothing_clamped(3), "partition 0 has 1 nodes"),
    ],
)
def test_numbers_of_partitions_that_make_no_sense_are_refused(make, message):
    with pytest.raises(SamplerError, match=message):
        make()


def test_free_nodes_keep_their_labels_and_the_edges_among_them():
    graph = zephyr(12)
    free = graph.free()
    assert type(free) is FourPartiteGraph
    assert free.sizes == (0, 12, 12, 12)
    assert torch.equal(free.labels, graph.labels[12:])
    kept = {tuple(pair) for pair in free.labels[free.edges].T.tolist()}
    labels, clamped = graph.labels[graph.edges].T.tolist(), set(graph.labels[:12].tolist())
    assert kept == {tuple(pair) for pair in labels if not clamped & set(pair)}


def test_an_unclamped_graph_is_the_same_with_one_more_partition():
    graph = zephyr(12)
    whole = graph.unclamped()
    assert whole.sizes == (0, 12, 12, 12, 12)
    assert torch.equal(whole.edges, graph.edges)
    assert torch.equal(whole.labels, graph.labels)
    assert torch.equal(whole.partition_of_node, graph.partition_of_node + 1)
