"""Layer energies and centres: a frame that the shower fixes, and the way back."""

import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.data.symmetry import rotate_and_mirror
from calo4pqvae.models.autoregressive.sectors import shear_odd_rings, unshear_odd_rings
from calo4pqvae.models.cellwise.distribution import ShowerDistribution, n_lateral


def profiles(decoder, x):
    sums = x.flatten(start_dim=-2) @ decoder.weights
    return torch.cat([x.sum(dim=(2, 3)), sums.flatten(start_dim=1)], dim=1)


def test_quantities_do_not_see_rotations_and_mirrors(decoder, showers):
    x, _ = showers
    distribution = ShowerDistribution(x.shape[1], decoder.threshold, 60)
    e_inc = torch.full((len(x), 1), 1000.0)
    turned = shear_odd_rings(
        rotate_and_mirror(unshear_odd_rings(x), SharedNoise(3).uniform(len(x), 2))
    )
    one, other = (distribution.quantities(profiles(decoder, y), e_inc) for y in (x, turned))
    assert torch.equal(one[1], other[1])
    assert torch.allclose(one[0], other[0], atol=2e-3)
    assert one[0].shape[1] == x.shape[1] + 4 + n_lateral(x.shape[1])


def test_drawn_showers_have_the_quantities_that_were_drawn(decoder, showers):
    x, t = showers
    t = t.clamp(0, 1)
    distribution, noise = ShowerDistribution(x.shape[1], decoder.threshold, 60), SharedNoise(1)
    e_inc = torch.full((len(x), 1), 1000.0)
    given = profiles(decoder, x)
    distribution.marginals.fit(*distribution.quantities(given, e_inc), t)
    distribution.copula.fit(distribution.intervals(given, e_inc, t), t, noise.uniform)
    bits = distribution.encode(given, e_inc, t)
    layers, lateral = distribution.draw_shower(bits, e_inc, t, noise)
    assert float(lateral.centres.norm(dim=-1).max()) <= 1 + 1e-5
    again = decoder.measure(x)
    assert 0.5 < float(lateral.centres.norm() / again.centres.norm()) < 2
    assert torch.equal(layers > 0, layers >= decoder.threshold * (1 - 1e-6))
