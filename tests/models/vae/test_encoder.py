"""The hierarchical posterior and the paper's convolutional level."""

import pytest
import torch
from torch import nn

from calo4pqvae.errors import GeometryError
from calo4pqvae.models.vae.depth import DepthLevel
from calo4pqvae.models.vae.encoder import ConvLevel, HierarchicalEncoder

THIN = {ConvLevel: (2, 3, 2, 4), DepthLevel: (4, 3, 6)}
SIZES = (5, 4, 3, 6)


def make_encoder(level, shape=(23, 6, 6), sizes=SIZES):
    torch.manual_seed(3)
    return HierarchicalEncoder(
        [level(shape, sum(sizes[:p]), sizes[p], THIN[level]) for p in (1, 2, 3)]
    )


def inputs(generator, shape=(23, 6, 6), batch=4):
    x = torch.relu(torch.randn(batch, *shape, generator=generator))
    t = torch.rand(batch, 1, generator=generator)
    code = (torch.rand(batch, SIZES[0], generator=generator) < 0.5).float()
    uniform = torch.rand(batch, sum(SIZES[1:]), generator=generator).clamp(1e-6)
    return x, t, code, uniform


@pytest.mark.parametrize("level", THIN)
@pytest.mark.parametrize("shape", [(45, 16, 9), (45, 50, 18), (23, 6, 6)])
def test_shapes(level, shape, generator):
    encoder = make_encoder(level, shape)
    logits, bits = encoder(*inputs(generator, shape, batch=2), 5.0)
    assert logits.shape == bits.shape == (2, sum(SIZES[1:]))
    assert torch.isfinite(logits).all()
    assert ((bits >= 0) & (bits <= 1)).all()
    assert ((bits > 0.01) & (bits < 0.99)).any()


@pytest.mark.parametrize("level", THIN)
def test_exact_bits_are_thresholded_logits_plus_noise(level, generator):
    encoder = make_encoder(level).eval()
    *seen, uniform = inputs(generator)
    logits, bits = encoder(*seen, uniform, None)
    assert torch.equal(bits, (logits + torch.logit(uniform) > 0).float())


@pytest.mark.parametrize("level", THIN)
def test_sharp_relaxed_bits_become_the_exact_ones(level, generator):
    encoder, given = make_encoder(level).eval(), inputs(generator)
    torch.testing.assert_close(encoder(*given, 1e6)[1], encoder(*given, None)[1])


class Listener(nn.Module):
    """A level that remembers what it was shown."""

    def __init__(self, n_bits):
        super().__init__()
        self.n_bits = n_bits

    def forward(self, _x, _t, earlier):
        self.earlier = earlier
        return torch.zeros(len(earlier), self.n_bits)


def test_each_level_is_given_all_earlier_partitions(generator):
    encoder = HierarchicalEncoder([Listener(n) for n in SIZES[1:]])
    *seen, code, uniform = inputs(generator)
    _, bits = encoder(*seen, code, uniform, 2.0)
    everything = torch.cat([code, bits], dim=1)
    for p, level in enumerate(encoder.levels, start=1):
        assert torch.equal(level.earlier, everything[:, : sum(SIZES[:p])])


@pytest.mark.parametrize("level", THIN)
@pytest.mark.parametrize("partition", [1, 2, 3])
def test_each_level_depends_on_every_earlier_bit_and_on_shower_and_energy(
    level, partition, generator
):
    network = make_encoder(level).levels[partition - 1].eval()
    x, t, _, _ = inputs(generator)
    earlier = torch.rand(4, sum(SIZES[:partition]), generator=generator)
    for given in (x, t, earlier):
        given.requires_grad_()
    network(x, t, earlier).square().sum().backward()
    assert (earlier.grad.abs() > 1e-6).any(dim=0).all()
    assert (t.grad.abs() > 1e-6).all()
    assert (x.grad != 0).flatten(start_dim=1).double().mean(dim=1).min() > 0.5


def test_the_stem_turns_with_the_shower(generator):
    stem = make_encoder(ConvLevel, (23, 8, 6)).double().levels[0].stem.eval()
    x = torch.randn(2, 2, 23, 8, 6, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        expected = stem(x)
        for bins in (2, 4, 6):
            turned = stem(x.roll(bins, dims=3))
            torch.testing.assert_close(
                turned, expected.roll(bins // 2, dims=3), rtol=0, atol=1e-12
            )


@pytest.mark.parametrize("shape", [(22, 6, 6), (23, 4, 6), (23, 6, 5), (23, 7, 6)])
def test_cylinders_below_the_stated_limits_are_refused(shape):
    message = "at least 23 layers, 6 azimuth bins .an even number. and 6 rings"
    with pytest.raises(GeometryError, match=message):
        ConvLevel(shape, 5, 3, THIN[ConvLevel])


def test_depth_levels_fit_any_cylinder(generator):
    encoder = make_encoder(DepthLevel, (1, 1, 1))
    logits, _ = encoder(*inputs(generator, (1, 1, 1)), 1.0)
    assert logits.shape == (4, 13)
