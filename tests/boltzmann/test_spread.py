"""Values of clamped nodes: a permutation that leaves every free node small gaps."""

import numpy as np

from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.lattices import zephyr
from calo4pqvae.boltzmann.spread import spread_values


def largest_gaps(graph, values):
    """The largest gap that the clamped neighbours of each free node leave in [0, 1]."""
    (a, b), n = graph.edges.numpy(), graph.sizes[0]
    joined = [values[a[(b == node) & (a < n)]] for node in range(n, graph.n_nodes)]
    return np.array([np.diff(np.sort(np.r_[0, mine, 1])).max() for mine in joined])


def test_values_are_all_thresholds_once_and_the_same_again():
    graph = zephyr(24)
    values = spread_values(graph)
    np.testing.assert_allclose(np.sort(values), (np.arange(24) + 0.5) / 24)
    np.testing.assert_array_equal(values, spread_values(graph))
    assert (values != spread_values(graph, seed=1)).any()


def test_gaps_are_half_as_wide_as_in_the_order_of_the_chip():
    graph = zephyr(60)
    in_order = (np.arange(60) + 0.5) / 60
    found, plain = (np.median(largest_gaps(graph, v)) for v in (spread_values(graph), in_order))
    assert found < 0.65 * plain


def test_a_complete_graph_and_one_without_couplers_need_no_search():
    for graph in (PartiteGraph.complete([5, 2, 2, 2]), PartiteGraph.without([5, 2, 2, 2])):
        np.testing.assert_allclose(np.sort(spread_values(graph)), (np.arange(5) + 0.5) / 5)
