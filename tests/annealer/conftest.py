"""A small chip, its emulator, a problem on it, and the cloud on loopback in front of it."""

import pytest
import torch

pytest.importorskip("dwave.system")

from small_chip import BETA, CHIP, couplings

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.annealer.emulator.emulator import EmulatedAnnealer
from calo4pqvae.annealer.sampler import AnnealerSampler, Settings


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


@pytest.fixture
def sampler_of():
    """A function (annealer, graph, settings) -> the sampler, its temperature right."""

    def make(annealer, graph, **settings):
        given = Settings(**{"beta": BETA} | settings)
        return AnnealerSampler(graph, annealer, SharedNoise(0), given)

    return make
