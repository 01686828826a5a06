"""Every choice of a run in one frozen tree, checked when it is read.

Defaults are the paper's. A preset is a YAML file of differences; a user's file and
``section.key=value`` settings go on top, in this order.
"""

from calo4pqvae.config.reading import change_config, load_config, presets
from calo4pqvae.config.tree import (
    CONFIG_SCHEMA,
    Config,
    DataConfig,
    LongitudinalConfig,
    NetworkConfig,
    PriorConfig,
    TrainingConfig,
    VoxelConfig,
    differing_settings,
)

__all__ = [
    "CONFIG_SCHEMA",
    "Config",
    "DataConfig",
    "LongitudinalConfig",
    "NetworkConfig",
    "PriorConfig",
    "TrainingConfig",
    "VoxelConfig",
    "change_config",
    "differing_settings",
    "load_config",
    "presets",
]
