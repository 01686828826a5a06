"""A layered model as the arrays that the compiled core reads, and these as one file.

Matrices stand input after input, padded to full vectors of 16; what several products have in
common is folded together. All constants that the core shares with torch go along.
"""

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.data.energy_code import EnergyCode, SpreadThermometerCode, ThermometerCode
from calo4pqvae.errors import ConfigError
from calo4pqvae.models.autoregressive import constants
from calo4pqvae.models.autoregressive.causal import CausalDecoder
from calo4pqvae.models.autoregressive.layer_energies import LongitudinalDistribution, tilting
from calo4pqvae.models.autoregressive.layer_energies.distribution import LEAST_SPREAD
from calo4pqvae.models.autoregressive.layer_energies.marginals import CERTAIN
from calo4pqvae.models.autoregressive.sectors import Group
from calo4pqvae.models.voxels import shared
from calo4pqvae.models.voxels.shared import SharedVoxels
from calo4pqvae.models.voxels.truncated_normal import FAR_BOUND, LEAST_UNIFORM

if TYPE_CHECKING:
    from calo4pqvae.models.autoregressive.model import LayeredQVAE

__all__ = ["Arrays", "pack", "packable", "thresholds_of", "to_bytes"]

Arrays = dict[str, np.ndarray]
_Numbers = np.ndarray | Tensor | Sequence[float] | Sequence[int]

_LANES, _WIDE = 16, 8
"""Floats and doubles of a vector of 64 bytes: see `core/vectors.hpp`."""
_TYPES = {"float32": 0, "float64": 1, "int32": 2, "uint8": 3}
_NEVER = -100.0
"""Bias of the places that no node has: a probability of e^-100 [nats]."""
_HEAD, _ENTRY, _ALIGNED = 32, 64, 64


def pack(
    model: "LayeredQVAE", sweeps: int | np.ndarray, states: np.ndarray | None = None
) -> Arrays:
    """Collect everything that the compiled core needs of a model.

    Arguments:
        model: trained model.
        sweeps: of the Boltzmann machine for one shower, or for one of each interval of the
            couplings.
        states: stored states to start from (intervals of the couplings, states, nodes), if any;
            `sweeps` are then counted from them.

    Raises:
        ConfigError: the core does not know the model's energy code.
    """
    scale = model.scale
    ratio = torch.log(torch.tensor(scale.high / scale.low, dtype=torch.float32))
    arrays = {"range": _floats([scale.low, scale.high, float(ratio)])}
    arrays |= _machine(model.prior, model.code, np.asarray(sweeps), states)
    arrays |= _energies(model.law)
    arrays |= _hits(model.voxels)
    arrays |= _decoder(model.decoder)
    return arrays


def packable(model: "LayeredQVAE") -> bool:
    """Whether the core knows the model's energy code."""
    return model.code.n_bits == 0 or isinstance(
        model.code, (SpreadThermometerCode, ThermometerCode)
    )


def to_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Write arrays one after the other behind a table: see `core/weights.hpp`."""
    table, body = b"", b""
    start = _HEAD + _ENTRY * len(arrays)
    for name, array in arrays.items():
        body += b"\0" * (-(start + len(body)) % _ALIGNED)
        kind = _TYPES[array.dtype.name]
        table += struct.pack("<40sQQQ", name.encode(), kind, array.size, start + len(body))
        body += np.ascontiguousarray(array).tobytes()
    rest = struct.pack("<Q", len(arrays)) + table + body
    return b"C4PQVAE1" + struct.pack("<QQ", 24 + len(rest), zlib.crc32(rest)) + rest


def _machine(
    machine: BoltzmannMachine, code: EnergyCode, sweeps: np.ndarray, states: np.ndarray | None
) -> Arrays:
    graph, bins = machine.graph, machine.coupling_bins
    widths = [-(-n // _LANES) * _LANES for n in graph.sizes]
    ends: list[int] = np.cumsum([0, *widths]).tolist()
    shift = np.array(ends[:-1]) - np.cumsum([0, *graph.sizes[:-1]])
    place = np.arange(graph.n_nodes) + np.repeat(shift, graph.sizes)
    bias = np.zeros((machine.bias_order + 1, ends[-1]), dtype=np.float32)
    bias[0] = _NEVER
    bias[:, place] = machine.bias.numpy()
    slope = machine.coupling_slope
    edges = place[graph.edges.numpy()]
    first, block, coupling = _blocks(edges, machine.coupling.numpy(), ends[-1])
    slopes = np.zeros(graph.n_edges) if slope is None else slope.numpy()
    kept = np.zeros((bins, 0, graph.n_nodes), np.bool_) if states is None else states
    sizes = [graph.n_nodes, ends[-1], machine.bias_order, bins, graph.sizes[0]]
    return {
        "machine.sizes": _integers([*sizes, len(ends) - 2, len(block), kept.shape[1]]),
        "machine.sweeps": _integers(np.broadcast_to(sweeps, bins)),
        "machine.place": _integers(place),
        "machine.bias": bias,
        "machine.thresholds": thresholds_of(code),
        "machine.ends": _integers(ends[1:]),
        "machine.first": _integers(first),
        "machine.block": _integers(block),
        "machine.coupling": coupling,
        "machine.slope": _blocks(edges, slopes, ends[-1])[2],
        "machine.states": np.packbits(kept, axis=2, bitorder="little"),
    }


def _blocks(
    edges: np.ndarray, weight: np.ndarray, places: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Couplings of each place as vectors: the first one, where each lies, and its values."""
    here, there = np.concatenate([edges, edges[::-1]], axis=1)
    vector = there // _LANES * _LANES
    pairs, row = np.unique(here * places + vector, return_inverse=True)
    values = np.zeros((len(pairs), _LANES), dtype=np.float32)
    values[row, there % _LANES] = np.tile(weight, 2)
    first = np.searchsorted(pairs // places, np.arange(places + 1))
    return first, pairs % places, values


def thresholds_of(code: EnergyCode) -> np.ndarray:
    """Scaled energies above which the nodes of the energy code are one.

    Raises:
        ConfigError: the code is no thermometer.
    """
    if code.n_bits == 0:
        return _floats([])
    if isinstance(code, SpreadThermometerCode):
        return _floats(code.thresholds)
    if isinstance(code, ThermometerCode):
        return _floats((torch.arange(code.n_bits) + 0.5) / code.n_bits)
    raise ConfigError(
        "the compiled core knows thermometer codes of the incident energy, not integers; "
        "train with prior.energy_code=thermometer"
    )


def _energies(distribution: LongitudinalDistribution) -> Arrays:
    marginals, correlation = distribution.marginals, distribution.copula.correlation.double()
    knots, quantities, columns = marginals.table.shape
    leading = quantities - distribution.n_layers
    pitch = -(-quantities // _WIDE) * _WIDE
    whole = torch.linalg.inv(correlation)
    first = torch.linalg.inv(correlation[:, -leading:, -leading:])
    sizes = [
        distribution.n_layers,
        quantities,
        distribution.levels.n_bits,
        distribution.rounds,
        knots,
        columns,
    ]
    sizes += [distribution.copula.bins, pitch, tilting.STEPS, distribution.n_nodes]
    rest = [marginals.REACH, marginals.STEP, CERTAIN, distribution.threshold, LEAST_SPREAD]
    rest += [tilting.UNIT, tilting.STIFFNESS, tilting.LARGEST_STEP, tilting.LARGEST_EXPONENT]
    return {
        "energies.sizes": _integers(sizes),
        "energies.constants": _doubles(rest, 12),
        "energies.table": _floats(marginals.table),
        "energies.absent": _floats(marginals.absent),
        "energies.precision": _wide(whole, pitch),
        "energies.first": _wide(first, _WIDE),
        "energies.bits": _integers(distribution.levels.bits),
        "energies.node": _integers(distribution.node_of_bit),
    }


def _hits(voxels: SharedVoxels) -> Arrays:
    table = voxels.quantiles
    rest = [voxels.threshold, shared.LARGEST_Y, shared.LARGEST_STEP, LEAST_UNIFORM]
    rest += [shared.CLOSE, FAR_BOUND, *voxels.WIDTHS, float(shared.ROUNDS), constants.Y_SCALE]
    return {
        "hits.sizes": _integers([len(table.levels), table.table.shape[1]]),
        "hits.constants": _doubles(rest, 12),
        "hits.levels": _floats(table.levels),
        "hits.edges": _floats(table.edges),
        "hits.table": _floats(table.table),
    }


def _decoder(decoder: CausalDecoder) -> Arrays:
    net, memory = decoder.sectors, decoder.memory.hidden_size
    n_layers, n_alpha, n_r = decoder.shape
    known, first, averages = _known(decoder), net.first, len(constants.DECAY)
    convolutions = [layer for layer in decoder.known if isinstance(layer, nn.Conv1d)]
    sizes = [n_layers, n_alpha, n_r, known, memory, first, net.inner.out_features]
    sizes += [len(net.groups), averages, convolutions[0].kernel_size[0]]
    rest = [*constants.DECAY, constants.LEAST_COUNT_WIDTH, constants.COUNT_SCALE]
    rest += [constants.ROOT_SCALE, constants.SOFTENING, constants.SLACK]
    layer_context = _halves(net.world.weight, first)
    # Columns of the past: hidden units of hits, of energies, and what goes past them.
    past = np.hstack([_halves(net.history.weight, first), _columns(net.direct.weight.T)])
    of_voxels = 2 * n_r * (3 + averages)
    arrays = {
        "decoder.sizes": _integers(sizes),
        "decoder.constants": _doubles(rest, 8),
        "decoder.world_memory": layer_context[:memory],
        "decoder.world_context": layer_context[memory : memory + known],
        "decoder.world_counts": layer_context[memory + known :],
        "decoder.world_bias": _halves((net.world.bias + net.history.bias)[:, None], first),
        "decoder.history": past[:of_voxels],
        "decoder.moments": past[of_voxels:],
        "decoder.around": _columns(net.around.weight.T),
        "decoder.mean": _floats(decoder.mean[:, :, :, 0].permute(2, 1, 0, 3)),
        "decoder.voxel_moments": _floats(decoder.moments),
        "decoder.directions": _floats(decoder.directions),
    }
    layers = {"rings": decoder.rings, "counts": decoder.counts.outputs}
    layers |= {"hits": net.hits, "inner": net.inner, "values": net.values}
    for name, layer in layers.items():
        arrays[f"decoder.{name}"] = _columns(layer.get_parameter("weight").T)
        arrays[f"decoder.{name}_bias"] = _columns(layer.get_parameter("bias"))
    for number, layer in enumerate(convolutions):
        arrays[f"decoder.known{number}"] = _columns(layer.weight.permute(2, 1, 0))
        arrays[f"decoder.known{number}_bias"] = _columns(layer.get_parameter("bias"))
    arrays |= _memory(decoder)
    for number, group in enumerate(net.groups):
        arrays |= _group(decoder, number, group)
    return arrays


def _known(decoder: CausalDecoder) -> int:
    """Channels of what is known of a layer beforehand."""
    return decoder.memory.input_size - decoder.rings.out_features


def _memory(decoder: CausalDecoder) -> Arrays:
    """Gates side by side; biases of both products together where they only add up."""
    gru, half = decoder.memory, decoder.rings.out_features

    def gates(name: str) -> Tensor:
        return gru.get_parameter(name).unflatten(0, (3, gru.hidden_size))

    def side_by_side(weight: Tensor) -> np.ndarray:
        return np.hstack([_columns(gate.T) for gate in weight])

    into, back = gates("weight_ih_l0"), gates("weight_hh_l0")
    bias, own = gates("bias_ih_l0").clone(), gates("bias_hh_l0")
    bias[:2] += own[:2]
    return {
        "decoder.gru_rings": side_by_side(into[:, :, :half]),
        "decoder.gru_context": side_by_side(into[:, :, half:]),
        "decoder.gru_hidden": side_by_side(back),
        "decoder.gru_bias": side_by_side(bias[:, :, None]),
        "decoder.gru_new_bias": _columns(own[2]),
    }


def _group(decoder: CausalDecoder, number: int, group: Group) -> Arrays:
    net, near = decoder.sectors, len(group.shifts)

    def beside(layers: nn.ModuleList) -> np.ndarray:
        if number == 0:
            return np.zeros((0, net.first), np.float32)
        return _columns(layers[number - 1].get_parameter("weight").T)

    arrays = {
        "sizes": _integers([group.start, group.step, group.count, near]),
        "beside": _integers(_places_beside(group)),
        "hits_beside": beside(net.hits_beside),
        "values_beside": beside(net.values_beside),
    }
    for name, layers in (("hits_left", net.hits_left), ("energy_left", net.energy_left)):
        arrays[name] = _columns(layers[number].get_parameter("weight").T)
        arrays[f"{name}_bias"] = _columns(layers[number].get_parameter("bias"))
    return {f"group{number}.{name}": array for name, array in arrays.items()}


def _places_beside(group: Group) -> np.ndarray:
    """Known sectors near each one of a group."""
    places = np.arange(group.count)[:, None] + np.array(group.shifts, dtype=np.int64)
    return places % max(1, group.n_known) * group.known


def _halves(weight: Tensor, first: int) -> np.ndarray:
    """Columns of the hidden units of hits, then of energies, each padded."""
    return np.hstack([_columns(part.T) for part in weight.split(first)])


def _columns(weight: Tensor) -> np.ndarray:
    """Pad the last axis to full vectors; earlier ones become rows."""
    flat = weight.detach().float().reshape(-1, weight.shape[-1]).cpu()
    return nn.functional.pad(flat, (0, -flat.shape[1] % _LANES)).numpy()


def _wide(matrices: Tensor, pitch: int) -> np.ndarray:
    return nn.functional.pad(matrices, (0, pitch - matrices.shape[-1])).cpu().numpy()


def _floats(values: _Numbers) -> np.ndarray:
    return _as(values, np.float32)


def _doubles(values: list[float], size: int) -> np.ndarray:
    return np.array([*values, *[0.0] * (size - len(values))])


def _integers(values: _Numbers) -> np.ndarray:
    return _as(values, np.int32)


def _as(values: _Numbers, kind: type) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    return np.asarray(values).astype(kind)
