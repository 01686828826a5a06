"""Compact networks: any regular cylinder, rotations, the mean shower as the start."""

import pytest
import torch

from calo4pqvae.models.vae.compact import CompactDecoder, CompactLevel, Residuals
from calo4pqvae.models.vae.mean_shower import MeanShower

SHAPES = [(45, 16, 9), (10, 7, 5), (12, 1, 3), (5, 6, 1), (9, 4, 2)]


@pytest.mark.parametrize("shape", SHAPES)
def test_any_regular_cylinder_fits(shape, generator):
    decoder = CompactDecoder(shape, 20, MeanShower(shape), (16, 8, 4))
    level = CompactLevel(shape, Residuals(decoder.mean), 8, 5, (3, 4, 4, 8))
    t = torch.rand(3, 1, generator=generator)
    assert decoder(torch.rand(3, 20, generator=generator), t).shape == (3, 2, *shape)
    x = torch.rand(3, *shape, generator=generator)
    assert level(x, t, torch.rand(3, 8, generator=generator)).shape == (3, 5)


def test_a_new_decoder_is_nearly_the_mean_shower(generator):
    decoder = CompactDecoder((10, 8, 4), 12, MeanShower((10, 8, 4)), (16, 8, 4))
    with torch.no_grad():
        decoder.mean.weight.normal_(generator=generator)
    t = torch.rand(4, 1, generator=generator)
    outputs = decoder(torch.rand(4, 12, generator=generator), t)
    difference = (outputs - decoder.mean(t)).detach()
    assert 0 < float(difference.std()) < 0.05


@pytest.mark.parametrize("alpha", [16, 7])
def test_turned_volumes_give_turned_outputs(alpha, generator):
    """Blocks of the decoder keep rotations exactly, with odd numbers of bins as well."""
    decoder = CompactDecoder((12, alpha, 9), 12, MeanShower((12, alpha, 9)), (16, 8, 4))
    block = decoder.blocks[0]
    volume = torch.randn(2, 8, *decoder.coarse, generator=generator)
    turned = block(volume.roll(1, dims=3))
    torch.testing.assert_close(turned, block(volume).roll(1, dims=3))


def test_residuals_of_a_mean_shower_have_order_one(generator):
    decoder = CompactDecoder((6, 4, 3), 12, MeanShower((6, 4, 3)), (16, 8, 4))
    t = torch.rand(2000, 1, generator=generator)
    hits = torch.rand(2000, 6, 4, 3, generator=generator) < 0.5
    seen = Residuals(decoder.mean)(torch.where(hits, 2.0, 0.0), t, t[:, :0])
    assert abs(float(seen[:, 0].mean())) < 0.02
    assert 0.3 < float(seen[:, 0].std()) < 0.7
    assert sum(p.numel() for p in Residuals(decoder.mean).parameters()) == 0
