"""Configurations: stacking, checking, and one readable line for every mistake."""

import pytest

from calo4pqvae.config import Config, differing_settings, load_config, presets
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
        "network.mean_shower",
        "voxels.value_exponent",
        "voxels.true_mask",
        "voxels.residuals",
    }
    assert config.voxels.true_mask
    assert config.voxels.value_exponent == 0.5
    assert text.prior.energy_code == "integer"
    assert config.prior.lattice == "zephyr"
    assert config.prior.nodes_per_partition == 302
    assert config.prior.bias_order == 0
    assert config.network.kind == "conv3d"
    assert config.voxels.model == "point"
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
    assert config.network == quick.network


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
        "network.kind=depth",
        "network.mean_shower=false",
        "network.encoder_widths=[1,2,3]",
        "data.split=official",
    ]
    config = load_config("paper", settings=settings)
    assert config.training.augment is True
    assert config.training.sharpness == (2.0, 30.0)
    assert config.network.encoder_widths == (1, 2, 3)
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
        ("network.encoder_widths=[1,2,3]", "network.encoder_widths must be 4 numbers"),
        ("training.sampler=gpu", "training.sampler must be auto, compiled, cuda or torch"),
        ("network.decoder_widths=[1,2,3]", "network.decoder_widths"),
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
