"""The decoder layer by layer: the same numbers both ways, and nothing from later layers."""

import pytest
import torch

from calo4pqvae.models.autoregressive.causal import CausalDecoder
from calo4pqvae.models.autoregressive.sectors import shear_odd_rings

SHAPE = (6, 4, 3)


@pytest.fixture
def decoder():
    torch.manual_seed(1)
    made = CausalDecoder(SHAPE, 0.05, (4, 6, 8, 10))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made.double().requires_grad_(requires_grad=False)


@pytest.fixture
def batch(generator):
    showers = torch.rand(5, *SHAPE, generator=generator, dtype=torch.float64) * 10
    showers = torch.where(showers > 6, showers, 0.0)
    return showers, torch.rand(5, 1, generator=generator, dtype=torch.float64)


def test_drawing_sees_what_training_saw(decoder, batch):
    showers, t = batch
    worlds, histories = decoder(showers, t)
    decoding = decoder.init_state(showers.sum(dim=(2, 3)), t)
    for layer in range(SHAPE[0]):
        world, history = decoder.step(decoding, layer)
        decoder.update(decoding, showers[:, layer])
        assert torch.allclose(world, worlds[:, layer])
        assert torch.allclose(history, histories[:, layer])


def test_voxels_of_a_layer_change_later_layers_only(decoder, batch):
    showers, t = batch
    turned = showers.clone()
    turned[:, 3] = turned[:, 3].roll(1, dims=1) * 0.999
    for one, other in zip(decoder(showers, t), decoder(turned, t), strict=True):
        change = (one - other).abs().amax(dim=0).flatten(start_dim=1).amax(dim=1)
        assert bool((change[4:] > 0).all())
    history = (decoder(showers, t)[1] - decoder(turned, t)[1]).abs().amax(dim=(0, 2, 3))
    assert bool((history[:4] == 0).all())


def test_energies_of_all_layers_matter(decoder, batch):
    showers, t = batch
    more = showers.clone()
    more[:, 5] *= 2
    world, history = (a - b for a, b in zip(decoder(more, t), decoder(showers, t), strict=True))
    assert bool((world[:, 0] != 0).any())
    assert bool((history == 0).all())


def test_a_turned_shower_has_a_turned_past(decoder, batch):
    showers, t = batch
    world, history = decoder(shear_odd_rings(showers), t)
    turned_world, turned = decoder(shear_odd_rings(showers.roll(1, dims=2)), t)
    assert torch.allclose(world, turned_world)
    assert torch.allclose(history.roll(1, dims=2), turned, atol=1e-6)
