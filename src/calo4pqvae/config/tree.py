"""The tree of settings: what there is to choose, with the paper's values as defaults."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, Literal, cast

from calo4pqvae._core.intake import one_line, parsing
from calo4pqvae.config.rules import check
from calo4pqvae.errors import ConfigError

__all__ = [
    "CONFIG_SCHEMA",
    "Config",
    "DataConfig",
    "LongitudinalConfig",
    "NetworkConfig",
    "PriorConfig",
    "TrainingConfig",
    "VoxelConfig",
    "differing_settings",
]

CONFIG_SCHEMA = 2
"""Version of this tree; stored models and checkpoints of another version are refused."""


@dataclass(frozen=True)
class DataConfig:
    """Which showers are used for what.

    Attributes:
        split: ``paper`` (80/10/10 shuffled), ``official`` (file 1 trains, file 2 tests), or
            the path of a split manifest.
        split_seed: seed of the shuffle.
        energy_gev: range of incident energies that the model covers [GeV]; None takes it from
            the showers, rounded outwards to two digits. Runs and models hold what was taken.
        buffer_gib: memory for showers; larger sets are shuffled piece by piece [GiB].
    """

    split: str = "paper"
    split_seed: int = 0
    energy_gev: tuple[float, float] | None = None
    buffer_gib: float = 4.0


@dataclass(frozen=True)
class PriorConfig:
    """The Boltzmann machine.

    Attributes:
        lattice: annealer lattice that the nodes are cut from, the complete graph, or none:
            no couplers.
        grid: size parameter of the lattice; 0 takes the smallest that fits.
        nodes_per_partition: nodes of each of the four partitions.
        energy_code: code of the incident energy on partition 0: the authors' ``integer``s, a
            ``thermometer`` in the order of the chip, or one ``spread`` so that the thresholds
            beside each free node cover the whole range.
        bias_order: polynomial order of the biases' energy dependence; 0 for none.
        initial_scale: standard deviation of initial couplings and biases.
        working_graph: file of a chip's working graph to cut the nodes from, in place of a
            perfect lattice; written by `annealer.chip.working_graph`.
        coupling_bins: intervals of the logarithmic energy with couplings of their own, linear
            in it; 1 for the same couplings everywhere.
        free: no partition is clamped, its qubits carry bits as well (layered model).
        burn_in: Gibbs sweeps from random bits to a state that is used, unless a command says
            otherwise.
    """

    lattice: Literal["zephyr", "pegasus", "complete", "none"] = "zephyr"
    grid: int = 0
    nodes_per_partition: int = 302
    energy_code: Literal["integer", "thermometer", "spread"] = "integer"
    bias_order: int = 0
    initial_scale: float = 0.01
    working_graph: str = ""
    coupling_bins: int = 1
    free: bool = False
    burn_in: int = 200


@dataclass(frozen=True)
class LongitudinalConfig:
    """How layer energies become bits, and bits layer energies (layered model).

    Attributes:
        level_bits: bits of each layer energy, of the total, of the mean layer, of the spread
            around it, and of the number of filled layers; zeros for none.
        copula_bins: intervals of the logarithmic energy with correlations of their own.
        copula_rounds: Gibbs rounds of the copula.
    """

    level_bits: tuple[int, int, int, int, int] = (1, 2, 8, 4, 6)
    copula_bins: int = 16
    copula_rounds: int = 20


@dataclass(frozen=True)
class NetworkConfig:
    """Encoder and decoder.

    Attributes:
        kind: ``conv3d`` (the paper's 3D convolutions), ``compact`` (the same structure at a
            size for one core), ``depth`` (light, along the depth), or ``layers`` (bits of layer
            energies, voxels layer after layer).
        mean_shower: begin with the mean shower, fitted before training (conv3d, compact).
        encoder_widths: channels; four for conv3d and compact, three for depth, none for layers.
        decoder_widths: channels; three for compact, four for any other kind.
    """

    kind: Literal["conv3d", "compact", "depth", "layers"] = "conv3d"
    mean_shower: bool = False
    encoder_widths: tuple[int, ...] = (32, 64, 128, 256)
    decoder_widths: tuple[int, ...] = (512, 128, 64, 32)


@dataclass(frozen=True)
class VoxelConfig:
    """How a voxel follows from the decoder.

    Attributes:
        model: ``point`` (mask times value), ``drawn`` (energy of a hit is drawn), or
            ``shared`` (hits that share a layer's energy; layered model).
        value_weight: weight of the squared error (point).
        value_exponent: growth of that weight with the transformed energy (point); the
            authors' code has 0.5, together with the true mask.
        true_mask: multiply with the shower's own hits in the loss, not a relaxed mask (point).
        residuals: fit the distribution of values around the decoder's after training, and draw
            from it (point).
    """

    model: Literal["point", "drawn", "shared"] = "point"
    value_weight: float = 0.01
    value_exponent: float = 0.0
    true_mask: bool = False
    residuals: bool = False


@dataclass(frozen=True)
class TrainingConfig:
    """The schedule.

    Attributes:
        epochs: passes over the training showers.
        freeze_epoch: from this epoch on only the prior learns.
        batch_size: showers per step, over all processes.
        learning_rate: Adam's, for encoder and decoder.
        learning_rate_end: what it falls to by the freeze, along a cosine.
        clip_gradient: largest norm of the networks' gradient, longer ones are cut; 0 for none.
        sharpness: first and last inverse temperature of the relaxations.
        sharpness_epochs: epochs over which it rises linearly.
        kl_weight: first and last weight of the prior's regulariser.
        kl_epochs: epochs between which that weight rises linearly.
        match_weight: weight, beside that of the regulariser, of the difference between the
            correlations of the encoder's bits and those of the chains (pcd); 0 for none.
        gradient: ``centred`` (enhanced) or ``plain``.
        prior_learning_rate: step of the prior's gradient ascent, at the start.
        prior_learning_rate_end: what it falls to by the last epoch, along a cosine.
        prior_momentum: its momentum.
        negative_phase: ``cd`` starts chains at the encoder's bits, ``pcd`` keeps them.
        sweeps: Gibbs sweeps per batch.
        prior_fit: ``batches`` beside the networks, or ``whole``: on all training showers, once
            the networks are trained (layered model).
        fit_steps: natural-gradient steps of a whole fit.
        sampler: ``compiled`` code on the CPU, ``cuda`` on a GPU, ``torch``, or ``auto``: the
            fastest that fits.
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
    clip_gradient: float = 0.0
    sharpness: tuple[float, float] = (1.0, 100.0)
    sharpness_epochs: int = 150
    kl_weight: tuple[float, float] = (1.0, 1.0)
    kl_epochs: tuple[int, int] = (0, 1)
    match_weight: float = 0.0
    gradient: Literal["centred", "plain"] = "centred"
    prior_learning_rate: float = 0.01
    prior_learning_rate_end: float = 0.01
    prior_momentum: float = 0.0
    negative_phase: Literal["cd", "pcd"] = "pcd"
    sweeps: int = 3000
    prior_fit: Literal["batches", "whole"] = "batches"
    fit_steps: int = 60
    sampler: str = "auto"
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
    longitudinal: LongitudinalConfig = field(default_factory=LongitudinalConfig)
    voxels: VoxelConfig = field(default_factory=VoxelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        check(self)

    def to_dict(self) -> dict[str, Any]:
        """Turn the tree into plain dictionaries and lists."""
        return _plain(asdict(self))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Config":
        """Check types and names and build the tree.

        Raises:
            ConfigError: unknown key, wrong type, or value out of range.
        """
        for section, value in values.items():
            if section != "preset" and not isinstance(value, Mapping):
                raise ConfigError(
                    f"{one_line(section)} is a section of settings, not a value "
                    f"({one_line(repr(value))})"
                )
        with parsing("settings", "configuration", ConfigError):
            return _built(cls, values)


@cache
def _parser(cls: type) -> Any:
    """Make the parser of the whole tree once; it takes as long as using it ten times."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(cls, "config")
    return parser


def _built(cls: type[Config], values: Mapping[str, Any]) -> Config:
    from jsonargparse import ArgumentError

    parser = _parser(cls)
    try:
        parsed = parser.parse_object({"config": dict(values)})
    except ArgumentError as error:
        raise ConfigError(one_line(_first_reason(str(error)))) from error
    return cast(Config, vars(parser.instantiate(parsed))["config"])


def differing_settings(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Name the settings, in plain dictionaries, that another configuration has otherwise."""
    return [
        f"{section}.{key}"
        for section, values in one.items()
        if isinstance(values, dict)
        for key in values
        if other.get(section, {}).get(key) != values[key]
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(value[key]) for key in sorted(value)}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _first_reason(message: str) -> str:
    """One sentence out of jsonargparse's report, in the user's words."""
    text = " ".join(line.strip(" -") for line in message.replace("config.", "").splitlines())
    text = re.sub(
        r"Group 'config' does not accept option '([^']*)'", r"there is no setting \1", text
    )
    text = re.sub(r"Parser key \"([^\"]*)\":", r"\1:", text)
    return re.sub(r"<class '(\w+)'>|typing\.Literal", r"\1", text).strip(" .")
