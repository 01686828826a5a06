"""The cellwise model from its settings."""

import torch

from calo4pqvae._core.rng import derive_seed
from calo4pqvae.config import CellwiseConfig
from calo4pqvae.errors import ConfigError
from calo4pqvae.models.base import Common
from calo4pqvae.models.cellwise.decoder import CellDecoder
from calo4pqvae.models.cellwise.distribution import ShowerDistribution, n_lateral
from calo4pqvae.models.cellwise.model import CellwiseQVAE

__all__ = ["build_cellwise"]


def build_cellwise(config: CellwiseConfig, common: Common, seed: int) -> CellwiseQVAE:
    """Build layer energies, axis and decoder around what all models have.

    Raises:
        ConfigError: the bits do not fit the prior, or the geometry has no threshold.
    """
    geometry, graph = common["geometry"], common["prior"].graph
    shape, bits = geometry.shape, config.level_bits
    needed = bits[0] * shape[0] + sum(bits[1:]) + config.lateral_bits * n_lateral(shape[0])
    if needed > graph.n_latents:
        raise ConfigError(
            f"{needed} bits of {shape[0]} layers, their sums and the axis do not fit "
            f"{graph.n_latents} nodes; raise prior.nodes_per_partition"
        )
    if not geometry.threshold > 0:
        raise ConfigError(
            "cells that share a layer's energy need a geometry with a readout threshold above "
            "zero",
            remedy="threshold",
        )
    # Seeded anew: the networks start alike whatever the size of the prior.
    torch.manual_seed(derive_seed(seed))
    return CellwiseQVAE(
        **common,
        decoder=CellDecoder(shape, geometry.threshold, config.decoder_widths),
        distribution=ShowerDistribution(
            shape[0],
            geometry.threshold,
            graph.n_nodes,
            bits,
            config.copula_bins,
            config.copula_rounds,
            config.lateral_bits,
        ),
    )
