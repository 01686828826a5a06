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
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.base import Common
from calo4pqvae.models.vae.compact import compact_networks
from calo4pqvae.models.vae.decoder import conv3d_networks
from calo4pqvae.models.vae.depth import depth_networks
from calo4pqvae.models.vae.encoder import HierarchicalEncoder
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
    """Build networks and voxels around what all models have."""
    voxels = _voxels(config.voxels, common["geometry"])
    shape, partitions = common["geometry"].shape, common["prior"].graph.sizes
    sizes = Sizes(shape, partitions, voxels.n_outputs)
    levels, decoder = NETWORKS[type(config)](config, sizes)
    encoder = HierarchicalEncoder(levels)
    return Calo4pQVAE(**common, encoder=encoder, decoder=decoder, voxels=voxels)


def _voxels(
    config: PointVoxelsConfig | DrawnVoxelsConfig, geometry: CylindricalGeometry
) -> VoxelModel:
    n_rings = geometry.shape[2]
    if isinstance(config, DrawnVoxelsConfig):
        return DrawnVoxels(geometry.threshold, n_rings)
    loss = (config.value_weight, config.value_exponent, config.true_mask)
    return PointVoxels(*loss, n_rings if config.residuals else 0)
