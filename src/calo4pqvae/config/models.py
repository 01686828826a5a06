"""The kinds of models, each with settings of its own; `models.build` makes networks of them."""

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from calo4pqvae._core.intake.settings import STRICT, Count, Flag, NotNegative, Whole
from calo4pqvae.errors import ConfigError

__all__ = [
    "AutoregressiveConfig",
    "CellwiseConfig",
    "CompactConfig",
    "Conv3dConfig",
    "DepthConfig",
    "DrawnVoxelsConfig",
    "LayerBitsConfig",
    "ModelConfig",
    "PointVoxelsConfig",
    "VaeConfig",
]

Digit = Annotated[Whole, Field(le=16)]
Three = tuple[Count, Count, Count]
Four = tuple[Count, Count, Count, Count]
Digits = tuple[Digit, Digit, Digit]


@dataclass(frozen=True, config=STRICT)
class PointVoxelsConfig:
    """Voxels that are a mask times a value.

    Attributes:
        value_weight: weight of the squared error.
        value_exponent: growth of that weight with the transformed energy; the authors' code
            has 0.5, together with the true mask.
        true_mask: multiply with the shower's own hits in the loss, not a relaxed mask.
        residuals: fit the distribution of values around the decoder's after training, and draw
            from it.
    """

    kind: Literal["point"] = "point"
    value_weight: NotNegative = 0.01
    value_exponent: NotNegative = 0.0
    true_mask: Flag = False
    residuals: Flag = False


@dataclass(frozen=True, config=STRICT)
class DrawnVoxelsConfig:
    """Voxels whose hits have energies drawn from a learnt distribution."""

    kind: Literal["drawn"] = "drawn"


VoxelConfig = Annotated[PointVoxelsConfig | DrawnVoxelsConfig, Field(discriminator="kind")]


@dataclass(frozen=True, config=STRICT)
class Conv3dConfig:
    """The paper's 3D convolutions.

    Attributes:
        mean_shower: begin with the mean shower, fitted before training.
        encoder_widths: channels of the four convolutions.
        decoder_widths: channels of the coarse volume, the trunk, and two stages of a head.
        global_bits: bits that hold the total, the mean layer and the spread in depth as digits,
            of which the mean shower is told; zeros leave all to the encoder.
        voxels: how a voxel follows from the decoder.
    """

    kind: Literal["conv3d"] = "conv3d"
    mean_shower: Flag = False
    encoder_widths: Four = (32, 64, 128, 256)
    decoder_widths: Four = (512, 128, 64, 32)
    global_bits: Digits = (0, 0, 0)
    voxels: VoxelConfig = field(default_factory=PointVoxelsConfig)

    def __post_init__(self) -> None:
        if self.mean_shower and self.voxels.kind != "point":
            raise ConfigError("model.mean_shower=true goes with model.voxels.kind=point")
        if any(self.global_bits) and not self.mean_shower:
            raise ConfigError("model.global_bits go with model.mean_shower=true")


@dataclass(frozen=True, config=STRICT)
class CompactConfig:
    """The same structure at a size for one core; it begins with the mean shower.

    Attributes:
        encoder_widths: channels of three convolutions, hidden units.
        decoder_widths: dense units, channels of the coarse and of the finer volume.
        global_bits: bits that hold the total, the mean layer and the spread in depth as digits;
            zeros leave all to the encoder.
        voxels: how a voxel follows from the decoder.
    """

    kind: Literal["compact"] = "compact"
    encoder_widths: Four = (15, 32, 64, 192)
    decoder_widths: Three = (256, 32, 16)
    global_bits: Digits = (0, 0, 0)
    voxels: PointVoxelsConfig = field(default_factory=PointVoxelsConfig)


@dataclass(frozen=True, config=STRICT)
class DepthConfig:
    """Light networks along the depth.

    Attributes:
        encoder_widths: units per layer, channels along the depth, hidden units.
        decoder_widths: dense units, channels per layer, channels along the depth, head units.
        voxels: how a voxel follows from the decoder.
    """

    kind: Literal["depth"] = "depth"
    encoder_widths: Three = (96, 64, 256)
    decoder_widths: Four = (384, 32, 64, 128)
    voxels: VoxelConfig = field(default_factory=PointVoxelsConfig)


@dataclass(frozen=True, config=STRICT)
class LayerBitsConfig:
    """What models with bits of layer energies have in common; their prior is fitted last.

    No partition of the prior is clamped, so that its qubits carry bits as well.

    Attributes:
        decoder_widths: channels of the layer energies, memory, hidden units of a sector.
        level_bits: bits of each layer energy, of the total, of the mean layer, of the spread
            around it, and of the number of filled layers; zeros for none.
        copula_bins: intervals of the logarithmic energy with correlations of their own.
        copula_rounds: Gibbs rounds of the copula.
        coupling_bins: intervals of the logarithmic energy with couplings of their own, linear
            in it; 1 for the same couplings everywhere.
    """

    decoder_widths: Four = (64, 128, 96, 96)
    level_bits: tuple[Whole, Whole, Whole, Whole, Whole] = (1, 2, 8, 4, 6)
    copula_bins: Count = 16
    copula_rounds: Whole = 20
    coupling_bins: Count = 1


@dataclass(frozen=True, config=STRICT)
class AutoregressiveConfig(LayerBitsConfig):
    """Bits of layer energies; voxels layer after layer, group after group of sectors."""

    kind: Literal["autoregressive"] = "autoregressive"


@dataclass(frozen=True, config=STRICT)
class CellwiseConfig(LayerBitsConfig):
    """Bits of layer energies and of the shower's axis; voxels cell by cell.

    Attributes:
        lateral_bits: bits of each quantity of the axis, and of the mean radius.
    """

    kind: Literal["cellwise"] = "cellwise"
    lateral_bits: Whole = 2


VaeConfig = Conv3dConfig | CompactConfig | DepthConfig
"""The kinds of the paper's model."""

ModelConfig = Annotated[
    VaeConfig | AutoregressiveConfig | CellwiseConfig, Field(discriminator="kind")
]
