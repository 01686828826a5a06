"""Every choice of a run in one frozen tree, checked when it is read.

Defaults are the paper's. A preset is a YAML file of differences; a user's file and
``section.key=value`` settings go on top, in this order.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from calo4pqvae.errors import ConfigError

__all__ = [
    "CONFIG_SCHEMA",
    "Config",
    "DataConfig",
    "NetworkConfig",
    "PriorConfig",
    "TrainingConfig",
    "VoxelConfig",
    "load_config",
    "presets",
]

CONFIG_SCHEMA = 1
"""Version of this tree; stored models and checkpoints of another version are refused."""


@dataclass(frozen=True)
class DataConfig:
    """Which showers are used for what.

    Attributes:
        split: ``paper`` (80/10/10 shuffled), ``official`` (file 1 trains, file 2 tests), or
            the path of a split manifest.
        split_seed: seed of the shuffle.
        energy_gev: range of incident energies that the model covers [GeV].
        buffer_gib: memory for showers; larger sets are shuffled piece by piece [GiB].
    """

    split: str = "paper"
    split_seed: int = 0
    energy_gev: tuple[float, float] = (1.0, 1000.0)
    buffer_gib: float = 4.0


@dataclass(frozen=True)
class PriorConfig:
    """The Boltzmann machine.

    Attributes:
        lattice: annealer lattice that the nodes are cut from, or the complete graph.
        grid: size parameter of the lattice; 0 takes the smallest that fits.
        nodes_per_partition: nodes of each of the four partitions.
        energy_code: code of the incident energy on partition 0.
        bias_order: polynomial order of the biases' energy dependence; 0 for none.
        initial_scale: standard deviation of initial couplings and biases.
    """

    lattice: Literal["zephyr", "pegasus", "complete"] = "zephyr"
    grid: int = 0
    nodes_per_partition: int = 302
    energy_code: Literal["integer", "thermometer"] = "integer"
    bias_order: int = 0
    initial_scale: float = 0.01


@dataclass(frozen=True)
class NetworkConfig:
    """Encoder and decoder.

    Attributes:
        kind: ``conv3d`` (the paper's 3D convolutions) or ``depth`` (light, along the depth).
        encoder_widths: channels; four for conv3d, three for depth.
        decoder_widths: channels, four for either kind.
    """

    kind: Literal["conv3d", "depth"] = "conv3d"
    encoder_widths: tuple[int, ...] = (32, 64, 128, 256)
    decoder_widths: tuple[int, ...] = (512, 128, 64, 32)


@dataclass(frozen=True)
class VoxelConfig:
    """How a voxel follows from the decoder.

    Attributes:
        model: ``point`` (mask times value) or ``drawn`` (energy of a hit is drawn).
        value_weight: weight of the squared error (point).
        value_exponent: growth of that weight with the transformed energy (point).
    """

    model: Literal["point", "drawn"] = "point"
    value_weight: float = 0.01
    value_exponent: float = 0.5


@dataclass(frozen=True)
class TrainingConfig:
    """The schedule.

    Attributes:
        epochs: passes over the training showers.
        freeze_epoch: from this epoch on only the prior learns.
        batch_size: showers per step, over all processes.
        learning_rate: Adam's, for encoder and decoder.
        learning_rate_end: what it falls to by the freeze, along a cosine.
        sharpness: first and last inverse temperature of the relaxations.
        sharpness_epochs: epochs over which it rises linearly.
        kl_weight: first and last weight of the prior's regulariser.
        kl_epochs: epochs between which that weight rises linearly.
        gradient: ``centred`` (enhanced) or ``plain``.
        prior_learning_rate: step of the prior's gradient ascent, at the start.
        prior_learning_rate_end: what it falls to by the last epoch, along a cosine.
        prior_momentum: its momentum.
        negative_phase: ``cd`` starts chains at the encoder's bits, ``pcd`` keeps them.
        sweeps: Gibbs sweeps per batch.
        augment: rotate and mirror showers at random (exact symmetries).
        precision: arithmetic of the networks.
        seed: seed of everything random.
        checkpoint_minutes: time between checkpoints within an epoch.
    """

    epochs: int = 250
    freeze_epoch: int = 200
    batch_size: int = 512
    learning_rate: float = 1e-4
    learning_rate_end: float = 1e-4
    sharpness: tuple[float, float] = (1.0, 100.0)
    sharpness_epochs: int = 150
    kl_weight: tuple[float, float] = (1.0, 1.0)
    kl_epochs: tuple[int, int] = (0, 1)
    gradient: Literal["centred", "plain"] = "centred"
    prior_learning_rate: float = 0.01
    prior_learning_rate_end: float = 0.01
    prior_momentum: float = 0.0
    negative_phase: Literal["cd", "pcd"] = "pcd"
    sweeps: int = 3000
    augment: bool = False
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: int = 32
    checkpoint_minutes: float = 10.0


@dataclass(frozen=True)
class Config:
    """All sections, and the preset they started from."""

    preset: str = "paper"
    data: DataConfig = field(default_factory=DataConfig)
    prior: PriorConfig = field(default_factory=PriorConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    voxels: VoxelConfig = field(default_factory=VoxelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        _check(self)

    def to_dict(self) -> dict[str, Any]:
        """Turn the tree into plain dictionaries and lists."""
        return yaml.safe_load(yaml.safe_dump(_plain(asdict(self))))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Config":
        """Check types and names and build the tree.

        Raises:
            ConfigError: unknown key, wrong type, or value out of range.
        """
        from jsonargparse import ArgumentError, ArgumentParser

        for section, value in values.items():
            if section != "preset" and not isinstance(value, Mapping):
                raise ConfigError(
                    f"{section} is a section of settings, not a value ({value!r})"
                )
        parser = ArgumentParser(exit_on_error=False)
        parser.add_class_arguments(cls, "config")
        try:
            parsed = parser.parse_object({"config": dict(values)})
        except ArgumentError as error:
            raise ConfigError(_first_reason(str(error))) from error
        return cast(Config, vars(parser.instantiate(parsed))["config"])


def presets() -> list[str]:
    """List the presets that come with the package."""
    folder = files("calo4pqvae.presets")
    return sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".yaml"))


def load_config(
    preset: str = "paper", path: str | Path | None = None, settings: Sequence[str] = ()
) -> Config:
    """Stack a preset, a YAML file and ``section.key=value`` settings.

    Raises:
        ConfigError: unknown preset, unreadable file, unknown key or bad value.
    """
    if preset not in presets():
        raise ConfigError(
            f"there is no preset {preset!r}; choose one of {', '.join(presets())}"
        )
    text = (files("calo4pqvae.presets") / f"{preset}.yaml").read_text()
    values = _merge({"preset": preset}, _read_yaml(text, f"preset {preset}"))
    if path is not None:
        try:
            values = _merge(values, _read_yaml(Path(path).read_text(), str(path)))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read as a configuration ({error})") from error
    for setting in settings:
        values = _merge(values, _setting(setting))
    return Config.from_dict(values)


def _read_yaml(text: str, name: str) -> dict[str, Any]:
    try:
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{name}: not valid YAML ({reason})") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{name}: a configuration is a mapping of sections")
    return values


def _setting(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"a setting reads section.key=value, not {text!r}")
    try:
        tree: Any = _number(yaml.safe_load(value))
    except yaml.YAMLError as error:
        raise ConfigError(f"the value of {text!r} is not valid YAML") from error
    for name in reversed(key.strip().split(".")):
        tree = {name: tree}
    return tree


def _number(value: Any) -> Any:
    """YAML reads 1e-4 as text; a user means the number."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _first_reason(message: str) -> str:
    """One sentence out of jsonargparse's report, in the user's words."""
    text = " ".join(line.strip(" -") for line in message.replace("config.", "").splitlines())
    text = re.sub(
        r"Group 'config' does not accept option '([^']*)'", r"there is no setting \1", text
    )
    text = re.sub(r"Parser key \"([^\"]*)\":", r"\1:", text)
    return re.sub(r"<class '(\w+)'>|typing\.Literal", r"\1", text).strip(" .")


def _check(config: Config) -> None:
    """Refuse values that have the right type but no meaning."""
    rules = _training_rules(config.training) | _model_rules(config)
    for rule, holds in rules.items():
        if not holds:
            raise ConfigError(rule)


def _model_rules(config: Config) -> dict[str, bool]:
    p, n, data = config.prior, config.network, config.data
    low, high = data.energy_gev
    n_widths = _ENCODER_WIDTHS[n.kind]
    return {
        "data.energy_gev must be two rising energies above zero": 0 < low < high < math.inf,
        "data.buffer_gib must be above zero": data.buffer_gib > 0,
        "data.split_seed must not be negative": data.split_seed >= 0,
        "prior.nodes_per_partition must be at least 1": p.nodes_per_partition >= 1,
        "prior.grid and prior.bias_order must not be negative": min(p.grid, p.bias_order) >= 0,
        "prior.initial_scale must not be negative": 0 <= p.initial_scale < math.inf,
        "network.decoder_widths must be four numbers": len(n.decoder_widths) == 4,
        f"network.encoder_widths must be {n_widths} numbers": len(n.encoder_widths) == n_widths,
        "network.encoder_widths and network.decoder_widths must be at least 1": min(
            n.encoder_widths + n.decoder_widths
        )
        >= 1,
    }


def _training_rules(t: TrainingConfig) -> dict[str, bool]:
    prior_rates = (t.prior_learning_rate, t.prior_learning_rate_end)
    return {
        "training.epochs and training.batch_size must be at least 1": min(
            t.epochs, t.batch_size
        )
        > 0,
        "training.batch_size must be at least 2 for batch normalisation": t.batch_size > 1,
        "training.sweeps must not be negative": t.sweeps >= 0,
        "training.learning_rate must be above zero": 0 < t.learning_rate < math.inf,
        "training.learning_rate_end must not be negative": 0 <= t.learning_rate_end < math.inf,
        "training.prior_learning_rate and training.prior_learning_rate_end must not be "
        "negative": all(0 <= rate < math.inf for rate in prior_rates),
        "training.prior_momentum must be at least 0 and below 1": 0 <= t.prior_momentum < 1,
        "training.sharpness must stay above zero": min(t.sharpness) > 0,
        "training.sharpness_epochs must be at least 1": t.sharpness_epochs >= 1,
        "training.kl_epochs must rise": t.kl_epochs[0] < t.kl_epochs[1],
        "training.seed must lie between 0 and 2^53": 0 <= t.seed <= 1 << 53,
    }


_ENCODER_WIDTHS = {"conv3d": 4, "depth": 3}
