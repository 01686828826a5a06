"""Graphs in partitions: which nodes there are, and which of them are coupled.

Nodes are numbered partition by partition; couplers join different partitions only, so that
one partition can be drawn at once given the others (block Gibbs). Partition 0 is the one that
is clamped, and may be empty. A node's name elsewhere, such as the number of its qubit, is kept
as its label.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from calo4pqvae._core.intake import one_line, parsing
from calo4pqvae._core.typing import Edges
from calo4pqvae.errors import SamplerError

__all__ = ["FourPartiteGraph", "PartiteGraph"]

Graph = TypeVar("Graph", bound="PartiteGraph")


@dataclass(frozen=True, eq=False)
class PartiteGraph:
    """Nodes in any number of partitions, and the couplers between them.

    Arguments:
        sizes: number of nodes of each partition; partition 0 is the clamped one.
        edges: couplers as pairs of node numbers, smaller first, sorted, without repetition.
        labels: name of each node elsewhere, such as the number of its qubit.
        lattice: name of the lattice it was cut from, such as ``"zephyr(6,4)"``.

    Raises:
        SamplerError: an edge lies inside a partition, outside the graph, or occurs twice.

    Example:
        >>> graph = PartiteGraph.complete([0, 3, 2])  # nothing clamped: 3 visible, 2 hidden
        >>> graph.n_nodes, graph.n_edges, graph.partitions[2]
        (5, 6, slice(3, 5, None))
    """

    sizes: tuple[int, ...]
    edges: Edges
    labels: Int[Tensor, " nodes"]
    lattice: str = "custom"

    def __post_init__(self) -> None:
        edges = self.edges
        if len(self.sizes) < 2 or min(self.sizes) < 0:
            raise SamplerError(
                f"a graph has a clamped partition and at least one more, each of 0 or more "
                f"nodes: {self.sizes} are no such sizes"
            )
        if len(self.labels) != self.n_nodes:
            raise SamplerError(
                f"a graph of sizes {self.sizes} needs {self.n_nodes} labels, "
                f"not {len(self.labels)}"
            )
        if edges.numel() == 0:
            return
        if edges.min() < 0 or edges.max() >= self.n_nodes or bool((edges[0] >= edges[1]).any()):
            raise SamplerError(f"couplers must be pairs i < j of nodes 0 to {self.n_nodes - 1}")
        ends = self.partition_of_node[edges]
        inside = int((ends[0] == ends[1]).sum())
        if inside:
            raise SamplerError(
                f"{inside} couplers join nodes of one partition: not {len(self.sizes)}-partite"
            )
        if edges.unique(dim=1).shape[1] != edges.shape[1]:
            raise SamplerError("some couplers are listed twice")

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return sum(self.sizes)

    @property
    def n_edges(self) -> int:
        """Number of couplers."""
        return self.edges.shape[1]

    @property
    def n_latents(self) -> int:
        """Number of nodes outside the clamped partition."""
        return self.n_nodes - self.sizes[0]

    @property
    def partitions(self) -> list[slice]:
        """Node numbers of each partition."""
        ends = np.cumsum(self.sizes).tolist()
        return [slice(end - size, end) for end, size in zip(ends, self.sizes, strict=True)]

    @property
    def partition_of_node(self) -> Int[Tensor, " nodes"]:
        """Partition number of each node."""
        return torch.repeat_interleave(torch.arange(len(self.sizes)), torch.tensor(self.sizes))

    @property
    def degree(self) -> Int[Tensor, " nodes"]:
        """Number of couplers of each node."""
        return torch.bincount(self.edges.flatten(), minlength=self.n_nodes)

    @classmethod
    def complete(cls: type[Graph], sizes: Sequence[int]) -> Graph:
        """Join every node with all nodes of the other partitions."""
        parts = np.repeat(np.arange(len(sizes)), sizes)
        pairs = [p for p in combinations(range(len(parts)), 2) if parts[p[0]] != parts[p[1]]]
        return cls(tuple(sizes), _as_edges(pairs), torch.arange(len(parts)), "complete")

    @classmethod
    def without(cls: type[Graph], sizes: Sequence[int]) -> Graph:
        """Leave out all couplers: independent nodes."""
        return cls(tuple(sizes), _as_edges([]), torch.arange(sum(sizes)), "none")

    def unclamped(self) -> "PartiteGraph":
        """Return the same graph with an empty partition before the first: no node is clamped.

        Example:
            >>> PartiteGraph.complete([3, 2]).unclamped().sizes
            (0, 3, 2)
        """
        return PartiteGraph((0, *self.sizes), self.edges, self.labels, self.lattice)

    def nothing_clamped(
        self, chains: int, device: torch.device | str = "cpu"
    ) -> Bool[Tensor, "chains 0"]:
        """Make the clamped states of chains on a graph whose partition 0 is empty.

        Raises:
            SamplerError: it is not.

        Example:
            >>> PartiteGraph.complete([0, 3, 2]).nothing_clamped(5).shape
            torch.Size([5, 0])
        """
        if self.sizes[0]:
            raise SamplerError(f"partition 0 has {self.sizes[0]} nodes, give their states")
        return torch.empty(chains, 0, dtype=torch.bool, device=device)

    def free(self: Graph) -> Graph:
        """Return the nodes outside the clamped partition, with the couplers among them.

        Partition 0 of the result is empty; labels are kept.

        Example:
            >>> PartiteGraph.complete([3, 2, 1]).free().edges
            tensor([[0, 1],
                    [2, 2]])
        """
        n0 = self.sizes[0]
        edges = self.edges[:, self.among_free] - n0
        return replace(self, sizes=(0, *self.sizes[1:]), edges=edges, labels=self.labels[n0:])

    @property
    def among_free(self) -> Bool[Tensor, " edges"]:
        """Whether both ends of a coupler lie outside the clamped partition."""
        return self.edges[0] >= self.sizes[0]

    def to_dict(self) -> dict:
        """Describe the graph with plain lists (inverse of `from_dict`)."""
        return {
            "lattice": self.lattice,
            "sizes": list(self.sizes),
            "labels": self.labels.tolist(),
            "edges": self.edges.T.tolist(),
        }

    @classmethod
    def from_dict(cls: type[Graph], description: dict) -> Graph:
        """Rebuild a graph from `to_dict`.

        Raises:
            SamplerError: it is no description of a graph, or one that makes no sense.
        """
        with parsing("graph", "description of a graph in partitions", SamplerError):
            sizes = tuple(_whole(description["sizes"]).tolist())
            edges = _whole(description["edges"]).reshape(-1, 2).T.contiguous()
            labels = _whole(description["labels"])
            if len(labels) and (labels.min() < 0 or len(labels.unique()) < len(labels)):
                raise ValueError("two nodes have the same label, or one below zero")
            if not isinstance(description["lattice"], str):
                raise TypeError("the lattice is a name")
            return cls(sizes, edges, labels, one_line(description["lattice"]))


@dataclass(frozen=True, eq=False)
class FourPartiteGraph(PartiteGraph):
    """Nodes in four partitions, as the annealers' lattices have them, and their couplers.

    Raises:
        SamplerError: there are not four partitions, or the graph is none.

    Example:
        >>> FourPartiteGraph.complete([1, 1, 1, 1]).n_edges
        6
    """

    def __post_init__(self) -> None:
        if len(self.sizes) != 4:
            raise SamplerError(f"a four-partite graph has four sizes, not {len(self.sizes)}")
        super().__post_init__()

    @classmethod
    def from_lattice(
        cls,
        colour: Int[np.ndarray, " qubits"],
        couplers: Int[np.ndarray, "couplers 2"],
        distance: np.ndarray,
        per_partition: int,
        lattice: str,
    ) -> "FourPartiteGraph":
        """Cut a compact, well connected piece with equal partitions out of a lattice.

        While a colour has more than `per_partition` qubits, its qubit with the fewest
        couplers left is dropped, the one furthest from the centre first among equals.

        Arguments:
            colour: colour 0 to 3 of each qubit, a proper colouring.
            couplers: pairs of qubit numbers.
            distance: distance of each qubit from the centre of the chip.
            per_partition: nodes wanted in each partition.
            lattice: name to keep.

        Raises:
            SamplerError: a colour has fewer than `per_partition` qubits.
        """
        available = np.bincount(colour, minlength=4)
        if available.min() < per_partition:
            raise SamplerError(
                f"{lattice} has {available.tolist()} qubits of its four colours; "
                f"{per_partition} per partition do not fit"
            )
        kept = _peel(colour, couplers, distance, per_partition)
        order = kept[np.lexsort((kept, colour[kept]))]
        number = np.full(len(colour), -1)
        number[order] = np.arange(len(order))
        edges = number[couplers]
        edges = np.sort(edges[(edges >= 0).all(axis=1)], axis=1)
        edges = edges[np.lexsort((edges[:, 1], edges[:, 0]))]
        n = per_partition
        return cls(
            (n, n, n, n), torch.from_numpy(edges.T.copy()), torch.from_numpy(order), lattice
        )


def _as_edges(pairs: Sequence[Sequence[int]]) -> Edges:
    return torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T.contiguous()


def _whole(values: Any) -> Tensor:
    """Turn nested lists into whole numbers; a fraction, text or truth value is none."""
    found = np.array(values)
    if found.size and found.dtype.kind != "i":
        raise TypeError("sizes, couplers and labels are whole numbers")
    return torch.from_numpy(found.astype(np.int64))


def _peel(
    colour: np.ndarray, couplers: np.ndarray, distance: np.ndarray, per_partition: int
) -> np.ndarray:
    neighbours: list[set[int]] = [set() for _ in colour]
    for i, j in couplers.tolist():
        neighbours[i].add(j)
        neighbours[j].add(i)
    members = [set(np.flatnonzero(colour == c).tolist()) for c in range(4)]
    for surplus in _surplus_colours(members, per_partition):
        worst = min(members[surplus], key=lambda q: (len(neighbours[q]), -distance[q], -q))
        members[surplus].discard(worst)
        for other in neighbours[worst]:
            neighbours[other].discard(worst)
    return np.array(sorted(set().union(*members)))


def _surplus_colours(members: list[set[int]], wanted: int) -> Iterator[int]:
    """Name the fullest colour until none holds more than wanted."""
    while max(len(m) for m in members) > wanted:
        yield max(range(4), key=lambda c: len(members[c]))
