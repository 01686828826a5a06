"""Layer energies in ONNX operators: intervals of the bits, copula, tables, tilting."""

import numpy as np
import torch

from calo4pqvae.models.autoregressive.layer_energies import LongitudinalDistribution, tilting
from calo4pqvae.models.autoregressive.layer_energies.distribution import LEAST_SPREAD
from calo4pqvae.models.autoregressive.layer_energies.marginals import CERTAIN
from calo4pqvae.models.export.onnx.graph import Graph, Value, lanes
from calo4pqvae.models.export.onnx.normal import between, probability, quantile, sigmoid

__all__ = ["energies_of"]

_FAR = 40.0
"""Stands for an end at infinity, on the scale of a standard normal number."""


def energies_of(
    distribution: LongitudinalDistribution, bits: Value, t: Value, e_inc: Value, uniforms: Value
) -> Value:
    """Draw layer energies (batch, layers) [MeV].

    Arguments:
        distribution: their distribution.
        bits: states of the nodes (batch, nodes).
        t: scaled energies (batch, 1).
        e_inc: incident energies (batch, 1) [MeV].
        uniforms: numbers in the order in which torch takes them.
    """
    n, quantities = distribution.n_layers, len(distribution.levels.bits)
    place = t.between(0, 1) * float(len(distribution.marginals.table) - 1)
    below = place.op("Floor").between(0, len(distribution.marginals.table) - 2)
    part, below = place - below, below.whole().shaped(-1)
    absence = sigmoid(_knots(distribution.marginals.absent.numpy(), below, part))
    low, high = _box(distribution, bits, absence)
    u = between(low, high, uniforms.part(0, quantities)).op("Max", low).op("Min", high)
    draws = uniforms.part(quantities, quantities * (1 + distribution.rounds))
    number = (
        (t * float(distribution.copula.bins))
        .op("Floor")
        .between(0, distribution.copula.bins - 1)
    )
    rows, leading = number.whole().shaped(-1), quantities - n
    correlation = distribution.copula.correlation.double()
    first = torch.linalg.inv(correlation[:, -leading:, -leading:]).float().numpy()
    whole = torch.linalg.inv(correlation).float().numpy()
    last = _gibbs(
        t.graph.constant(first).picked(rows),
        u.part(n, quantities),
        (low.part(n, quantities), high.part(n, quantities)),
        _order(distribution.rounds, leading, leading) % leading,
        draws.picked(_order(distribution.rounds, leading, quantities, n), axis=1),
        leading,
    )
    u = _gibbs(
        t.graph.constant(whole).picked(rows),
        t.graph.joined([u.part(0, n), last]),
        (low, high),
        _order(distribution.rounds, n, quantities) % quantities,
        draws.picked(_order(distribution.rounds, n, quantities), axis=1),
        quantities,
    )
    return _quantities(distribution, u, absence, (below, part), e_inc)


def _order(rounds: int, each: int, pitch: int, first: int = 0) -> np.ndarray:
    """Places of the numbers that are drawn: `each` of every `pitch`, round after round."""
    return (pitch * np.arange(rounds)[:, None] + first + np.arange(each)).flatten()


def _knots(table: np.ndarray, below: Value, part: Value) -> Value:
    """Interpolate a table over evenly spaced energies."""
    low, high = below.graph.constant(table[:-1]), below.graph.constant(table[1:] - table[:-1])
    shape = (-1, *[1] * (table.ndim - 1))
    return low.picked(below) + part.shaped(*shape) * high.picked(below)


def _box(
    distribution: LongitudinalDistribution, bits: Value, absence: Value
) -> tuple[Value, Value]:
    """Intervals that the bits leave to each quantity, on the normal scale."""
    numbers = np.array(distribution.levels.bits)
    quantity = np.repeat(np.arange(len(numbers)), numbers)
    k = np.concatenate([np.arange(n) for n in numbers]).astype(np.float32)
    n = numbers[quantity].astype(np.float32)
    own = absence.picked(quantity, axis=1)
    level = (own + (1.0 - own) * (k / n)).op("Max", (k + 1) / (n + 1))
    edges = quantile(level)
    ends = [edges.part(0, 1) * 0.0 - _FAR, edges.part(0, 1) * 0.0 + _FAR]
    edges = bits.graph.joined([edges, *ends])
    member = (quantity[:, None] == np.arange(len(numbers))).astype(np.float32)
    count = bits.picked(distribution.node_of_bit.numpy(), axis=1) @ member
    start, total = np.cumsum([0, *numbers[:-1]]).astype(np.float32), float(numbers.sum())
    lowest = (count + (start - 1)).where(count.above(0.5), total)
    full = (numbers - 0.5).astype(np.float32)
    highest = bits.graph.constant(np.float32(total + 1)).where(count.above(full), count + start)
    low, high = (edges.op("GatherElements", x.whole(), axis=1) for x in (lowest, highest))
    return low, high


def _gibbs(
    precision: Value,
    u: Value,
    box: tuple[Value, Value],
    order: np.ndarray,
    uniforms: Value,
    width: int,
) -> Value:
    """Draw numbers one after another from their distributions given all others."""
    hot = np.eye(width, dtype=np.float32)[order]

    def step(
        graph: Graph, old: list[Value], elements: list[Value]
    ) -> tuple[list[Value], list[Value]]:
        (now,), (one, draw) = old, elements
        row = (precision.seen_in(graph) * one).summed(2)
        own = (row * one).summed(1, keep=True)
        mine, low, high = ((x.seen_in(graph) * one).summed(1, keep=True) for x in (now, *box))
        mean, scale = mine - (row * now).summed(1, keep=True) / own, 1.0 / own.op("Sqrt")
        drawn = mean + scale * between((low - mean) / scale, (high - mean) / scale, draw)
        return [now + one * (drawn.op("Max", low).op("Min", high) - mine)], []

    sequences = [u.graph.constant(hot), lanes(uniforms, len(order), 1)]
    return u.graph.scan(step, [u], sequences)[0]


def _quantities(
    distribution: LongitudinalDistribution,
    u: Value,
    absence: Value,
    place: tuple[Value, Value],
    e_inc: Value,
) -> Value:
    """Turn normal numbers into quantities, and these into energies that agree."""
    marginals, n, graph = distribution.marginals, distribution.n_layers, u.graph
    table = _knots(marginals.table.numpy(), *place)
    present = u.above(quantile(absence)).op("Max", (CERTAIN - absence).above(0.0))
    present = present * (1 - CERTAIN - absence).above(0.0)
    survival = (probability(-u) / (1.0 - absence)).between(1e-6, 1 - 1e-6)
    at = ((marginals.REACH - quantile(survival)) / marginals.STEP).between(
        0, marginals.table.shape[2] - 1.001
    )
    column = at.op("Floor")
    index = column.op("Unsqueeze", np.array([2], dtype=np.int64))
    a, b = (
        table.op("GatherElements", (index + shift).whole(), axis=2).shaped(0, -1)
        for shift in (0.0, 1.0)
    )
    x = a + (at - column) * (b - a)
    held = present.part(0, n) * present.part(n, n + 1)
    layers = x.part(0, n).op("Exp") * held
    total = x.part(n, n + 1).op("Exp") * e_inc
    spread = (x.part(n + 2, n + 3).op("Exp") - LEAST_SPREAD).op("Max", 0.0)
    tilted = _tilt(n, layers, total, x.part(n + 1, n + 2), spread * spread)
    full = tilted.op("Max", distribution.threshold)
    return full.where(layers.above(0.0), graph.constant(0.0))


def _tilt(n: int, layers: Value, total: Value, mean: Value, variance: Value) -> Value:
    """Multiply with e^(g (a + b x + c x^2)) to the wanted moments: see `tilting.tilt`."""
    x = (np.arange(n, dtype=np.float32) - mean) / tilting.UNIT
    powers = [x * 0.0 + 1.0, x, x * x, x * x * x, x * x * x * x]
    give = layers / (layers + tilting.STIFFNESS)
    enough = layers.above(0.0).summed(1, keep=True).above(2.5)
    wanted = [1.0, 0.0, variance / tilting.UNIT**2]
    shift = [total * 0.0 for _ in range(3)]

    def tilted() -> Value:
        by = shift[0] + shift[1] * powers[1] + shift[2] * powers[2]
        most = tilting.LARGEST_EXPONENT
        return layers * (give * by).between(-most, most).op("Exp")

    for _ in range(tilting.STEPS):
        now = tilted() / total
        gap = [w - (now * p).summed(1, keep=True) for w, p in zip(wanted, powers, strict=False)]
        j = [(now * give * p).summed(1, keep=True) for p in powers]
        for k, step in enumerate(_solve(j, gap, enough)):
            most = tilting.LARGEST_STEP
            shift[k] = shift[k] + step.between(-most, most)
    end = tilted()
    return end * total / end.summed(1, keep=True).op("Max", 1e-30)


def _solve(j: list[Value], gap: list[Value], enough: Value) -> list[Value]:
    """Solve for the step: of three unknowns, or of the first alone where layers are few."""
    a, b, c = (j[2 * k] * (1 + 1e-4) + 1e-9 for k in range(3))
    # Gaussian elimination in order: the first pivot is the sum that can give, never zero.
    r = j[1] / a
    s = j[2] / a
    m11, m12, m22 = b - r * j[1], j[3] - r * j[2], c - s * j[2]
    y1, y2 = gap[1] - r * gap[0], gap[2] - s * gap[0]
    m11 = m11.op("Max", 1e-9)
    q = m12 / m11
    last = (y2 - q * y1) / (m22 - q * m12).op("Max", 1e-9)
    middle = (y1 - m12 * last) / m11
    first = (gap[0] - j[1] * middle * enough - j[2] * last * enough) / a
    return [first, middle * enough, last * enough]
