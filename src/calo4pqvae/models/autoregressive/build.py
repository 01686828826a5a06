"""The autoregressive model from its settings."""

import torch

from calo4pqvae._core.rng import derive_seed
from calo4pqvae.config import AutoregressiveConfig
from calo4pqvae.errors import ConfigError
from calo4pqvae.models.autoregressive.causal import CausalDecoder
from calo4pqvae.models.autoregressive.layer_energies import LongitudinalDistribution
from calo4pqvae.models.autoregressive.model import LayeredQVAE
from calo4pqvae.models.base import Common
from calo4pqvae.models.voxels import SharedVoxels

__all__ = ["build_autoregressive"]


def build_autoregressive(
    config: AutoregressiveConfig, common: Common, seed: int
) -> LayeredQVAE:
    """Build layer energies, decoder and voxels around what all models have.

    Raises:
        ConfigError: the bits do not fit the prior.
    """
    geometry, graph = common["geometry"], common["prior"].graph
    shape = geometry.shape
    needed = config.level_bits[0] * shape[0] + sum(config.level_bits[1:])
    if needed > graph.n_latents:
        raise ConfigError(
            f"{needed} bits of {shape[0]} layers and their sums do not fit "
            f"{graph.n_latents} nodes; raise prior.nodes_per_partition"
        )
    # Seeded anew: the networks start alike whatever the size of the prior.
    torch.manual_seed(derive_seed(seed))
    return LayeredQVAE(
        **common,
        decoder=CausalDecoder(shape, geometry.threshold, config.decoder_widths),
        distribution=LongitudinalDistribution(
            shape[0],
            geometry.threshold,
            graph.n_nodes,
            config.level_bits,
            config.copula_bins,
            config.copula_rounds,
        ),
        voxels=SharedVoxels(geometry.threshold, shape[2]),
    )
