"""The decoder layer by layer: the same numbers both ways, and nothing from later layers."""

import pytest
import torch

from calo4pqvae.nn.causal import CausalDecoder

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
    at_once = decoder(showers, t)
    passage = decoder.start(showers.sum(dim=(2, 3)), t)
    for layer in range(SHAPE[0]):
        logit, shared = decoder.hit_logits(passage, layer)
        hits = showers[:, layer] > 0
        mu, width = decoder.value_parameters(passage, layer, hits, shared)
        decoder.advance(passage, showers[:, layer])
        step = torch.stack([logit, mu, width], dim=1)
        assert torch.allclose(step.float(), at_once[:, :, layer].float(), atol=1e-5)


def test_voxels_of_a_layer_change_later_layers_only(decoder, batch):
    showers, t = batch
    turned = showers.clone()
    turned[:, 3] = turned[:, 3].roll(1, dims=1)
    change = (decoder(turned, t) - decoder(showers, t)).abs().amax(dim=(0, 3, 4))
    assert bool((change[:, :3] == 0).all())
    assert float(change[0, 3]) == 0
    assert bool((change[1:, 3] > 0).all())
    assert bool((change[:, 4:] > 0).all())


def test_energies_of_all_layers_matter(decoder, batch):
    showers, t = batch
    more = showers.clone()
    more[:, 5] *= 2
    assert bool(((decoder(more, t) - decoder(showers, t))[:, :, 0] != 0).any())
