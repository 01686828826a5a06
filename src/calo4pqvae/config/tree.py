"""The tree of settings: what there is to choose, with the paper's values as defaults."""

from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from calo4pqvae._core.intake.settings import (
    STRICT,
    Count,
    Flag,
    Integer,
    NotNegative,
    Positive,
    Real,
    Whole,
    build,
)
from calo4pqvae.boltzmann.samplers.registry import SAMPLERS
from calo4pqvae.config.migration import refuse_old_names
from calo4pqvae.config.models import Conv3dConfig, LayerBitsConfig, ModelConfig
from calo4pqvae.errors import ConfigError

__all__ = [
    "Config",
    "DataConfig",
    "PriorConfig",
    "TrainingConfig",
    "differing_settings",
    "flat_settings",
]


@dataclass(frozen=True, config=STRICT)
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
    split_seed: Whole = 0
    energy_gev: tuple[Positive, Positive] | None = None
    buffer_gib: Positive = 4.0

    def __post_init__(self) -> None:
        if self.energy_gev is not None and not self.energy_gev[0] < self.energy_gev[1]:
            raise ConfigError("data.energy_gev must be two rising energies")


@dataclass(frozen=True, config=STRICT)
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
        burn_in: Gibbs sweeps from random bits to a state that is used, unless a command says
            otherwise.
    """

    lattice: Literal["zephyr", "pegasus", "complete", "none"] = "zephyr"
    grid: Whole = 0
    nodes_per_partition: Count = 302
    energy_code: Literal["integer", "thermometer", "spread"] = "integer"
    bias_order: Whole = 0
    initial_scale: NotNegative = 0.01
    working_graph: str = ""
    burn_in: Whole = 200


@dataclass(frozen=True, config=STRICT)
class TrainingConfig:
    """The schedule.

    Attributes:
        epochs: passes over the training showers.
        freeze_epoch: from this epoch on only the prior learns.
        batch_size: showers per step, over all processes; batch normalisation needs two.
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
        fit_steps: natural-gradient steps of a prior that is fitted after the networks (of
            autoregressive models).
        sampler: ``compiled`` code on the CPU, ``cuda`` on a GPU, ``torch``, or ``auto``: the
            fastest that fits.
        augment: rotate and mirror showers at random (exact symmetries).
        precision: arithmetic of the networks; a processor without instructions for bfloat16
            takes float32.
        seed: seed of everything random.
        checkpoint_minutes: time between checkpoints within an epoch.
    """

    epochs: Count = 250
    freeze_epoch: Whole = 200
    batch_size: Annotated[int, Field(strict=True, ge=2)] = 512
    learning_rate: Positive = 1e-4
    learning_rate_end: NotNegative = 1e-4
    clip_gradient: NotNegative = 0.0
    sharpness: tuple[Positive, Positive] = (1.0, 100.0)
    sharpness_epochs: Count = 150
    kl_weight: tuple[Real, Real] = (1.0, 1.0)
    kl_epochs: tuple[Integer, Integer] = (0, 1)
    match_weight: NotNegative = 0.0
    gradient: Literal["centred", "plain"] = "centred"
    prior_learning_rate: NotNegative = 0.01
    prior_learning_rate_end: NotNegative = 0.01
    prior_momentum: Annotated[float, Field(strict=True, ge=0, lt=1)] = 0.0
    negative_phase: Literal["cd", "pcd"] = "pcd"
    sweeps: Whole = 3000
    fit_steps: Whole = 60
    sampler: str = "auto"
    augment: Flag = False
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: Annotated[int, Field(strict=True, ge=0, le=1 << 53)] = 32
    checkpoint_minutes: NotNegative = 10.0

    def __post_init__(self) -> None:
        if not self.kl_epochs[0] < self.kl_epochs[1]:
            raise ConfigError("training.kl_epochs must rise")
        if self.match_weight and self.negative_phase != "pcd":
            raise ConfigError(
                "training.match_weight above 0 goes with training.negative_phase=pcd"
            )
        if self.sampler not in {"auto", *SAMPLERS}:
            *some, last = SAMPLERS
            raise ConfigError(f"training.sampler must be auto, {', '.join(some)} or {last}")


@dataclass(frozen=True, config=STRICT)
class Config:
    """All sections, and the preset they started from.

    Made by hand, the sections raise pydantic's ValidationError, a ValueError, for values of
    another type or out of range.

    Example:
        >>> config = Config(model={"kind": "depth"}, training={"epochs": 30})
        >>> config.model.kind, config.training.epochs
        ('depth', 30)
    """

    preset: str = "paper"
    data: DataConfig = field(default_factory=DataConfig)
    prior: PriorConfig = field(default_factory=PriorConfig)
    model: ModelConfig = field(default_factory=Conv3dConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        if self.training.match_weight and isinstance(self.model, LayerBitsConfig):
            raise ConfigError(
                f"training.match_weight above 0 does not go with model.kind={self.model.kind}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Turn the tree into plain dictionaries and lists."""
        return _plain(asdict(self))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Config":
        """Check types and names and build the tree.

        Raises:
            ConfigError: unknown or old name, wrong type, or value out of range.
        """
        refuse_old_names(values)
        return build(cls, values)


def differing_settings(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Name the settings, in plain dictionaries, that another configuration has otherwise."""
    there = flat_settings(other)
    return [name for name, value in flat_settings(one).items() if there.get(name, ...) != value]


def flat_settings(values: Mapping[str, Any], head: str = "") -> dict[str, Any]:
    """Line up all settings of nested dictionaries, their names with dots; not the preset."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flat_settings(value, f"{head}{key}.")
        elif head:
            flat[head + key] = value
    return flat


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(value[key]) for key in sorted(value)}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
