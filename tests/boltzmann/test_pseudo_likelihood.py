"""The pseudo-likelihood finds the machine that exact samples came from."""

import pytest
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.boltzmann.pseudo_likelihood import fit_pseudo_likelihood
from calo4pqvae.boltzmann.samplers.exact import ExactSampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine

N = 15_000


def machine(seed):
    """Six free nodes whose fields and couplings follow the energy."""
    generator = torch.Generator().manual_seed(seed)
    graph = FourPartiteGraph.complete([0, 2, 2, 2])
    prior = BoltzmannMachine(graph, 2, 0.0, coupling_bins=4)
    prior.bias.copy_(0.7 * torch.randn(prior.bias.shape, generator=generator))
    prior.coupling.copy_(torch.randn(graph.n_edges, generator=generator))
    assert prior.coupling_slope is not None
    prior.coupling_slope.copy_(torch.randn(graph.n_edges, generator=generator))
    return prior


def samples(prior):
    t = torch.rand(N, 1, generator=torch.Generator().manual_seed(9))
    clamped = torch.zeros(N, 0, dtype=torch.bool)
    return sample_machine(prior, ExactSampler(SharedNoise(4)), t, clamped, 0), t


@pytest.fixture(scope="module")
def drawn():
    truth = machine(1)
    return truth, *samples(truth)


def test_the_parameters_come_back(drawn):
    truth, bits, t = drawn
    found = BoltzmannMachine(truth.graph, 2, 0.0, coupling_bins=4)
    fit_pseudo_likelihood(found, bits, t)
    # Errors of 15,000 samples are about 0.05 to 0.1.
    assert truth.coupling_slope is not None
    assert found.coupling_slope is not None
    assert torch.allclose(found.bias, truth.bias, atol=0.3)
    assert torch.allclose(found.coupling, truth.coupling, atol=0.2)
    assert torch.allclose(found.coupling_slope, truth.coupling_slope, atol=0.35)


def test_couplings_that_ignore_the_energy_fit_worse(drawn):
    truth, bits, t = drawn
    with_slope = BoltzmannMachine(truth.graph, 2, 0.0, coupling_bins=4)
    without = BoltzmannMachine(truth.graph, 2, 0.0)
    gain = fit_pseudo_likelihood(with_slope, bits, t) - fit_pseudo_likelihood(without, bits, t)
    assert gain > 0.02
