"""Models on disk: whole, exact, versioned, and never code."""

import json
import pickle
from pathlib import Path

import pytest
import torch

from calo4pqvae._core.atomic import write_json
from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.config import CONFIG_SCHEMA, load_config
from calo4pqvae.errors import CheckpointError, OutputError
from calo4pqvae.models.build import build_model
from calo4pqvae.models.storage import load_model, save_model

SETTINGS = [
    "data.energy_gev=[1,1000]",
    "prior.nodes_per_partition=6",
    "model.encoder_widths=[4,3,6]",
    "model.decoder_widths=[6,3,4,5]",
]


@pytest.fixture
def config():
    return load_config("quick", settings=SETTINGS)


@pytest.fixture
def stored(tmp_path, toy_geometry, config, generator):
    model = build_model(config, toy_geometry).eval()
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=generator))
    save_model(tmp_path / "model", model, config, {"epochs": 3})
    return tmp_path / "model", model


def change(folder, **changes):
    path = folder / "config.json"
    description = json.loads(path.read_text())
    description.update(changes)
    path.write_text(json.dumps({k: v for k, v in description.items() if v is not None}))


def assert_refused(folder, words):
    with pytest.raises(CheckpointError) as caught:
        load_model(folder)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_round_trip_is_exact(stored, config, toy_geometry, toy_showers):
    folder, model = stored
    again = load_model(folder)
    assert again.config == config
    assert again.provenance == {"epochs": 3}
    assert again.folder == folder
    assert again.model.geometry == toy_geometry
    assert not again.model.training
    assert torch.equal(again.model.prior.graph.edges, model.prior.graph.edges)
    for name, value in model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value), name
    e_inc, showers = (torch.from_numpy(a) for a in toy_showers(9))
    e_inc = e_inc.clamp(min=1e3)
    showers = showers.view(-1, *toy_geometry.shape)
    made = []
    for one in (model, again.model):
        bits = one.encode(showers, e_inc, SharedNoise(1))
        made.append((bits, one.decode(bits, e_inc, SharedNoise(2))))
    assert torch.equal(made[0][0], made[1][0])
    assert torch.equal(made[0][1], made[1][1])


def test_nothing_is_left_aside(stored):
    names = sorted(path.name for path in stored[0].iterdir())
    assert names == ["config.json", "model.safetensors"]


def test_weights_that_cannot_be_written(stored, config):
    folder, model = stored
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        save_model(folder, model, config, {})
    assert not (folder / "model.safetensors.part").exists()


def test_a_run_folder_leads_to_its_model(stored):
    assert load_model(stored[0].parent).folder == stored[0]


def test_missing_models(tmp_path, stored):
    assert_refused(tmp_path / "nowhere", "no model here")
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    assert_refused(run, "no finished model yet")
    (stored[0] / "config.json").unlink()
    assert_refused(stored[0], "no model here")


def test_another_version_is_refused(stored):
    change(stored[0], schema=CONFIG_SCHEMA + 1)
    assert_refused(stored[0], f"written as version {CONFIG_SCHEMA + 1}")


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "3", "{}", "\x00"])
def test_damaged_descriptions(stored, text):
    (stored[0] / "config.json").write_text(text)
    assert_refused(stored[0], "description of a model")


@pytest.mark.parametrize("key", ["config", "geometry", "graph", "provenance"])
def test_incomplete_descriptions(stored, key):
    change(stored[0], **{key: None})
    assert_refused(stored[0], "description of a model")


@pytest.mark.parametrize("key", ["config", "geometry", "graph"])
def test_senseless_descriptions(stored, key):
    change(stored[0], **{key: {"colour": 1}})
    assert_refused(stored[0], "description of a model")


def test_truncated_weights(stored):
    path = stored[0] / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert_refused(stored[0], "model.safetensors")


def test_weights_of_another_model(stored, tmp_path, toy_geometry):
    other = load_config("quick", settings=[*SETTINGS, "prior.nodes_per_partition=7"])
    save_model(tmp_path / "other", build_model(other, toy_geometry), other, {})
    (tmp_path / "other/model.safetensors").replace(stored[0] / "model.safetensors")
    assert_refused(stored[0], "model.safetensors")


class Trap:
    """Unpickling this creates a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def test_pickles_are_never_read(stored, tmp_path):
    trap = tmp_path / "sprung"
    pickle.loads(pickle.dumps(Trap(trap)))
    assert trap.exists()
    trap.unlink()
    (stored[0] / "model.safetensors").write_bytes(pickle.dumps(Trap(trap)))
    assert_refused(stored[0], "model.safetensors")
    assert not trap.exists()


def test_json_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "numbers.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["numbers.json"]


def test_half_precision_takes_half_the_space_and_is_widened(stored, tmp_path, config):
    """Networks move by a rounding of half precision; prior, vectors and tables do not."""
    folder, model = stored
    save_model(tmp_path / "half", model, config, {}, half=True)
    sizes = [(f / "model.safetensors").stat().st_size for f in (folder, tmp_path / "half")]
    wide = sum(p.numel() for p in model.parameters() if p.ndim > 1)
    assert sizes[0] - sizes[1] == pytest.approx(2 * wide, abs=200)
    again, networks = load_model(tmp_path / "half").model, dict(model.named_parameters())
    for name, value in again.state_dict().items():
        before = model.state_dict()[name]
        assert value.dtype == before.dtype
        if name in networks and value.ndim > 1:
            assert torch.allclose(value, before, rtol=2**-10)
            assert not torch.equal(value, before)
        else:
            assert torch.equal(value, before)


def test_half_precision_stands_in_for_nothing_but_float32(stored):
    """A table of whole numbers, or doubles, in half precision belongs to another model."""
    from safetensors.torch import load_file, save_file

    folder, _ = stored
    weights = load_file(folder / "model.safetensors")
    name = next(n for n, v in weights.items() if not v.is_floating_point())
    save_file({**weights, name: weights[name].half()}, folder / "model.safetensors")
    assert_refused(folder, "belongs to another model")
