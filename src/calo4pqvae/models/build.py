"""From a configuration to a model: the one place that knows both."""

from typing import Any, cast

import torch
from torch import nn

from calo4pqvae._core.rng import derive_seed
from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.lattices import pegasus, zephyr
from calo4pqvae.boltzmann.machine import BoltzmannPrior
from calo4pqvae.boltzmann.spread import spread_values
from calo4pqvae.boltzmann.three_colouring import free_all
from calo4pqvae.config import Config, NetworkConfig, PriorConfig, VoxelConfig
from calo4pqvae.data.energy_code import make_energy_code
from calo4pqvae.data.transforms import EnergyScale
from calo4pqvae.errors import ConfigError
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.autoregressive.causal import CausalDecoder
from calo4pqvae.models.autoregressive.layer_energies import LongitudinalLaw
from calo4pqvae.models.autoregressive.model import LayeredQVAE
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.models.vae.compact import CompactDecoder, CompactLevel, Residuals
from calo4pqvae.models.vae.decoder import ConvDecoder
from calo4pqvae.models.vae.depth import DepthDecoder, DepthLevel
from calo4pqvae.models.vae.encoder import ConvLevel, HierarchicalEncoder
from calo4pqvae.models.vae.mean_shower import MeanShower
from calo4pqvae.models.vae.model import Calo4pQVAE
from calo4pqvae.models.voxels import DrawnVoxels, PointVoxels, SharedVoxels, VoxelModel
from calo4pqvae.units import GeV

__all__ = ["build_graph", "build_model"]

Size = tuple[int, int, int]
Four = tuple[int, int, int, int]
Parts = dict[str, Any]


def build_graph(config: PriorConfig) -> FourPartiteGraph:
    """Lay the prior's nodes on the lattice, or the chip, of the configuration."""
    n, grid = config.nodes_per_partition, config.grid or None
    if config.working_graph:
        graph = WorkingGraph.load(config.working_graph).lay_out(n)
        return free_all(graph) if config.free else graph
    if config.lattice in {"complete", "none"}:
        sizes = (
            [0, *(4 * n // 3 + (k < 4 * n % 3) for k in range(3))] if config.free else [n] * 4
        )
        complete = config.lattice == "complete"
        return (FourPartiteGraph.complete if complete else FourPartiteGraph.without)(sizes)
    graph = (zephyr if config.lattice == "zephyr" else pegasus)(n, grid)
    return free_all(graph) if config.free else graph


def build_model(
    config: Config, geometry: CylindricalGeometry, graph: FourPartiteGraph | None = None
) -> ShowerModel:
    """Build an untrained model; the same configuration gives the same initial weights.

    Arguments:
        config: all choices.
        geometry: cylinder of the showers.
        graph: the prior's graph when it is already known (a stored model).

    Raises:
        GeometryError: the layers differ, or the network does not fit the cylinder.
        ConfigError: the range of energies is not given, or the energy code does not fit the
            partition.
        SamplerError: the lattice is too small for the partitions.
    """
    if config.data.energy_gev is None:
        raise ConfigError(
            "the range of incident energies is not known without showers; name it with "
            "data.energy_gev=[low,high]"
        )
    new = graph is None
    graph = graph or build_graph(config.prior)
    thresholds = None
    if new and config.prior.energy_code == "spread":
        thresholds = torch.from_numpy(spread_values(graph)).float()
    low, high = config.data.energy_gev
    scale = EnergyScale(low * GeV, high * GeV)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.training.seed)
        p = config.prior
        prior = BoltzmannPrior(
            graph, p.bias_order, p.initial_scale, coupling_bins=p.coupling_bins
        )
        common = {
            "geometry": geometry,
            "scale": scale,
            "code": make_energy_code(p.energy_code, graph.sizes[0], scale, thresholds),
            "prior": prior,
        }
        build = _layered if config.network.kind == "layers" else _paper
        model = build(config, geometry, graph, common)
    # Channels innermost: 3D convolutions then run 1.5 times as fast on a CPU.
    return model.to(memory_format=torch.channels_last_3d)  # pyright: ignore[reportCallIssue]


def _paper(
    config: Config, geometry: CylindricalGeometry, graph: FourPartiteGraph, common: Parts
) -> Calo4pQVAE:
    voxels, shape = _voxels(config.voxels, geometry), geometry.shape
    mean = MeanShower(shape) if config.network.mean_shower else None
    return Calo4pQVAE(
        **common,
        encoder=_encoder(config.network, shape, graph, mean),
        decoder=_decoder(config.network, shape, graph.n_nodes, voxels.n_outputs, mean),
        voxels=voxels,
    )


def _layered(
    config: Config, geometry: CylindricalGeometry, graph: FourPartiteGraph, common: Parts
) -> LayeredQVAE:
    law, shape = config.longitudinal, geometry.shape
    needed = law.level_bits[0] * shape[0] + sum(law.level_bits[1:])
    if needed > graph.n_latents:
        raise ConfigError(
            f"{needed} bits of {shape[0]} layers and their sums do not fit "
            f"{graph.n_latents} nodes; raise prior.nodes_per_partition"
        )
    # Seeded anew: the networks start alike whatever the size of the prior.
    torch.manual_seed(derive_seed(config.training.seed))
    decoder = CausalDecoder(
        shape, geometry.threshold, cast(Four, config.network.decoder_widths)
    )
    return LayeredQVAE(
        **common,
        law=LongitudinalLaw(
            shape[0],
            geometry.threshold,
            graph.n_nodes,
            law.level_bits,
            law.copula_bins,
            law.copula_rounds,
        ),
        decoder=decoder,
        voxels=SharedVoxels(geometry.threshold, shape[2]),
    )


def _voxels(config: VoxelConfig, geometry: CylindricalGeometry) -> VoxelModel:
    if config.model == "point":
        n_rings = geometry.shape[2] if config.residuals else 0
        loss = (config.value_weight, config.value_exponent, config.true_mask)
        return PointVoxels(*loss, n_rings)
    return DrawnVoxels(geometry.threshold, geometry.shape[2])


def _encoder(
    config: NetworkConfig, shape: Size, graph: FourPartiteGraph, mean: MeanShower | None
) -> HierarchicalEncoder:
    levels: list[nn.Module] = []
    for partition in (1, 2, 3):
        earlier, bits = sum(graph.sizes[:partition]), graph.sizes[partition]
        if config.kind == "conv3d":
            levels.append(ConvLevel(shape, earlier, bits, cast(Four, config.encoder_widths)))
        elif config.kind == "compact":
            widths, residuals = cast(Four, config.encoder_widths), Residuals(cast(Any, mean))
            levels.append(CompactLevel(shape, residuals, earlier, bits, widths))
        else:
            levels.append(DepthLevel(shape, earlier, bits, cast(Size, config.encoder_widths)))
    return HierarchicalEncoder(levels)


def _decoder(
    config: NetworkConfig, shape: Size, n_nodes: int, n_outputs: int, mean: MeanShower | None
) -> nn.Module:
    if config.kind == "compact":
        return CompactDecoder(
            shape, n_nodes, cast(Any, mean), cast(Size, config.decoder_widths)
        )
    widths = cast(Four, config.decoder_widths)
    if config.kind == "conv3d":
        return ConvDecoder(shape, n_nodes, n_outputs, widths, mean)
    return DepthDecoder(shape, n_nodes, n_outputs, widths)
