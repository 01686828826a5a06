"""Four colours of qubits in three partitions."""

import torch

from calo4pqvae.boltzmann.lattices import zephyr
from calo4pqvae.boltzmann.three_colouring import free_all


def test_all_qubits_are_free_and_few_couplers_are_lost():
    before = zephyr(23)
    after = free_all(before)
    assert after.sizes[0] == 0
    assert sorted(after.labels.tolist()) == sorted(before.labels.tolist())
    kept = {tuple(sorted(pair)) for pair in after.labels[after.edges].T.tolist()}
    had = {tuple(sorted(pair)) for pair in before.labels[before.edges].T.tolist()}
    assert kept <= had
    assert len(kept) == after.n_edges
    # Joining two of the four colours would lose a sixth.
    assert len(kept) > 0.93 * len(had)


def test_every_lost_coupler_lies_inside_a_partition():
    before = zephyr(23)
    after = free_all(before)
    part = dict(zip(after.labels.tolist(), after.partition_of_node.tolist(), strict=True))
    kept = {tuple(sorted(pair)) for pair in after.labels[after.edges].T.tolist()}
    for a, b in before.labels[before.edges].T.tolist():
        assert (tuple(sorted((a, b))) in kept) == (part[a] != part[b])


def test_the_same_seed_gives_the_same_graph():
    first, second = free_all(zephyr(5), 3), free_all(zephyr(5), 3)
    assert torch.equal(first.edges, second.edges)
    assert torch.equal(first.labels, second.labels)
