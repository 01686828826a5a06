"""The last hit of a layer has the energy that Geant4 leaves it, and the sum stays."""

import pytest
import torch
from scipy.stats import kstest

from calo4pqvae.models.cellwise.remainder import last_hits, left_for, share_remainder

THRESHOLD = 0.5
QUANTILES = torch.stack([torch.linspace(-3, 1.5, 41), torch.linspace(-1, 1, 41)])


@pytest.fixture
def layers(generator):
    hits = torch.rand(2000, 4, 3, generator=generator) < 0.6
    energy = THRESHOLD + 4 * torch.rand(hits.shape, generator=generator) ** 3
    return energy * hits


def test_the_last_hit_is_the_innermost_one_of_the_last_sector_with_hits():
    hits = torch.zeros(3, 2, 3)
    hits[0, 0], hits[0, 1, 1:] = 1, 1
    hits[1, 0, 2] = 1
    assert last_hits(hits).tolist() == [4, 2, 2]


def shared(layers):
    energy = layers.sum(dim=(1, 2))
    quantiles = QUANTILES.expand(len(layers), 3, 2, 41)
    return share_remainder(layers, energy, THRESHOLD, quantiles), energy


def test_sums_and_thresholds_stay(layers):
    made, energy = shared(layers)
    assert torch.allclose(made.sum(dim=(1, 2)), energy, rtol=1e-5)
    assert torch.equal(made > 0, layers > 0)
    assert float(made[made > 0].min()) > THRESHOLD * (1 - 1e-5)
    assert not torch.allclose(made, layers, rtol=0.1)


def test_what_is_left_moves_to_the_quantiles(layers):
    made, energy = shared(layers)
    last = last_hits(layers)
    before, after = (left_for(x, last, energy) for x in (layers, made))
    expected = -1 + (before + 3) / 4.5 * 2
    n_hits = (layers > 0).sum(dim=(1, 2))
    free = (energy - n_hits * THRESHOLD) / energy * n_hits
    least = THRESHOLD * n_hits / energy
    inside = (expected.exp() > 1.01 * least) & (expected.exp() < 0.99 * (free + least))
    assert int(inside.sum()) > 1000
    assert torch.allclose(after[inside], expected[inside], atol=1e-4)
    both = (layers[:, 0, :2] > 0).all(dim=1) & (last > 2)
    one, other = ((x - THRESHOLD)[both, 0, :2] for x in (made, layers))
    crossed = one[:, 0] * other[:, 1], one[:, 1] * other[:, 0]
    assert torch.allclose(*crossed, rtol=1e-3, atol=1e-5)


def test_quantiles_of_draws_become_those_of_geant4(generator):
    """Gaussian remainders that are too wide become uniform ones; limit: 1 in 1,000."""
    n = 3000
    wide = torch.exp(0.5 * torch.randn(n, generator=generator))
    layers = torch.cat(
        [torch.full((n, 1, 3), 40.0), 40 * wide[:, None, None].repeat(1, 1, 3)], 1
    )
    layers[:, 1, 1:] = 0
    energy = layers.sum(dim=(1, 2))
    levels = torch.linspace(0.005, 0.995, 41)
    before = left_for(layers, last_hits(layers), energy)
    quantiles = torch.stack([before.quantile(levels), levels - 0.5]).expand(n, 3, 2, 41)
    made = share_remainder(layers, energy, THRESHOLD, quantiles)
    after = left_for(made, last_hits(layers), energy)
    assert kstest(after.numpy() + 0.5, "uniform").statistic < 1.95 / n**0.5
    assert kstest(before.numpy() + 0.5, "uniform").statistic > 0.05
