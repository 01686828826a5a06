"""Every choice of a run in one frozen tree, checked when it is read.

Defaults are the paper's. A preset is a YAML file of differences; a user's file and
``section.key=value`` settings go on top, in this order. What a model is made of is a tagged
union: ``model.kind`` says which settings ``model`` has.
"""

from calo4pqvae.config.migration import CONFIG_SCHEMA, migrate
from calo4pqvae.config.models import (
    AutoregressiveConfig,
    CellwiseConfig,
    CompactConfig,
    Conv3dConfig,
    DepthConfig,
    DrawnVoxelsConfig,
    LayerBitsConfig,
    ModelConfig,
    PointVoxelsConfig,
)
from calo4pqvae.config.reading import change_config, load_config, presets
from calo4pqvae.config.tree import (
    Config,
    DataConfig,
    PriorConfig,
    TrainingConfig,
    differing_settings,
    flat_settings,
)

__all__ = [
    "CONFIG_SCHEMA",
    "AutoregressiveConfig",
    "CellwiseConfig",
    "CompactConfig",
    "Config",
    "Conv3dConfig",
    "DataConfig",
    "DepthConfig",
    "DrawnVoxelsConfig",
    "LayerBitsConfig",
    "ModelConfig",
    "PointVoxelsConfig",
    "PriorConfig",
    "TrainingConfig",
    "change_config",
    "differing_settings",
    "flat_settings",
    "load_config",
    "migrate",
    "presets",
]
