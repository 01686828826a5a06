"""The annealers' lattices, made offline: Zephyr and Pegasus with their four colours."""

from itertools import product

import numpy as np

from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.errors import SamplerError

__all__ = ["pegasus", "pegasus_lattice", "zephyr", "zephyr_lattice"]

_TILE = 4
"""Qubits side by side in a Zephyr lattice; D-Wave has built no other number."""

_VERTICAL_OFFSETS = np.repeat([2, 10, 6], 4)
_HORIZONTAL_OFFSETS = np.repeat([6, 2, 10], 4)
"""Where the spans of Pegasus begin on each line of a tile, as on D-Wave's chips."""


def zephyr(per_partition: int, m: int | None = None) -> FourPartiteGraph:
    """Cut a four-partite graph out of the Zephyr lattice Z(m, 4).

    Arguments:
        per_partition: nodes of each partition.
        m: grid parameter; by default the smallest lattice that is large enough.

    Raises:
        SamplerError: the lattice is too small.

    Source: D-Wave technical report 14-1056A (Zephyr topology); colouring as in the code of
    arXiv:2410.22870, (2 u + w + 2 z + j) mod 4.

    Example:
        >>> graph = zephyr(40)
        >>> graph.lattice, graph.sizes, graph.n_edges, int(graph.degree.max())
        ('zephyr(2,4)', (40, 40, 40, 40), 1224, 19)
    """
    if m is None:
        m = next(n for n in range(1, 1000) if 4 * n * (2 * n + 1) >= per_partition)
    return FourPartiteGraph.from_lattice(*zephyr_lattice(m), per_partition, f"zephyr({m},4)")


def pegasus(per_partition: int, m: int | None = None) -> FourPartiteGraph:
    """Cut a four-partite graph out of the Pegasus lattice P(m).

    Arguments:
        per_partition: nodes of each partition.
        m: grid parameter; by default the smallest lattice whose inner part, where all
            qubits have their full neighbourhood, is large enough.

    Raises:
        SamplerError: the lattice is too small.

    Source: D-Wave technical report 14-1026A (Pegasus topology); colour 2 u + (z + k) mod 2.

    Example:
        >>> pegasus(24).lattice
        'pegasus(3)'
    """
    if m is None:
        m = next(n for n in range(2, 1000) if 6 * (n - 1) ** 2 >= per_partition)
    return FourPartiteGraph.from_lattice(*pegasus_lattice(m), per_partition, f"pegasus({m})")


def zephyr_lattice(m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lay out Z(m, 4): colour of each qubit, couplers, distance from the centre.

    A qubit (u, w, k, j, z) lies across line w and covers the lines 2z+j and 2z+j+1 of the
    other direction. Internal couplers join crossing qubits, external ones z with z+1, odd
    ones j=0 with the two qubits j=1 that overlap it.

    Raises:
        SamplerError: m is below 1.
    """
    if m < 1:
        raise SamplerError(f"a Zephyr lattice needs m >= 1, not {m}")
    u, w, k, j, z = np.array(
        list(product(range(2), range(2 * m + 1), range(_TILE), range(2), range(m)))
    ).T
    segment = 2 * z + j
    line = (u * (2 * m + 1) + w) * _TILE + k
    couplers = [_pairs(line, segment, step) for step in (1, 2)]
    vertical, horizontal = np.flatnonzero(u == 0), np.flatnonzero(u == 1)
    covers = _covers(w[horizontal], segment[vertical], 2)
    covered = _covers(w[vertical], segment[horizontal], 2).T
    a, b = np.nonzero(covers & covered)
    couplers.append(np.stack([vertical[a], horizontal[b]], axis=1))
    colour = (2 * u + w + segment) % 4
    distance = np.hypot(w - m, segment + 0.5 - m)
    return colour, np.concatenate(couplers), distance


def pegasus_lattice(m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lay out P(m): colour of each qubit, couplers, distance from the centre.

    A qubit (u, w, k, z) lies on line 12 w + k and covers twelve lines of the other
    direction from 12 z + offset(u, k). Internal couplers join crossing qubits, external
    ones z with z+1, odd ones k = 2i with 2i+1.

    Raises:
        SamplerError: m is below 2.
    """
    if m < 2:
        raise SamplerError(f"a Pegasus lattice needs m >= 2, not {m}")
    u, w, k, z = np.array(list(product(range(2), range(m), range(12), range(m - 1)))).T
    number = np.arange(len(u))
    offset = np.where(u == 0, _VERTICAL_OFFSETS[k], _HORIZONTAL_OFFSETS[k])
    line, start = 12 * w + k, 12 * z + offset
    odd = number[k % 2 == 0]
    couplers = [
        _pairs(u * 12 * m + line, z, 1),
        np.stack([odd, odd + (m - 1)], axis=1),
    ]
    vertical, horizontal = np.flatnonzero(u == 0), np.flatnonzero(u == 1)
    covers = _covers(line[horizontal], start[vertical], 12)
    covered = _covers(line[vertical], start[horizontal], 12).T
    a, b = np.nonzero(covers & covered)
    couplers.append(np.stack([vertical[a], horizontal[b]], axis=1))
    colour = 2 * u + (z + k) % 2
    distance = np.hypot(line + 0.5 - 6 * m, start + 6 - 6 * m)
    return colour, np.concatenate(couplers), distance


def _pairs(line: np.ndarray, place: np.ndarray, step: int) -> np.ndarray:
    """Join qubits of one line whose places differ by step."""
    where = {key: n for n, key in enumerate(zip(line.tolist(), place.tolist(), strict=True))}
    found = [(n, where.get((a, p + step))) for (a, p), n in where.items()]
    pairs = [pair for pair in found if pair[1] is not None]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _covers(line: np.ndarray, start: np.ndarray, length: int) -> np.ndarray:
    """Whether the span [start, start + length) of each row holds the line of each column."""
    gap = line[None, :] - start[:, None]
    return (gap >= 0) & (gap < length)
