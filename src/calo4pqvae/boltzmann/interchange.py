"""Graphs of networkx and models of dimod as graphs and problems of ours.

Any graph without loops will do: its nodes are coloured greedily, and a colour becomes a
partition. A bipartite graph gets two, a Pegasus lattice four, a Zephyr lattice five (`zephyr`
knows its four), a complete graph one per node. Fewer partitions mean that more nodes are drawn
at once; every number of them is sampled rightly.
"""

import heapq
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any, NamedTuple

import torch

from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.errors import SamplerError

__all__ = ["DimodProblem", "from_dimod", "from_networkx"]

Node = Hashable
Pairs = Iterable[tuple[Node, Node]]


class DimodProblem(NamedTuple):
    """A problem with the names of its variables.

    Attributes:
        problem: biases and couplings in float64; its energies are dimod's without the offset.
        variables: dimod's name of each node.
        offset: constant of dimod's energy.
    """

    problem: BoltzmannProblem
    variables: list[Any]
    offset: float


def from_networkx(
    graph: Any,
    clamped: Collection[Node] = (),
    colour: Mapping[Node, int] | None = None,
) -> PartiteGraph:
    """Take over nodes and edges of a networkx graph, directions and repetitions aside.

    A node's label is its own name where all names are integers, otherwise its place in
    ``list(graph.nodes)``.

    Arguments:
        graph: a `networkx.Graph`, or whatever has its ``nodes`` and ``edges``.
        clamped: nodes of partition 0, no two of them joined; none by default.
        colour: a proper colouring of the other nodes; found greedily when absent.

    Raises:
        SamplerError: an edge is a loop, or joins two clamped nodes or two of one colour; a
            node that is clamped or coloured is not in the graph, or one has no colour.

    Example:
        >>> import networkx
        >>> graph = from_networkx(networkx.cycle_graph(5))
        >>> graph.sizes, graph.labels[graph.partitions[1]]
        ((0, 2, 2, 1), tensor([0, 2]))
    """
    names, pairs = list(graph.nodes), [(edge[0], edge[1]) for edge in graph.edges]
    return _graph_of(names, pairs, clamped, colour, "networkx")[0]


def from_dimod(
    model: Any,
    clamped: Collection[Node] = (),
    colour: Mapping[Node, int] | None = None,
) -> DimodProblem:
    """Take over a binary quadratic model, of spins or of bits, at inverse temperature 1.

    dimod's energies are those of p(z) proportional to exp(-E(z)); scale the model for any other
    temperature (``model.scale(beta)``).

    Arguments:
        model: a `dimod.BinaryQuadraticModel`.
        clamped: variables of partition 0, no two of them coupled; none by default.
        colour: a proper colouring of the other variables; found greedily when absent.

    Raises:
        SamplerError: as for `from_networkx`, or a value is not finite.

    Example:
        >>> import dimod
        >>> model = dimod.BinaryQuadraticModel({"a": 1.0}, {("a", "b"): -2.0}, 0.5, "SPIN")
        >>> problem, variables, offset = from_dimod(model)
        >>> down = torch.zeros(1, 2, dtype=torch.bool)
        >>> problem.energy(down) + offset == model.energy({"a": -1, "b": -1})
        tensor([True])
    """
    bits = model.change_vartype("BINARY", inplace=False)
    names, values = list(bits.variables), dict(bits.quadratic)
    graph, order = _graph_of(names, values, clamped, colour, "dimod")
    variables = [names[place] for place in order]
    bias = [-float(bits.linear[name]) for name in variables]
    found = {frozenset(pair): -float(value) for pair, value in values.items()}
    ends = graph.edges.T.tolist()
    coupling = [found[frozenset((variables[i], variables[j]))] for i, j in ends]
    double = torch.float64
    problem = BoltzmannProblem(
        graph, torch.tensor([bias], dtype=double), torch.tensor(coupling, dtype=double)
    )
    return DimodProblem(problem, variables, float(bits.offset))


def _graph_of(
    names: list[Any],
    pairs: Pairs,
    clamped: Collection[Node],
    colour: Mapping[Node, int] | None,
    lattice: str,
) -> tuple[PartiteGraph, list[int]]:
    """Sort nodes into partitions; returns the graph and each node's place among the names."""
    place = {name: k for k, name in enumerate(names)}
    strangers = {*clamped, *(colour or ())} - set(place)
    if strangers:
        raise SamplerError(f"the graph has no node {strangers.pop()!r}")
    near: list[set[int]] = [set() for _ in names]
    for a, b in pairs:
        if a == b:
            raise SamplerError(f"an edge joins node {a!r} with itself")
        if a in clamped and b in clamped:
            raise SamplerError(
                f"clamped nodes {a!r} and {b!r} are joined; leave out that edge, "
                "as no draw needs it"
            )
        near[place[a]].add(place[b])
        near[place[b]].add(place[a])
    held = {place[name] for name in clamped}
    if colour is None:
        part = _colouring(near, held)
    elif missing := set(place) - {*colour, *clamped}:
        raise SamplerError(f"node {missing.pop()!r} has no colour")
    else:
        rank = {c: k for k, c in enumerate(sorted(set(colour.values())), start=1)}
        part = [0 if k in held else rank[colour[name]] for k, name in enumerate(names)]
    order = sorted(range(len(names)), key=lambda k: (part[k], k))
    number = {k: node for node, k in enumerate(order)}
    edges = sorted(
        (number[k], number[m]) for k in order for m in near[k] if number[k] < number[m]
    )
    sizes = tuple(part.count(p) for p in range(max([1, *part]) + 1))
    own = all(type(name) is int for name in names)
    labels = torch.tensor([names[k] if own else k for k in order], dtype=torch.int64)
    ends = torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).T.contiguous()
    return PartiteGraph(sizes, ends, labels, lattice), order


def _colouring(near: list[set[int]], held: set[int]) -> list[int]:
    """Colour all nodes but those held, from 1 on; the most constrained node first (DSATUR).

    Source: Brelaz, Communications of the ACM 22 (1979) 251; exact for bipartite graphs.
    """
    part = [0] * len(near)
    around: list[set[int]] = [set() for _ in near]
    heap = [(0, -len(near[k]), k) for k in range(len(near)) if k not in held]
    heapq.heapify(heap)
    while heap:
        _, _, node = heapq.heappop(heap)
        if part[node]:
            continue  # coloured since; older entries of a node come after its newest
        part[node] = next(c for c in range(1, len(near) + 1) if c not in around[node])
        for other in near[node]:
            if not part[other] and other not in held and part[node] not in around[other]:
                around[other].add(part[node])
                heapq.heappush(heap, (-len(around[other]), -len(near[other]), other))
    return part
