"""Bits in ONNX operators: a stored state of the energy, then a few Gibbs sweeps."""

from itertools import pairwise

import numpy as np

from calo4pqvae.models.autoregressive.model import LayeredQVAE
from calo4pqvae.models.autoregressive.packing import thresholds_of
from calo4pqvae.models.export.onnx.graph import Graph, Value, lanes
from calo4pqvae.models.export.onnx.normal import sigmoid

__all__ = ["bits_of"]


def bits_of(
    model: LayeredQVAE, t: Value, pick: Value, uniforms: Value, states: np.ndarray, sweeps: int
) -> Value:
    """Draw the bits (batch, nodes) of showers.

    Arguments:
        model: model.
        t: scaled energies (batch, 1).
        pick: numbers in (0, 1) that choose the stored state (batch, 1).
        uniforms: numbers for the sweeps (batch, sweeps * nodes).
        states: stored states (intervals, states, nodes).
        sweeps: Gibbs sweeps.
    """
    prior = model.prior
    bins, kept, nodes = states.shape
    number = (t * float(bins)).op("Floor").between(0, bins - 1)
    row = (number * float(kept) + (pick * float(kept)).op("Floor")).whole().shaped(-1)
    library = np.ascontiguousarray(states.reshape(-1, nodes)).astype(np.uint8)
    z: Value = t.graph.constant(library).picked(row).op("Cast", to=1)
    first = prior.graph.sizes[0]
    if first:
        code = t.above(thresholds_of(model.code)[None])
        z = t.graph.joined([code, z.part(first, nodes)])
    x = number * (2.0 / bins) + (1.0 / bins - 1.0)
    bias = _polynomials(t * 2.0 - 1.0, prior.bias_order) @ prior.bias.numpy()
    constant, slope = np.zeros((nodes, nodes), np.float32), np.zeros((nodes, nodes), np.float32)
    i, j = prior.graph.edges.numpy()
    constant[i, j] = constant[j, i] = prior.coupling.numpy()
    if prior.coupling_slope is not None:
        slope[i, j] = slope[j, i] = prior.coupling_slope.numpy()
    ends = np.cumsum([0, *prior.graph.sizes]).tolist()

    def sweep(
        graph: Graph, old: list[Value], elements: list[Value]
    ) -> tuple[list[Value], list[Value]]:
        (state,), (u,) = old, elements
        for start, end in pairwise(ends[1:]):
            field = bias.seen_in(graph).part(start, end) + state @ constant[:, start:end]
            field = field + x.seen_in(graph) * (state @ slope[:, start:end])
            drawn = sigmoid(field).above(u.part(start, end))
            parts = [drawn]
            if start:
                parts.insert(0, state.part(0, start))
            if end < nodes:
                parts.append(state.part(end, nodes))
            state = graph.joined(parts)
        return [state], []

    return t.graph.scan(sweep, [z], [lanes(uniforms, sweeps, nodes)])[0]


def _polynomials(x: Value, order: int) -> Value:
    columns = [x * 0.0 + 1.0, x]
    for k in range(1, order):
        columns.append((x * columns[k] * (2 * k + 1.0) - columns[k - 1] * float(k)) / (k + 1.0))
    return x.graph.joined(columns[: order + 1]) if order else columns[0]
