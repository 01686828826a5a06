"""The paper's model from its settings: networks of each kind, and voxels."""

from collections.abc import Callable
from typing import Any

from calo4pqvae.config.models import (
    CompactConfig,
    Conv3dConfig,
    DepthConfig,
    DrawnVoxelsConfig,
    PointVoxelsConfig,
    VaeConfig,
)
from calo4pqvae.errors import ConfigError
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.base import Common
from calo4pqvae.models.vae.compact import compact_networks
from calo4pqvae.models.vae.decoder import conv3d_networks
from calo4pqvae.models.vae.depth import depth_networks
from calo4pqvae.models.vae.encoder import HierarchicalEncoder
from calo4pqvae.models.vae.global_bits import QUANTITIES
from calo4pqvae.models.vae.model import Calo4pQVAE
from calo4pqvae.models.vae.sizes import Networks, Sizes
from calo4pqvae.models.voxels import DrawnVoxels, PointVoxels, VoxelModel

__all__ = ["NETWORKS", "build_vae"]

NETWORKS: dict[type, Callable[[Any, Sizes], Networks]] = {
    CompactConfig: compact_networks,
    Conv3dConfig: conv3d_networks,
    DepthConfig: depth_networks,
}
"""What makes the networks of each kind."""


def build_vae(config: VaeConfig, common: Common) -> Calo4pQVAE:
    """Build networks and voxels around what all models have.

    Raises:
        ConfigError: the first latent partition has no room for global bits.
    """
    shape, partitions = common["geometry"].shape, common["prior"].graph.sizes
    n_global = sum(getattr(config, "global_bits", ()))
    if n_global >= partitions[1]:
        raise ConfigError(
            f"model.global_bits: {n_global} bits and those of the networks do not fit in a "
            f"partition of {partitions[1]} nodes"
        )
    told = QUANTITIES if n_global else 0
    voxels = _voxels(config.voxels, common["geometry"], told)
    sizes = Sizes(shape, partitions, voxels.n_outputs, n_global)
    levels, decoder, global_bits = NETWORKS[type(config)](config, sizes)
    return Calo4pQVAE(
        **common,
        encoder=HierarchicalEncoder(levels),
        decoder=decoder,
        voxels=voxels,
        global_bits=global_bits,
    )


def _voxels(
    config: PointVoxelsConfig | DrawnVoxelsConfig, geometry: CylindricalGeometry, n_told: int
) -> VoxelModel:
    n_rings = geometry.shape[2]
    if isinstance(config, DrawnVoxelsConfig):
        return DrawnVoxels(geometry.threshold, n_rings)
    loss = (config.value_weight, config.value_exponent, config.true_mask)
    return PointVoxels(*loss, n_rings if config.residuals else 0, n_told)
