"""What earlier versions have stored: models, runs and checkpoints, read by today's program."""

import copy
import json
import shutil
from pathlib import Path

import pytest
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.config import (
    CONFIG_SCHEMA,
    AutoregressiveConfig,
    CompactConfig,
    Config,
    Conv3dConfig,
    DepthConfig,
    DrawnVoxelsConfig,
    PointVoxelsConfig,
    load_config,
    migrate,
)
from calo4pqvae.errors import CheckpointError, ConfigError
from calo4pqvae.models.storage import load_model, save_model
from calo4pqvae.pretrained import pretrained_path
from calo4pqvae.training.checkpoint import check_same, read_checkpoint
from calo4pqvae.training.folder import read_run

OLD = Path(__file__).parent / "models" / "stored" / "quick-version-2"
"""A model that a program of version 2 wrote, its networks three units wide."""

VERSION_2 = {
    "preset": "paper-compact",
    "data": {"energy_gev": [1.0, 100.0], "split": "paper"},
    "longitudinal": {"copula_bins": 16, "copula_rounds": 20, "level_bits": [1, 2, 8, 4, 6]},
    "network": {
        "decoder_widths": [9, 8, 7],
        "encoder_widths": [5, 4, 3, 2],
        "kind": "compact",
        "mean_shower": True,
    },
    "prior": {"coupling_bins": 1, "free": False, "nodes_per_partition": 12},
    "training": {"epochs": 3, "prior_fit": "batches"},
    "voxels": {
        "model": "point",
        "residuals": True,
        "true_mask": True,
        "value_exponent": 0.5,
        "value_weight": 0.02,
    },
}
LAYERED = {
    "network": {"decoder_widths": [1, 2, 3, 4], "encoder_widths": [], "kind": "layers"},
    "voxels": {"model": "shared", "true_mask": False, "value_exponent": 0.0},
    "prior": {"coupling_bins": 32, "free": True, "nodes_per_partition": 40},
    "training": {"fit_steps": 7, "prior_fit": "whole"},
    "longitudinal": {"copula_bins": 3, "copula_rounds": 4, "level_bits": [1, 2, 3, 4, 5]},
}


def read(values: dict, version: int = 2) -> Config:
    return Config.from_dict(migrate(values, version, "a.json"))


def test_a_compact_model_of_version_2() -> None:
    before = copy.deepcopy(VERSION_2)
    config = read(VERSION_2)
    assert before == VERSION_2
    voxels = PointVoxelsConfig(
        value_weight=0.02, value_exponent=0.5, true_mask=True, residuals=True
    )
    assert config.model == CompactConfig(
        encoder_widths=(5, 4, 3, 2), decoder_widths=(9, 8, 7), voxels=voxels
    )
    assert (config.preset, config.training.epochs) == ("paper-compact", 3)
    assert config.prior.nodes_per_partition == 12
    assert config.data.energy_gev == (1.0, 100.0)


def test_a_layered_model_of_version_2() -> None:
    config = read(LAYERED)
    assert config.model == AutoregressiveConfig(
        decoder_widths=(1, 2, 3, 4),
        level_bits=(1, 2, 3, 4, 5),
        copula_bins=3,
        copula_rounds=4,
        coupling_bins=32,
    )
    assert config.training.fit_steps == 7


def test_drawn_voxels_and_what_was_left_to_its_default() -> None:
    network = {"kind": "depth", "encoder_widths": [1, 2, 3], "decoder_widths": [1, 2, 3, 4]}
    config = read({"network": network, "voxels": {"model": "drawn", "value_weight": 0.01}})
    widths = {"encoder_widths": (1, 2, 3), "decoder_widths": (1, 2, 3, 4)}
    assert config.model == DepthConfig(**widths, voxels=DrawnVoxelsConfig())
    assert read({}) == Config(model=Conv3dConfig())


def test_version_1_had_a_common_scale_and_other_layered_models() -> None:
    voxels = {"common_scale": 0.0, "model": "point", "value_weight": 0.02}
    config = read({"voxels": voxels, "longitudinal": {"level_bits": [2, 2, 8, 4]}}, 1)
    assert config.model == Conv3dConfig(voxels=PointVoxelsConfig(value_weight=0.02))
    with pytest.raises(CheckpointError, match=r"a\.json: a model of version 1 whose voxels"):
        read({"voxels": {"common_scale": 0.0, "model": "drawn"}}, 1)


@pytest.mark.parametrize("version", [0, CONFIG_SCHEMA + 1, "2", True, 2.0, None, [2]])
def test_other_versions_are_refused(version) -> None:
    with pytest.raises(CheckpointError, match=r"written as version .* reads versions 1 to 3"):
        migrate({}, version, "a.json")


@pytest.mark.parametrize(
    ("section", "key"), [("network", "colour"), ("voxels", "colour"), ("training", "colour")]
)
def test_what_no_version_knew_is_not_lost_in_silence(section: str, key: str) -> None:
    values = copy.deepcopy(VERSION_2)
    values[section][key] = 1
    with pytest.raises(ConfigError, match=r"there is no setting (network|voxels|train)"):
        read(values)


def test_settings_of_today_are_left_as_they_are() -> None:
    values = load_config("best").to_dict()
    assert migrate(values, CONFIG_SCHEMA, "a.json") == values


def test_the_model_that_comes_with_the_package_is_of_version_2(tmp_path: Path) -> None:
    """It is stored anew as one of today, with the same weights."""
    description = json.loads((pretrained_path() / "config.json").read_text("utf-8"))
    assert description["schema"] == 2
    stored = load_model(pretrained_path())
    assert isinstance(stored.config.model, AutoregressiveConfig)
    save_model(tmp_path / "new", stored.model, stored.config, stored.provenance)
    again = load_model(tmp_path / "new")
    assert again.config == stored.config
    assert json.loads((tmp_path / "new/config.json").read_text("utf-8"))["schema"] == 3
    for name, value in stored.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value)


def test_an_old_model_makes_the_showers_that_it_made() -> None:
    """The sums are those of the program that wrote it."""
    model = load_model(OLD).model
    bits = torch.tensor(
        [[0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0], [1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 0, 1]]
    ).bool()
    showers = model.decode(bits, torch.tensor([[2000.0], [50000.0]]), SharedNoise(3))
    assert (showers > 0).sum(dim=(1, 2, 3)).tolist() == [31, 34]
    assert showers.sum(dim=(1, 2, 3)).tolist() == pytest.approx([30.88101, 20.23087], rel=1e-5)


def test_an_old_run_is_taken_up(tmp_path: Path) -> None:
    """Its description and its checkpoint name the settings as they were called then."""
    files = [{"name": "a.h5", "path": "/a.h5", "showers": 3, "sha256": "00"}]
    description = {"schema": 2, "calo4pqvae": "0.1.0", "config": VERSION_2, "files": files}
    (tmp_path / "config.json").write_text(json.dumps(description), encoding="utf-8")
    config = read_run(tmp_path).config
    assert config == read(VERSION_2)
    path = tmp_path / "last.pt"
    torch.save({"schema": 2, "config": json.dumps(VERSION_2), "fingerprint": "00"}, path)
    check_same(path, read_checkpoint(path), config, "00")
    other = Config.from_dict(config.to_dict() | {"training": {"epochs": 4}})
    with pytest.raises(CheckpointError, match=r"other values of training\.epochs;"):
        check_same(path, read_checkpoint(path), other, "00")


def test_an_old_model_of_a_later_kind_of_file_is_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(OLD, tmp_path / "model"))
    description = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**description, "schema": 1}))
    with pytest.raises(CheckpointError, match="a model of version 1 whose voxels are drawn"):
        load_model(folder)
