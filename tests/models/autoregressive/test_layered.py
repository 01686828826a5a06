"""The layered model: bits of layer energies, and showers that have these energies."""

import pytest
import torch

from calo4pqvae._core.rng import RowNoise, SharedNoise
from calo4pqvae.config import load_config
from calo4pqvae.errors import ConfigError
from calo4pqvae.models.autoregressive.core import Core
from calo4pqvae.models.autoregressive.model import LayeredQVAE
from calo4pqvae.models.build import build_model

TINY = [
    "data.energy_gev=[0.1,10]",
    "prior.nodes_per_partition=6",
    "model.level_bits=[2,2,3,1,0]",
    "model.decoder_widths=[4,6,8,10]",
]


@pytest.fixture
def model(toy_geometry):
    made = build_model(load_config("best", settings=TINY), toy_geometry).eval()
    assert isinstance(made, LayeredQVAE)
    return made


@pytest.fixture
def batch(toy_showers, toy_geometry):
    e_inc, showers = toy_showers(40)
    return torch.from_numpy(showers).view(-1, *toy_geometry.shape), torch.from_numpy(e_inc)


def test_voxels_of_every_layer_sum_to_its_energy(model, batch, toy_geometry):
    showers, e_inc = batch
    layers = showers.sum(dim=(2, 3))
    made = model.decode_layers(layers, e_inc, SharedNoise(1))
    assert torch.allclose(made.sum(dim=(2, 3)), layers, rtol=1e-4, atol=1e-3)
    assert torch.equal((made > 0).any(dim=3).any(dim=2), layers > 0)
    assert float(made[made > 0].min()) >= toy_geometry.threshold


def test_a_layer_with_room_for_one_hit_has_one(model, toy_geometry):
    layers = torch.zeros(30, 6)
    layers[:, 2] = 1.5 * toy_geometry.threshold
    made = model.decode_layers(layers, torch.full((30, 1), 1000.0), SharedNoise(1))
    assert bool(((made > 0).sum(dim=(1, 2, 3)) == 1).all())


def test_bits_are_a_function_of_the_shower(model, batch):
    first = model.encode(*batch, SharedNoise(1))
    assert first.shape == (40, 24)
    assert torch.equal(first, model.encode(*batch, SharedNoise(2)))


def test_decoding_does_not_depend_on_the_batch(model, batch):
    showers, e_inc = batch
    bits = model.encode(showers, e_inc, SharedNoise(1))
    whole = model.decode(bits, e_inc, RowNoise(3, 0))
    part = model.decode(bits[25:], e_inc[25:], RowNoise(3, 25))
    assert torch.equal(whole[25:], part) or not Core.available()


def test_only_the_networks_learn_by_descent(model, batch):
    model.train()
    model(*batch, SharedNoise(1), 1.0).total(1.0).backward()
    still = {name for name, p in model.named_parameters() if p.grad is None}
    assert still == set()
    assert all(name.startswith("decoder.") for name, _ in model.named_parameters())


def test_networks_start_alike_whatever_the_prior(model, toy_geometry):
    other = build_model(
        load_config("best", settings=[*TINY, "prior.nodes_per_partition=9"]), toy_geometry
    )
    for name, value in model.decoder.state_dict().items():
        assert torch.equal(other.state_dict()[f"decoder.{name}"], value)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("prior.nodes_per_partition=4", "18 bits of 6 layers and their sums do not fit 16"),
        ("model.voxels.kind=point", "no setting model.voxels of the kind autoregressive"),
        ("model.level_bits=[2,-1,0,0,0]", r"level_bits\[1\] must be at least 0"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(toy_geometry, setting, message):
    with pytest.raises(ConfigError, match=message):
        build_model(load_config("best", settings=[*TINY, setting]), toy_geometry)


def test_other_models_take_no_energy_dependent_couplings():
    with pytest.raises(ConfigError, match=r"no setting model\.coupling_bins of the kind depth"):
        load_config("quick", settings=["model.coupling_bins=4"])
