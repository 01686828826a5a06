"""Profiles that are too rough are smoothed to the roughness of others; energy stays."""

import pytest
import torch
from scipy.stats import ks_2samp

from calo4pqvae.models.cellwise.corrections import DrawCorrections
from calo4pqvae.models.cellwise.roughness import exchanged, roughness, smoothed

N = 4000


def profiles(generator, scatter):
    """Showers of 24 layers whose layers scatter, more in some showers than in others."""
    place = torch.arange(24.0)
    mean = 1000 * place * torch.exp(-place / 4)
    each = scatter * torch.exp(0.3 * torch.randn(N, 1, generator=generator))
    layers = mean * torch.exp(each * torch.randn(N, 24, generator=generator))
    return layers * (torch.rand(N, 24, generator=generator) < 0.95)


@pytest.fixture
def rough(generator):
    return profiles(generator, 0.24)


@pytest.fixture
def real(generator):
    return profiles(generator, 0.19)


def test_exchange_keeps_energy_and_empty_layers(rough):
    made = exchanged(rough, torch.full((N,), 0.2))
    assert torch.allclose(made.sum(dim=1), rough.sum(dim=1), rtol=1e-5)
    assert torch.equal(made > 0, rough > 0)
    place = torch.arange(24.0)
    depth = [x @ place / x.sum(dim=1) for x in (made, rough)]
    assert float((depth[0] - depth[1]).abs().mean()) < 0.02
    lowest = torch.where(rough > 0, rough, torch.inf).amin(dim=1)
    assert bool((torch.where(made > 0, made, torch.inf).amin(dim=1) > lowest - 1e-3).all())


def test_smoothed_profiles_are_as_rough_as_real_ones(rough, real):
    """Limit of Kolmogorov and Smirnov: 1 in 1,000."""
    levels = torch.tensor(DrawCorrections.PROFILES).double()
    both = torch.stack([roughness(x).log().quantile(levels) for x in (rough, real)]).float()
    made = smoothed(rough, both.expand(N, 2, len(levels)))
    limit = 1.95 * (2 / N) ** 0.5
    assert ks_2samp(roughness(made), roughness(real)).statistic < limit
    assert ks_2samp(roughness(rough), roughness(real)).statistic > 2 * limit
    assert torch.allclose(made.sum(dim=1), rough.sum(dim=1), rtol=1e-5)


def test_without_a_fit_nothing_is_smoothed(rough):
    tables = DrawCorrections((24, 4, 3))
    made = smoothed(rough, tables.of_profiles(torch.rand(N, 1)))
    assert torch.allclose(made, rough, rtol=1e-4)
