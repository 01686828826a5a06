"""The cellwise model as a whole: bits of showers, showers of bits, on disk and back."""

import pytest
import torch

from calo4pqvae._core.rng import RowNoise, SharedNoise
from calo4pqvae.config import load_config
from calo4pqvae.data.symmetry import rotate_and_mirror
from calo4pqvae.errors import ConfigError
from calo4pqvae.models.build import build_model
from calo4pqvae.models.cellwise.model import CellwiseQVAE
from calo4pqvae.models.storage import load_model, save_model

TINY = [
    "data.energy_gev=[0.1,10]",
    "prior.nodes_per_partition=10",
    "model.level_bits=[1,2,3,1,0]",
    "model.lateral_bits=1",
    "model.decoder_widths=[4,6,8,10]",
]


@pytest.fixture
def config():
    return load_config("cells", settings=TINY)


@pytest.fixture
def model(config, toy_geometry):
    made = build_model(config, toy_geometry).eval()
    assert isinstance(made, CellwiseQVAE)
    return made


@pytest.fixture
def batch(toy_showers, toy_geometry):
    e_inc, showers = toy_showers(40)
    return torch.from_numpy(showers).view(-1, *toy_geometry.shape), torch.from_numpy(e_inc)


def test_bits_do_not_see_rotations(model, batch):
    showers, e_inc = batch
    first = model.encode(showers, e_inc, SharedNoise(1))
    turned = rotate_and_mirror(showers, SharedNoise(5).uniform(len(showers), 2))
    again = model.encode(turned, e_inc, SharedNoise(2))
    assert first.shape == (40, 40)
    # A centre on the edge of an interval may fall to either side in the last digit.
    assert int((first != again).sum()) <= 2


def test_showers_sum_to_their_layers(model, batch, toy_geometry):
    showers, e_inc = batch
    layers = showers.sum(dim=(2, 3))
    made = model.decode_layers(layers, e_inc, SharedNoise(1))
    assert torch.allclose(made.sum(dim=(2, 3)), layers, rtol=1e-4, atol=1e-3)
    assert torch.equal((made > 0).any(dim=3).any(dim=2), layers > 0)
    assert float(made[made > 0].min()) >= toy_geometry.threshold * (1 - 1e-6)


def test_decoding_does_not_depend_on_the_batch(model, batch):
    showers, e_inc = batch
    bits = model.encode(showers, e_inc, SharedNoise(1))
    whole = model.decode(bits, e_inc, RowNoise(3, 0))
    part = model.decode(bits[25:], e_inc[25:], RowNoise(3, 25))
    assert torch.allclose(whole[25:], part, rtol=1e-3, atol=1e-3)


def test_losses_have_gradients(model, batch):
    found = model(*batch, SharedNoise(1), 1.0)
    found.total(1.0).backward()
    weights = dict(model.decoder.named_parameters())
    untouched = [name for name, weight in weights.items() if weight.grad is None]
    assert untouched == []


def test_it_is_the_same_from_disk(model, config, batch, tmp_path):
    showers, e_inc = batch
    save_model(tmp_path / "model", model, config, {})
    stored = load_model(tmp_path / "model").model
    layers = showers.sum(dim=(2, 3))
    made = [m.decode_layers(layers, e_inc, SharedNoise(1)) for m in (model, stored)]
    assert torch.equal(*made)


def test_too_many_bits_are_refused(toy_geometry):
    settings = [*TINY, "model.lateral_bits=9"]
    with pytest.raises(ConfigError, match="nodes_per_partition"):
        build_model(load_config("cells", settings=settings), toy_geometry)
