"""Configurations: stacking, checking, and one readable line for every mistake."""

import pytest

from calo4pqvae.cli.main import main
from calo4pqvae.config import (
    Config,
    DepthConfig,
    PointVoxelsConfig,
    TrainingConfig,
    differing_settings,
    load_config,
    presets,
)
from calo4pqvae.errors import ConfigError


def test_every_preset_loads_under_its_name():
    assert {"paper", "quick"} <= set(presets())
    for preset in presets():
        assert load_config(preset).preset == preset


def test_the_preset_of_the_paper_has_its_text_and_the_authors_loss():
    config, text = load_config("paper"), Config()
    assert set(differing_settings(config.to_dict(), text.to_dict())) == {
        "prior.energy_code",
        "prior.initial_scale",
        "model.mean_shower",
        "model.global_bits",
        "model.voxels.value_exponent",
        "model.voxels.true_mask",
        "model.voxels.residuals",
    }
    assert config.model.voxels.true_mask
    assert config.model.voxels.value_exponent == 0.5
    assert text.prior.energy_code == "integer"
    assert config.prior.lattice == "zephyr"
    assert config.prior.nodes_per_partition == 302
    assert config.prior.bias_order == 0
    assert config.model.kind == "conv3d"
    assert config.model.voxels.kind == "point"
    assert config.training.gradient == "centred"
    assert not config.training.augment


@pytest.mark.parametrize("preset", presets())
def test_round_trip(preset):
    config = load_config(preset)
    assert Config.from_dict(config.to_dict()) == config


def test_file_goes_over_preset_and_settings_over_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("training:\n  batch_size: 7\n  epochs: 9\nprior: {bias_order: 2}\n")
    quick = load_config("quick")
    config = load_config("quick", path, ["training.epochs=11", "training.epochs=12"])
    assert config.training.batch_size == 7
    assert config.training.epochs == 12
    assert config.prior.bias_order == 2
    assert config.training.sweeps == quick.training.sweeps
    assert config.model == quick.model


@pytest.mark.parametrize("text", ["1e-4", "1.0e-4", "0.0001", "1E-4"])
def test_numbers_with_exponents(text, tmp_path):
    path = tmp_path / "rate.yaml"
    path.write_text(f"training: {{learning_rate: {text}}}\n")
    assert load_config("paper", path).training.learning_rate == 1e-4
    setting = f"training.learning_rate={text}"
    assert load_config("paper", settings=[setting]).training.learning_rate == 1e-4


def test_settings_of_other_types():
    settings = [
        "training.augment=true",
        "training.sharpness=[2, 30]",
        "model.encoder_widths=[1,2,3]",
        "model.kind=depth",
        "data.split=official",
    ]
    config = load_config("paper", settings=settings)
    assert config.training.augment is True
    assert config.training.sharpness == (2.0, 30.0)
    assert config.model.encoder_widths == (1, 2, 3)
    assert config.data.split == "official"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("training.sweep=3", "training.sweep"),
        ("trainings.sweeps=3", "trainings"),
        ("training=3", "training is a section"),
        ("training.sweeps", "section.key=value"),
        ("=3", "section.key=value"),
        ("training.epochs=many", "training.epochs"),
        ("training.epochs=1.5", "training.epochs"),
        ("training.epochs=0", "training.epochs"),
        ("training.epochs=[1", "not valid YAML"),
        ("training.sweeps=-1", "training.sweeps"),
        ("training.learning_rate=0", "training.learning_rate"),
        ("training.learning_rate=nan", "training.learning_rate"),
        ("training.sharpness=[1]", "training.sharpness"),
        ("training.sharpness=[0,1]", "training.sharpness"),
        ("training.kl_epochs=[3,3]", "training.kl_epochs"),
        ("training.gradient=steep", "centred"),
        ("training.augment=perhaps", "training.augment"),
        ("prior.lattice=chimera", "zephyr"),
        ("prior.nodes_per_partition=0", "prior.nodes_per_partition"),
        ("data.energy_gev=[5,1]", "data.energy_gev"),
        ("model.encoder_widths=[1,2,3]", "model.encoder_widths has too few numbers"),
        ("model.encoder_widths=[1,2,3,4,5]", "model.encoder_widths must be 4 numbers, not 5"),
        ("model.encoder_widths=[1,2,3,0]", "model.encoder_widths[3] must be at least 1"),
        ("model.encoder_widths=3", "model.encoder_widths must be a valid tuple"),
        ("model=depth", "model is a section of settings, not a value ('depth')"),
        ("model.kind=deep", "model.kind must be one of 'conv3d', 'compact', 'depth', "),
        ("model.voxels.kind=shared", "model.voxels.kind must be one of 'point', 'drawn'"),
        ("model.voxels.weight=1", "there is no setting model.voxels.weight of the kind point"),
        ("model.level_bits=[1,1,1,1,1]", "no setting model.level_bits of the kind conv3d"),
        ("model.voxels.kind=drawn", "model.mean_shower=true goes with model.voxels.kind=point"),
        ("training.batch_size=1", "training.batch_size must be at least 2, not 1"),
        ("training.prior_momentum=1", "training.prior_momentum must be below 1, not 1"),
        ("training.sampler=gpu", "training.sampler must be auto, compiled, cuda or torch"),
        ("model.decoder_widths=[1,2,3]", "model.decoder_widths"),
    ],
)
def test_a_mistake_gives_one_readable_line(setting, words):
    with pytest.raises(ConfigError) as caught:
        load_config("paper", settings=[setting])
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert len(message) < 200
    assert "class '" not in message
    assert "jsonargparse" not in message


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("network.kind=layers", "network.kind is now called model.kind (layers is autoreg"),
        ("network.decoder_widths=[1,2,3,4]", "is now called model.decoder_widths"),
        ("voxels.model=drawn", "voxels.model is now called model.voxels.kind"),
        ("voxels.true_mask=true", "voxels.true_mask is now called model.voxels.true_mask"),
        ("longitudinal.copula_bins=3", "is now called model.copula_bins"),
        ("prior.coupling_bins=4", "prior.coupling_bins is now called model.coupling_bins"),
        ("prior.free=true", "prior.free is no setting any more: it follows from model.kind"),
        ("training.prior_fit=whole", "training.prior_fit is no setting any more"),
    ],
)
def test_an_old_name_says_what_it_is_called_now(setting, words, capsys, tmp_path):
    words_of_command = ["train", "--data", "a.h5", "--out", str(tmp_path / "run")]
    assert main([*words_of_command, "--set", setting]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_another_kind_brings_its_own_defaults():
    """What the preset says of the kind that it has is not meant for another."""
    config = load_config("paper", settings=["model.kind=depth"])
    assert config.model == DepthConfig()
    config = load_config("quick", settings=["model.voxels.kind=point"])
    assert config.model == DepthConfig(voxels=PointVoxelsConfig())
    same = load_config("paper", settings=["model.kind=conv3d"])
    assert same == load_config("paper")


def test_made_by_hand_a_section_checks_its_values():
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        TrainingConfig(epochs=0)
    config = Config(model=DepthConfig(), training=TrainingConfig(epochs=3))
    assert Config.from_dict(config.to_dict()) == config


def test_an_unknown_preset_names_the_known():
    with pytest.raises(ConfigError, match=r"no preset 'fast'; choose one of .*paper"):
        load_config("fast")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("training: [", "not valid YAML"),
        ("- 1\n- 2\n", "mapping of sections"),
        ("training:\n", "training is a section"),
        ("colour: {blue: 1}\n", "colour"),
        ("training: {colour: 1}\n", "training.colour"),
        ("training: {epochs: {a: 1}}\n", "training.epochs"),
    ],
)
def test_bad_files_give_one_readable_line(text, words, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config("paper", path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_binary_files_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        load_config("paper", tmp_path / "nowhere.yaml")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ConfigError):
        load_config("paper", binary)
