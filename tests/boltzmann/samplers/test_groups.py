"""Chains whose couplings follow the energy, against enumeration."""

import pytest
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.log_z.annealed import even_schedule
from calo4pqvae.boltzmann.log_z.likelihood import each_log_likelihood
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.exact import ExactSampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.errors import SamplerError
from calo4pqvae.testing.statistics import states_p_value

CHAINS = 12_000
BINS = 3


@pytest.fixture
def prior(generator):
    graph = FourPartiteGraph.complete([0, 2, 3, 2])
    prior = BoltzmannMachine(graph, 1, 0.5, generator, coupling_bins=BINS)
    prior.coupling_slope.copy_(2 * torch.randn(graph.n_edges, generator=generator))
    return prior


def distribution(prior, t):
    """Enumerated probabilities for each scaled energy."""
    empty = torch.zeros(1, 0, dtype=torch.bool)
    rows = [ExactSampler().conditional(prior.problem(x[None]), empty)[0] for x in t]
    return torch.cat(rows)


@pytest.mark.parametrize("kind", ["compiled", "torch"])
def test_every_group_follows_its_own_distribution(prior, kind):
    condition = torch.arange(CHAINS) % BINS
    centres = torch.tensor([[0.1], [0.5], [0.8]])
    sampler = choose_sampler(prior.graph, SharedNoise(5), kind)
    clamped = torch.zeros(CHAINS, 0, dtype=torch.bool)
    states = sample_machine(prior, sampler, centres[condition], clamped, 60)
    p_value = states_p_value(states, condition, distribution(prior, centres))
    assert p_value > 1e-4
    swapped = distribution(prior, centres.flip(0))
    assert states_p_value(states, condition, swapped) < 1e-12


def test_one_request_cannot_have_several_sets_of_couplings(prior):
    with pytest.raises(SamplerError, match="different couplings"):
        prior.problem(torch.tensor([[0.1], [0.9]]))
    assert prior.problem(torch.tensor([[0.1], [0.2]])).bias.shape == (2, 7)


def test_the_energy_takes_each_row_with_its_couplings(prior, generator):
    t = torch.rand(20, 1, generator=generator)
    bits = torch.rand(20, 7, generator=generator) < 0.5
    one_by_one = torch.cat(
        [prior.problem(t[k : k + 1]).energy(bits[k : k + 1]) for k in range(20)]
    )
    assert torch.allclose(prior.energy(bits.float(), t), one_by_one, atol=1e-5)


def test_bounds_of_each_shower_hold_the_exact_likelihood(prior):
    t = torch.tensor([[0.1], [0.15], [0.5], [0.8]])
    probability = distribution(prior, t)
    bits = torch.tensor([[0, 1, 1, 0, 1, 0, 1]] * 4).bool()
    number = int("0110101", 2)
    sampler = choose_sampler(prior.graph, SharedNoise(2), "compiled")
    low, high = each_log_likelihood(
        prior, bits, t, sampler, even_schedule(60), chains=200, burn_in=100
    )
    exact = probability[:, number].log()
    assert torch.allclose(low.value, exact, atol=0.1)
    assert torch.allclose(high.value, exact, atol=0.1)
