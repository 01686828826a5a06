"""Symmetries keep couplers, and the search finds a place that an exhaustive look confirms."""

import numpy as np
import pytest

from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.annealer.programs.placement import place
from calo4pqvae.annealer.programs.search import search_place
from calo4pqvae.annealer.programs.symmetry import coordinates, numbers, symmetric_places
from calo4pqvae.boltzmann.lattices import pegasus, zephyr
from calo4pqvae.errors import AnnealerError


@pytest.mark.parametrize(
    ("graph", "topology", "grid", "m", "n_places"),
    [(zephyr(12, m=2), "zephyr", 2, 3, 8), (pegasus(10), "pegasus", 3, 4, 4)],
)
def test_symmetries_keep_every_coupler(graph, topology, grid, m, n_places):
    chip, labels = WorkingGraph.perfect(topology, (m, 4)[: 2 - (topology != "zephyr")]), None
    labels = graph.labels.numpy()
    places = list(symmetric_places(topology, labels, grid, m))
    assert len(places) >= n_places
    assert len({place.tobytes() for place in places}) >= len(places) // 2
    for qubits in places:
        assert len(np.unique(qubits)) == len(labels)
        assert chip.has_couplers(qubits[graph.edges.numpy().T]).all()


def test_coordinates_and_numbers_are_inverse():
    for topology, m, n in (("zephyr", 3, 336), ("pegasus", 4, 288)):
        qubits = np.arange(n)
        assert np.array_equal(numbers(topology, coordinates(topology, qubits, m), m), qubits)


@pytest.mark.parametrize("seed", range(6))
def test_a_hidden_place_is_found(seed):
    """Only the couplers of one place work, its lines exchanged: no other place is whole."""
    rng = np.random.default_rng(seed)
    graph = zephyr(6, m=1)
    labels, edges = graph.labels.numpy(), graph.edges.numpy()
    perfect = WorkingGraph.perfect("zephyr", (3, 4))
    places = list(symmetric_places("zephyr", labels, 1, 3))
    at = coordinates("zephyr", places[rng.integers(len(places))], 3)
    orders = np.array([rng.permutation(4) for _ in range(2 * 7)])
    hidden = numbers("zephyr", at._replace(k=orders[at.u * 7 + at.line, at.k]), 3)
    keep = rng.random(len(perfect.couplers)) < 0.5
    kept = {tuple(pair) for pair in perfect.couplers[keep].tolist()}
    kept |= {tuple(sorted(pair)) for pair in hidden[edges.T].tolist()}
    chip = WorkingGraph(
        "holes", "zephyr", (3, 4), perfect.qubits, np.array(sorted(kept), dtype=np.int64)
    )
    found = search_place(labels, 1, edges, np.ones(edges.shape[1]), chip, seed=seed)
    assert found.price == found.lost.sum() == (~chip.has_couplers(found.qubits[edges.T])).sum()
    assert found.price <= 0.1 * edges.shape[1]


def test_nodes_leave_qubits_that_do_not_work():
    """All symmetric places have a hole, and there is room beside them."""
    graph = zephyr(12, m=1)
    perfect = WorkingGraph.perfect("zephyr", (2, 4))
    broken = np.random.default_rng(1).choice(160, 40, replace=False)
    qubits = np.setdiff1d(perfect.qubits, broken)
    couplers = perfect.couplers[np.isin(perfect.couplers, qubits).all(axis=1)]
    chip = WorkingGraph("holes", "zephyr", (2, 4), qubits, couplers)
    edges = graph.edges.numpy()
    found = search_place(graph.labels.numpy(), 1, edges, np.ones(edges.shape[1]), chip)
    assert chip.has_qubits(found.qubits).all()
    assert len(np.unique(found.qubits)) == 48
    assert 0 < found.lost.sum() < 0.25 * edges.shape[1]
    assert search_place(np.arange(160), 2, edges, np.ones(edges.shape[1]), chip) is None


def test_couplers_that_are_not_used_and_folded_nodes_are_not_asked_for():
    graph = zephyr(12, m=2)
    labels = graph.labels.numpy()
    perfect = WorkingGraph.perfect("zephyr", (2, 4))
    gone = int(np.flatnonzero(graph.edges[0].numpy() >= 12)[0])
    ends = labels[graph.edges[:, gone].numpy()]
    lost = (perfect.couplers == np.sort(ends)).all(axis=1)
    qubits = perfect.qubits[perfect.qubits != labels[0]]  # one of partition 0
    couplers = perfect.couplers[~lost & np.isin(perfect.couplers, qubits).all(axis=1)]
    chip = WorkingGraph("holes", "zephyr", (2, 4), qubits, couplers)
    used = np.ones(graph.n_edges, dtype=bool)
    used[gone] = False
    here = np.zeros(160, dtype=bool)
    here[labels[12:]] = True
    import torch

    found = place(graph, chip, used=torch.from_numpy(used), held=False)
    assert found.used.sum() == (graph.edges[0] >= 12).sum() - 1
    assert np.array_equal(found.qubits[0, 12:], labels[12:])
    with pytest.raises(AnnealerError, match=r"lacks .* of the model's 160 qubits"):
        place(zephyr(40, m=2), chip)
