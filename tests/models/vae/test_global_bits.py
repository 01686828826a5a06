"""Global bits: uniform and independent for real showers, and the decoder follows them."""

import pytest
import torch
from scipy.stats import chi2

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.config import load_config
from calo4pqvae.errors import ConfigError
from calo4pqvae.models.build import build_model
from calo4pqvae.models.vae.decoder import ConvDecoder
from calo4pqvae.models.vae.global_bits import GlobalBits, quantities
from calo4pqvae.models.vae.mean_shower import CellSums, MeanShower


def correlated(generator, n=20_000):
    """Three quantities that lean on each other, more so at higher energies."""
    t = torch.rand(n, 1, generator=generator).double()
    g = torch.randn(n, 3, generator=generator).double()
    lean = 0.8 * t[:, 0]
    second = lean * g[:, 0] + (1 - lean**2).sqrt() * g[:, 1]
    third = 0.5 * second + 0.75**0.5 * g[:, 2]
    x = torch.stack([g[:, 0] + 3 * t[:, 0], second * (1 + t[:, 0]), (third / 2).exp()], dim=1)
    return x, t


def chi_square_over_limit(bits, x, t):
    """Compare the 64 patterns of two digits each with equal shares; above 1: refused."""
    w = bits._whitened(bits._normal(x, t), t)
    place = (torch.special.ndtr(w) * 4).long().clamp(0, 3) @ torch.tensor([16, 4, 1])
    count, expected = torch.bincount(place, minlength=64).double(), len(x) / 64
    return float(((count - expected) ** 2 / expected).sum() / chi2.isf(1e-3, 63))


def test_bits_of_showers_are_uniform_and_independent(generator):
    """One false alarm in a thousand; without the regression the patterns are far from equal."""
    x, t = correlated(generator)
    bits = GlobalBits((2, 2, 2))
    bits.fit(x, t)
    assert chi_square_over_limit(bits, x, t) < 1
    bits.regression.zero_()
    assert chi_square_over_limit(bits, x, t) > 5


def toy(toy_showers, toy_geometry, n):
    e_inc, showers = map(torch.from_numpy, toy_showers(n))
    return showers.view(-1, *toy_geometry.shape), e_inc, (e_inc / 1e4).log() / 5 + 1


def test_values_are_the_mean_of_the_interval_that_bits_name(toy_showers, toy_geometry):
    showers, e_inc, t = toy(toy_showers, toy_geometry, 2000)
    bits = GlobalBits((5, 5, 5))
    bits.fit(quantities(showers, e_inc), t)
    w = bits._whitened(bits._normal(quantities(showers, e_inc), t), t)
    named = bits.encode(showers, e_inc, t)
    gap = bits.values(named) - w
    assert float(gap.abs().median()) < 0.05
    assert bool((gap.mean(dim=0).abs() < 4 * gap.std(dim=0) / 2000**0.5).all())
    shares = named[:, [0, 5, 10]].double().mean(dim=0)
    assert bool(((shares - 0.5).abs() < 4 * 0.5 / 2000**0.5).all())


def test_an_empty_shower_has_bits(toy_showers, toy_geometry):
    showers, e_inc, t = toy(toy_showers, toy_geometry, 500)
    showers[:50] = 0.0
    t = torch.full_like(t, 0.5)
    bits = GlobalBits((3, 3, 3))
    bits.fit(quantities(showers, e_inc), t)
    assert not bool(bits.encode(showers[:50], e_inc[:50], t[:50])[:, :3].any())
    assert bool(bits.values(bits.encode(showers, e_inc, t)).isfinite().all())


def test_the_mean_shower_follows_what_it_is_told(generator):
    t = torch.rand(8000, 1, generator=generator)
    w = torch.randn(8000, 1, generator=generator)
    logit = (0.7 * t * w).view(-1, 1, 1, 1).expand(-1, 2, 8, 1)
    x = (torch.rand(logit.shape, generator=generator) < torch.sigmoid(logit)).float()
    mean, sums = MeanShower((2, 8, 1), n_told=1), CellSums(0.5)
    sums.add(x, mean.features(t, w))
    mean.fit(sums)
    for energy, told in ((0.2, 1.0), (0.9, -1.0), (0.9, 2.0)):
        found = mean(torch.tensor([[energy]]), torch.tensor([[told]]))[0, 0]
        right = torch.full_like(found, 0.7 * energy * told)
        torch.testing.assert_close(found, right, atol=0.15, rtol=0)


def small(toy_geometry, digits):
    words = [
        "data.energy_gev=[0.1, 10]",
        "prior.nodes_per_partition=16",
        f"model.global_bits={digits}",
    ]
    return build_model(load_config("paper-compact", settings=words), toy_geometry).eval()


def test_they_stand_first_in_the_first_latent_partition(toy_showers, toy_geometry):
    model = small(toy_geometry, [3, 3, 2])
    showers, e_inc, _ = toy(toy_showers, toy_geometry, 600)
    t, showers = model.scale(e_inc), model.read_out(showers)
    model.global_bits.fit(quantities(showers, e_inc), t)
    bits = model.encode(showers, e_inc, SharedNoise(1))
    named = model.global_bits.encode(showers, e_inc, t)
    assert bits.shape == (600, 64)
    assert torch.equal(bits[:, 16:24], named)
    assert torch.equal(model.told(bits), model.global_bits.values(named))
    other = bits.clone()
    other[:, 16] = ~other[:, 16]
    assert not torch.equal(model.decoder(bits.float(), t), model.decoder(other.float(), t))


def test_networks_at_full_width_begin_at_the_mean_shower_that_they_tell_of(generator):
    """Bits of networks move nothing yet, also while normalisation looks at a batch."""
    shape, digits = (23, 6, 8), GlobalBits((2, 2, 1), start=16)
    mean = MeanShower(shape, n_told=3)
    mean.weight.data.copy_(torch.randn(mean.weight.shape, generator=generator))
    decoder = ConvDecoder(shape, 64, 2, (16, 8, 8, 4), mean, digits).train()
    bits = (torch.rand(40, 64, generator=generator) < 0.5).float()
    t = torch.rand(40, 1, generator=generator)
    away = (decoder(bits, t) - mean(t, digits.told(bits))).detach()
    assert 0 < float(away.std()) < 0.05
    other = bits.clone()
    other[:, 16] = 1 - other[:, 16]
    assert float((decoder(other, t) - decoder(bits, t)).detach().std()) > 0.3


def test_global_bits_want_a_mean_shower():
    words = ["model.mean_shower=false"]
    with pytest.raises(ConfigError, match=r"model\.global_bits go with"):
        load_config("paper", settings=words)


def test_a_partition_without_room_is_refused(toy_geometry):
    with pytest.raises(ConfigError, match=r"model\.global_bits: 16 bits"):
        small(toy_geometry, [6, 6, 4])
