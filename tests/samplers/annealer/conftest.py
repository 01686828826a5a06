"""A small chip, its emulator, a problem on it, and the cloud on loopback in front of it."""

import pytest
import torch

pytest.importorskip("dwave.system")

from calo4pqvae.prior.problem import BoltzmannProblem
from calo4pqvae.samplers.annealer.emulator import EmulatedAnnealer
from calo4pqvae.samplers.annealer.working_graph import WorkingGraph

CHIP = WorkingGraph.perfect("zephyr", (2, 4), "Advantage2_system4")
BETA = 6.0


@pytest.fixture(scope="session")
def chip():
    """A Zephyr(2,4) without defects: 160 qubits."""
    return CHIP


@pytest.fixture(scope="session")
def model_graph(chip):
    """Four partitions of 36 nodes, so that some qubits are not used."""
    return chip.lay_out(36)


@pytest.fixture
def make_annealer(chip):
    """A function that makes an emulator of hidden inverse temperature 6."""

    def make(**options):
        return EmulatedAnnealer(
            "system4", **{"graph": chip, "beta": BETA, "sweeps": 30} | options
        )

    return make


def couplings(graph, scale=0.2, seed=1):
    """Random couplings and fields of this standard deviation in the Ising problem."""
    generator = torch.Generator().manual_seed(seed)
    w = 4 * scale * torch.randn(graph.n_edges, generator=generator)
    ends = torch.zeros(graph.n_nodes).index_add(0, graph.edges.flatten(), w.repeat(2))
    bias = 2 * scale * torch.randn(graph.n_nodes, generator=generator) - ends / 2
    return BoltzmannProblem(graph, bias[None], w)


@pytest.fixture(scope="session")
def problem(model_graph):
    """A random problem on the model's graph."""
    return couplings(model_graph)


@pytest.fixture(scope="session")
def codes():
    """A function (conditions, reads) -> clamped states of reads, the conditions in turn."""
    table = torch.rand(64, 36, generator=torch.Generator().manual_seed(3)) < 0.5

    def make(conditions, reads):
        return table[torch.arange(reads) % conditions]

    return make
