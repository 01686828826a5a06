"""The decoders: shapes on every cylinder, equivariance, dependence on bits and energy."""

import pytest
import torch

from calo4pqvae.errors import GeometryError
from calo4pqvae.models.vae.decoder import ConvDecoder
from calo4pqvae.models.vae.depth import DepthDecoder, energy_features

THIN = {ConvDecoder: (3, 4, 3, 2), DepthDecoder: (8, 3, 4, 5)}
NODES = 10


def make_decoder(network, shape, n_outputs=2):
    torch.manual_seed(5)
    return network(shape, NODES, n_outputs, THIN[network])


@pytest.mark.parametrize("network", THIN)
@pytest.mark.parametrize(
    "shape", [(45, 16, 9), (45, 50, 18), (22, 2, 8), (30, 12, 8), (23, 6, 11), (24, 4, 9)]
)
def test_shapes(network, shape, generator):
    decoder = make_decoder(network, shape, 3)
    out = decoder(torch.rand(2, NODES, generator=generator), torch.rand(2, 1))
    assert out.shape == (2, 3, *shape)
    assert out.dtype == torch.float32
    assert torch.isfinite(out).all()


@pytest.mark.parametrize("network", THIN)
def test_every_voxel_feels_bits_and_energy(network, generator):
    decoder = make_decoder(network, (23, 8, 9)).double().eval()
    bits = torch.rand(1, NODES, generator=generator, dtype=torch.float64)
    t = torch.full((1, 1), 0.3, dtype=torch.float64)
    with torch.no_grad():
        base = decoder(bits, t).flatten()
        by_energy = decoder(bits, t + 0.2).flatten()
        flips = torch.stack(
            [decoder((bits - row).abs(), t).flatten() for row in torch.eye(NODES)[:, None]]
        )
    assert (by_energy != base).float().mean() > 0.99
    assert (flips != base).any(dim=1).all()
    assert (flips != base).any(dim=0).float().mean() > 0.99


@pytest.mark.parametrize("shape", [(22, 8, 8), (45, 16, 9), (24, 6, 9)])
def test_the_convolutional_part_turns_with_its_coarse_volume(shape, generator):
    decoder = make_decoder(ConvDecoder, shape).double().eval()
    coarse = decoder.coarse
    growth = shape[1] // coarse[1]
    volume = torch.randn(2, 3, *coarse, generator=generator, dtype=torch.float64)

    def grow(x):
        trunk = decoder.trunk(decoder.open(x))
        energy = trunk.new_full((2, 1, *trunk.shape[2:]), 0.4)
        return torch.cat([head(torch.cat([trunk, energy], dim=1)) for head in decoder.heads], 1)

    with torch.no_grad():
        expected = grow(volume)
        for bins in range(1, coarse[1]):
            turned = grow(volume.roll(bins, dims=3))
            torch.testing.assert_close(
                turned, expected.roll(bins * growth, dims=3), rtol=0, atol=1e-12
            )
    assert expected.shape == (2, 2, *shape)
    assert float(expected.std()) > 1e-3


@pytest.mark.parametrize("shape", [(21, 2, 8), (22, 1, 8), (22, 2, 7), (30, 7, 9)])
def test_cylinders_below_the_stated_limits_are_refused(shape):
    message = "at least 22 layers, 2 azimuth bins .an even number. and 8 rings"
    with pytest.raises(GeometryError, match=message):
        make_decoder(ConvDecoder, shape)


def test_the_mean_shower_of_the_light_decoder_is_a_table_linear_in_energy(generator):
    decoder = make_decoder(DepthDecoder, (4, 3, 2)).eval()
    bits = torch.rand(2, NODES, generator=generator)
    t = torch.tensor([[0.25], [1.0]])
    with torch.no_grad():
        before = decoder(bits, t)
        decoder.mean.copy_(torch.randn(decoder.mean.shape, generator=generator))
        added = decoder(bits, t) - before
    for k in range(2):
        expected = decoder.mean[0] + decoder.mean[1] * t[k]
        torch.testing.assert_close(added[k], expected.expand_as(added[k]), rtol=1e-4, atol=1e-5)


def test_energy_features():
    found = energy_features(torch.tensor([[0.0], [0.5], [1.0]]))
    expected = torch.tensor([[0, 0, 0, 1], [0.5, 0.25, 1, 0], [1, 1, 0, -1]])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
