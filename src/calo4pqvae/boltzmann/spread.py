"""Values for clamped nodes, laid so that every free node has near ones and far ones beside it.

A free node learns a field as a function of the condition only through the clamped nodes that it
is coupled to. If these are thresholds of one number, those of each free node should cover its
whole range, however few they are: then any smooth function of the number is within reach.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float

from calo4pqvae._core.jit import compiled
from calo4pqvae.boltzmann.graph import PartiteGraph

__all__ = ["spread_values"]

SWAPS_PER_NODE = 400
"""Swaps tried for each clamped node: the median largest gap is that of five times as many."""

COLDEST = 1e-3
"""Last temperature of the annealing, in units of the mean price of a free node."""


def spread_values(graph: PartiteGraph, seed: int = 0) -> Float[np.ndarray, " clamped"]:
    r"""Lay the values (k + 1/2) / n on the n nodes of partition 0 by simulated annealing.

    The price is $\sum_i \sum_g g^2$ over the gaps g that the values of the clamped neighbours
    of each free node i leave in [0, 1], the ends included.

    Arguments:
        graph: nodes and couplers; partition 0 is clamped.
        seed: seed of the swaps; the same seed gives the same values.

    Returns:
        the value of each node of partition 0.

    Example:
        >>> from calo4pqvae.boltzmann.lattices import zephyr
        >>> values = spread_values(zephyr(8))
        >>> sorted(float(v) for v in values)[:2]
        [0.0625, 0.1875]
    """
    n = graph.sizes[0]
    edges = graph.edges.numpy()
    pairs = edges[:, (edges[0] < n) & (edges[1] >= n)]
    start_free, code_of = _lists(pairs[1], pairs[0], graph.n_nodes)
    start_code, free_of = _lists(pairs[0], pairs[1], n)
    rng = np.random.default_rng(seed)
    order = rng.permutation(n).astype(np.int64)
    if n > 1 and pairs.size:
        swaps = rng.integers(0, n, (SWAPS_PER_NODE * n, 2))
        uniforms = rng.random(len(swaps))
        _anneal(order, swaps, uniforms, start_free, code_of, start_code, free_of)
    return (order + 0.5) / n


def _lists(of: np.ndarray, what: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours as one array, and where those of each node begin."""
    ranked = np.argsort(of, kind="stable")
    starts = np.searchsorted(of[ranked], np.arange(n + 1))
    return starts.astype(np.int64), what[ranked].astype(np.int64)


@compiled()
@no_type_check
def _price(node, order, start_free, code_of, values):  # noqa: ANN001, ANN202 - compiled
    """Sum of squared gaps of one free node, as fractions of the whole range."""
    n, first = len(order), start_free[node]
    count = start_free[node + 1] - first
    for k in range(count):
        x, at = (order[code_of[first + k]] + 0.5) / n, k
        while at > 0 and values[at - 1] > x:
            values[at] = values[at - 1]
            at -= 1
        values[at] = x
    price, before = 0.0, 0.0
    for k in range(count):
        price += (values[k] - before) ** 2
        before = values[k]
    return price + (1 - before) ** 2


@compiled()
@no_type_check
def _anneal(order, swaps, uniforms, start_free, code_of, start_code, free_of):  # noqa: ANN001, ANN202
    """Swap pairs of nodes while the temperature falls geometrically."""
    values = np.zeros(len(code_of) + 1)
    for turn in range(len(swaps)):
        a, b = swaps[turn]
        before = after = 0.0
        for pass_ in range(2):
            total = 0.0
            for node in (a, b):
                for k in range(start_code[node], start_code[node + 1]):
                    total += _price(free_of[k], order, start_free, code_of, values)
            if pass_ == 0:
                before = total
                order[a], order[b] = order[b], order[a]
            else:
                after = total
        temperature = COLDEST ** (turn / len(swaps))
        if after > before and uniforms[turn] >= np.exp((before - after) / temperature):
            order[a], order[b] = order[b], order[a]
