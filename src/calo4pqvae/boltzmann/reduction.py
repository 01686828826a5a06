"""A machine on some of its nodes and couplers."""

from dataclasses import replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.machine import BoltzmannMachine

__all__ = ["on_graph", "restrict"]


def restrict(
    machine: BoltzmannMachine,
    nodes: Bool[Tensor, " nodes"],
    edges: Bool[Tensor, " edges"] | None = None,
) -> BoltzmannMachine:
    """Drop nodes, whose state is 0 from then on, and couplers.

    Arguments:
        machine: the machine; it is not changed.
        nodes: which nodes are kept.
        edges: which couplers between them are kept; all when None.

    Returns:
        a machine on the nodes that are kept, in their order.

    Example:
        >>> machine = BoltzmannMachine(PartiteGraph.complete([0, 2, 2]), scale=1.0)
        >>> restrict(machine, torch.tensor([True, False, True, True])).graph.sizes
        (0, 1, 2)
    """
    graph = machine.graph
    within = nodes[graph.edges].all(dim=0)
    if edges is not None:
        within &= edges
    number = torch.cumsum(nodes, dim=0) - 1
    sizes = tuple(int(nodes[part].sum()) for part in graph.partitions)
    fewer = replace(
        graph, sizes=sizes, edges=number[graph.edges[:, within]], labels=graph.labels[nodes]
    )
    made = BoltzmannMachine(fewer, machine.bias_order, coupling_bins=machine.coupling_bins)
    made.bias.copy_(machine.bias[:, nodes])
    made.coupling.copy_(machine.coupling[within])
    if made.coupling_slope is not None and machine.coupling_slope is not None:
        made.coupling_slope.copy_(machine.coupling_slope[within])
    return made


def on_graph(
    machine: BoltzmannMachine, edges: Int[Tensor, "2 edges"], labels: Int[Tensor, " nodes"]
) -> BoltzmannMachine:
    """Give a machine other couplers: those that it has keep their couplings, new ones have 0.

    Arguments:
        machine: the machine; it is not changed.
        edges: couplers of the result, sorted pairs.
        labels: labels of the result.
    """
    n, old = machine.graph.n_nodes, machine.graph.edges
    graph: PartiteGraph = replace(machine.graph, edges=edges, labels=labels)
    made = BoltzmannMachine(graph, machine.bias_order, coupling_bins=machine.coupling_bins)
    made.bias.copy_(machine.bias)
    here, there = old[0] * n + old[1], edges[0] * n + edges[1]
    place = torch.searchsorted(there, here).clamp(max=max(len(there) - 1, 0))
    same = there[place] == here if len(there) else torch.zeros_like(here, dtype=torch.bool)
    made.coupling[place[same]] = machine.coupling[same]
    if made.coupling_slope is not None and machine.coupling_slope is not None:
        made.coupling_slope[place[same]] = machine.coupling_slope[same]
    return made
