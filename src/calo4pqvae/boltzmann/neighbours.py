"""The neighbours of each node in rising order, as compressed rows."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt32

from calo4pqvae.boltzmann.graph import PartiteGraph

__all__ = ["Neighbours"]


class Neighbours(NamedTuple):
    """Who is coupled to whom: neighbours of node i are entries first[i] to first[i + 1].

    Attributes:
        first: first entry of each node, and the number of all entries.
        node: the neighbour.
        edge: number of the edge that joins them.
    """

    first: UInt32[np.ndarray, " starts"]
    node: UInt32[np.ndarray, " entries"]
    edge: Int[np.ndarray, " entries"]

    @classmethod
    def of(cls, graph: PartiteGraph) -> "Neighbours":
        """List the neighbours of each node in rising order."""
        i, j = graph.edges.numpy()
        mine, other = np.concatenate([i, j]), np.concatenate([j, i])
        edge = np.tile(np.arange(graph.n_edges), 2)
        order = np.lexsort((other, mine))
        first = np.zeros(graph.n_nodes + 1, np.uint32)
        first[1:] = np.bincount(mine, minlength=graph.n_nodes).cumsum()
        return cls(first, other[order].astype(np.uint32), edge[order])

    @property
    def degree(self) -> Int[np.ndarray, " nodes"]:
        """Number of neighbours of each node."""
        return np.diff(self.first.astype(np.int64))

    def sum(self, values: Float[np.ndarray, " entries"]) -> Float[np.ndarray, " nodes"]:
        """Add up the entries of each node."""
        node = np.repeat(np.arange(len(self.degree)), self.degree)
        return np.bincount(node, values, minlength=len(self.degree)).astype(np.float64)

    def largest_sum(self, values: Float[np.ndarray, " entries"]) -> Float[np.ndarray, " nodes"]:
        """Find the largest size of a sum over any of each node's entries."""
        return np.maximum(self.sum(values.clip(min=0)), self.sum((-values).clip(min=0)))
