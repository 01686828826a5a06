"""A small chip without defects, and random problems on it."""

import torch

from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.boltzmann.problem import BoltzmannProblem

CHIP = WorkingGraph.perfect("zephyr", (2, 4), "Advantage2_system4")
BETA = 6.0


def couplings(graph, scale=0.2, seed=1):
    """Random couplings and fields of this standard deviation in the Ising problem."""
    generator = torch.Generator().manual_seed(seed)
    w = 4 * scale * torch.randn(graph.n_edges, generator=generator)
    ends = torch.zeros(graph.n_nodes).index_add(0, graph.edges.flatten(), w.repeat(2))
    bias = 2 * scale * torch.randn(graph.n_nodes, generator=generator) - ends / 2
    return BoltzmannProblem(graph, bias[None], w)
