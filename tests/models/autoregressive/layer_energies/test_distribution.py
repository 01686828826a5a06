"""Layer energies to bits and back."""

import pytest
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.models.autoregressive.layer_energies import LongitudinalDistribution
from calo4pqvae.models.autoregressive.layer_energies.tilting import profile_moments, tilt


def showers(n, generator):
    """Four layers with a common factor; the last is empty in half of the showers."""
    e_inc = 1000.0 * torch.exp(3 * torch.rand(n, 1, generator=generator))
    common = torch.randn(n, 1, generator=generator)
    layers = (
        e_inc * 0.2 * torch.exp(0.2 * common + 0.3 * torch.randn(n, 4, generator=generator))
    )
    layers[:, 3] *= torch.rand(n, generator=generator) < 0.5
    return layers, e_inc, torch.log(e_inc / 1000) / 3


def fitted(generator, bits=(2, 2, 3, 1, 2)):
    distribution = LongitudinalDistribution(4, 0.05, 18, bits)
    layers, e_inc, t = showers(4000, generator)
    distribution.marginals.fit(*distribution.quantities(layers, e_inc), t)
    noise = SharedNoise(1)
    distribution.copula.fit(distribution.intervals(layers, e_inc, t), t, noise.uniform)
    distribution.node_of_bit.copy_(torch.arange(distribution.levels.n_bits).flip(0))
    return distribution


def test_bits_sit_on_their_nodes(generator):
    distribution = fitted(generator)
    layers, e_inc, t = showers(50, generator)
    states = distribution.encode(layers, e_inc, t)
    assert states.shape == (50, 18)
    assert not bool(states[:, 16:].any())
    presence = states[:, distribution.node_of_bit[6]]
    assert torch.equal(presence, layers[:, 3] > 0)


def test_drawn_energies_have_the_bits_they_were_drawn_for(generator):
    distribution = fitted(generator)
    layers, e_inc, t = showers(300, generator)
    states = distribution.encode(layers, e_inc, t)
    absence = distribution.marginals.absence(t)
    box = distribution.levels.decode(states[:, distribution.node_of_bit], absence)
    u = distribution.copula.draw(box, t, SharedNoise(2).uniform, 5, leading=4)
    assert torch.equal(
        distribution.on_nodes(distribution.levels.encode((u, u), absence)), states
    )


def test_layers_sum_to_the_total_and_none_is_below_the_threshold(generator):
    distribution = fitted(generator)
    _, e_inc, _ = showers(300, generator)
    x = torch.randn(300, 8, generator=generator, dtype=torch.float64)
    present = torch.rand(300, 8, generator=generator) > 0.3
    present[:, 0] = present[:, 4] = True
    layers = distribution.scale(x, present, e_inc)
    assert torch.equal(layers > 0, present[:, :4])
    assert float(layers[layers > 0].min()) >= distribution.threshold
    total = torch.exp(x[:, 4]) * e_inc[:, 0]
    assert torch.allclose(layers.double().sum(dim=1), total, rtol=0.01)


def test_without_bits_the_copula_draws_everything(generator):
    distribution = fitted(generator, bits=(0, 0, 0, 0, 0))
    real, e_inc, t = showers(2000, generator)
    states = torch.zeros(2000, 18, dtype=torch.bool)
    made = distribution.draw(states, e_inc, t, SharedNoise(3))
    # Binomial errors of 2,000 showers are 0.011; the medians are good to 2 %.
    assert abs(float((made[:, 3] > 0).double().mean()) - 0.5) < 0.05
    ratio = made[:, :3].sum(dim=1).median() / real[:, :3].sum(dim=1).median()
    assert abs(float(ratio) - 1) < 0.1


def test_the_profile_is_tilted_to_its_sum_mean_and_spread(generator):
    layers = 200 * torch.rand(200, 12, generator=generator, dtype=torch.float64)
    layers[:, ::5] *= torch.rand(200, 3, generator=generator) < 0.5
    total = layers.sum(dim=1, keepdim=True)
    mean, variance = profile_moments(layers)
    moved = mean + 0.3 * torch.randn(200, 1, generator=generator)
    tilted = tilt(layers, 1.1 * total, moved, 0.9 * variance)
    found = profile_moments(tilted)
    assert torch.allclose(tilted.sum(dim=1, keepdim=True), 1.1 * total)
    assert torch.allclose(found[0], moved, atol=1e-2)
    assert torch.allclose(found[1], 0.9 * variance, rtol=0.01)
    assert torch.equal(tilted > 0, layers > 0)


def test_single_particles_keep_their_energy(generator):
    layers = 500 * torch.rand(50, 12, generator=generator, dtype=torch.float64) + 100
    layers[:, 9] = 2.5
    total = layers.sum(dim=1, keepdim=True)
    mean, variance = profile_moments(layers)
    tilted = tilt(layers, 1.1 * total, mean + 0.2, variance)
    assert float((tilted[:, 9] / 2.5 - 1).abs().max()) < 0.05
    assert float((tilted[:, :9] / layers[:, :9] - 1).abs().mean()) > 0.03


def test_a_profile_that_is_right_stays_and_a_short_one_gets_its_sum_only(generator):
    layers = torch.rand(5, 12, generator=generator, dtype=torch.float64) + 0.1
    total = layers.sum(dim=1, keepdim=True)
    assert torch.allclose(tilt(layers, total, *profile_moments(layers)), layers)
    layers[:, 2:] = 0
    total = layers.sum(dim=1, keepdim=True)
    mean, variance = profile_moments(layers)
    tilted = tilt(layers, 2 * total, mean + 3, variance)
    assert torch.allclose(tilted.sum(dim=1, keepdim=True), 2 * total)
    assert torch.allclose(tilted / layers.clamp(min=1e-9), 2 * (layers > 0).double(), rtol=0.2)


def test_a_shower_without_a_total_is_empty(generator):
    """Showers that left nothing: their share is that of the showers of the fit."""
    distribution = LongitudinalDistribution(4, 0.05, 18, (0, 0, 0, 0, 0))
    layers, e_inc, t = showers(2000, generator)
    layers[torch.rand(2000, generator=generator) < 0.2] = 0
    distribution.marginals.fit(*distribution.quantities(layers, e_inc), t)
    distribution.copula.fit(
        distribution.intervals(layers, e_inc, t), t, SharedNoise(1).uniform, rounds=2
    )
    made = distribution.draw(torch.zeros(2000, 18, dtype=torch.bool), e_inc, t, SharedNoise(2))
    # Binomial errors of both samples together: 0.013.
    assert abs(float((made.sum(dim=1) == 0).double().mean()) - 0.2) < 0.06


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.3), (0.6, 1.0)])
def test_the_mean_response_is_kept_where_showers_fill_part_of_the_range(low, high, generator):
    distribution = LongitudinalDistribution(4, 0.05, 18, (0, 0, 0, 0, 0))
    layers, e_inc, t = showers(6000, generator)
    inside = (t[:, 0] >= low) & (t[:, 0] < high)
    layers, e_inc, t = layers[inside], e_inc[inside], t[inside]
    distribution.marginals.fit(*distribution.quantities(layers, e_inc), t)
    distribution.copula.fit(
        distribution.intervals(layers, e_inc, t), t, SharedNoise(1).uniform, rounds=2
    )
    made = distribution.draw(
        torch.zeros(len(t), 18, dtype=torch.bool), e_inc, t, SharedNoise(2)
    )
    response = [(x.double().sum(dim=1) / e_inc[:, 0]).mean() for x in (made, layers)]
    # The response scatters by 0.35 around 0.8: errors of 0.012 for each of 1,800 showers.
    assert abs(float(response[0] / response[1]) - 1) < 0.06
