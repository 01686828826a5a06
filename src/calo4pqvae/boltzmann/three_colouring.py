"""Three-colouring of a lattice of four colours: all its nodes free, partition 0 empty."""

import numpy as np
import torch

from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.neighbours import Neighbours

__all__ = ["free_all"]

_TRIES = 64
"""Local searches from random starts: on Zephyr with 160 nodes and 1,224 couplers they leave out
64 to 100, and 2 of 64 searches find the 64."""


def free_all(graph: FourPartiteGraph, seed: int = 0) -> FourPartiteGraph:
    """Spread the nodes of four partitions over partitions 1 to 3; partition 0 is left empty.

    The result is four-partite again, as a sampler of three free partitions needs it. Couplers
    inside one of the three new partitions are not used: a local search, from many starts,
    leaves out as few as it can. A node keeps its label. `PartiteGraph.unclamped` loses no
    coupler, for samplers of any number of partitions.

    Arguments:
        graph: nodes and couplers in four partitions.
        seed: seed of the starts.

    Returns:
        the same nodes in another order, without the couplers that were left out.
    """
    near = Neighbours.of(graph)
    neighbours = np.split(near.node, near.first[1:-1])
    rng = np.random.default_rng(seed)
    part = min((_search(neighbours, rng) for _ in range(_TRIES)), key=lambda found: found[0])[1]
    order = np.lexsort((graph.labels.numpy(), part))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    i, j = graph.edges.numpy()
    edges = np.sort(place[graph.edges.numpy()[:, part[i] != part[j]]], axis=0)
    edges = edges[:, np.lexsort((edges[1], edges[0]))]
    a, b, c = np.bincount(part, minlength=3).tolist()
    labels = graph.labels[torch.from_numpy(order)]
    return FourPartiteGraph((0, a, b, c), torch.from_numpy(edges), labels, graph.lattice)


def _search(neighbours: list[np.ndarray], rng: np.random.Generator) -> tuple[int, np.ndarray]:
    """Move nodes to the partition with the fewest neighbours until no move helps."""
    part = rng.integers(3, size=len(neighbours))
    moved = True
    while moved:
        moved = False
        for node in rng.permutation(len(neighbours)).tolist():
            crowd = np.bincount(part[neighbours[node]], minlength=3)
            best = int(crowd.argmin())
            if crowd[best] < crowd[part[node]]:
                part[node], moved = best, True
    lost = sum(int((part[n] == part[node]).sum()) for node, n in enumerate(neighbours)) // 2
    return lost, part
