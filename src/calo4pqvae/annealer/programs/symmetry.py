"""Ways to lay a piece of a lattice on a chip that keep every coupler: the symmetries.

A qubit has a direction u, a line, a place k in the bundle of lines, and a position along the
line: half cells on Zephyr, cells on Pegasus. Couplers go to couplers when all of a piece is
shifted; on Zephyr also when it is transposed or mirrored, and when the four lines of a bundle
change places.
"""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

__all__ = ["Coordinates", "bundles", "coordinates", "numbers", "symmetric_places"]


class Coordinates(NamedTuple):
    """Direction, line, place in the line's bundle, and position along it, of each qubit."""

    u: Int[np.ndarray, " qubits"]
    line: Int[np.ndarray, " qubits"]
    k: Int[np.ndarray, " qubits"]
    along: Int[np.ndarray, " qubits"]


def coordinates(topology: str, qubits: Int[np.ndarray, " qubits"], m: int) -> Coordinates:
    """Take the numbers of qubits apart."""
    if topology == "zephyr":
        u, w, k, j, z = np.unravel_index(qubits, (2, 2 * m + 1, 4, 2, m))
        return Coordinates(u, w, k, 2 * z + j)
    return Coordinates(*np.unravel_index(qubits, (2, m, 12, m - 1)))


def numbers(topology: str, at: Coordinates, m: int) -> Int[np.ndarray, " qubits"]:
    """Put coordinates together again (inverse of `coordinates`)."""
    if topology == "zephyr":
        parts = (at.u, at.line, at.k, at.along % 2, at.along // 2)
        return np.ravel_multi_index(parts, (2, 2 * m + 1, 4, 2, m))
    return np.ravel_multi_index(tuple(at), (2, m, 12, m - 1))


def symmetric_places(
    topology: str, labels: Int[np.ndarray, " nodes"], grid: int, m: int
) -> Iterator[Int[np.ndarray, " nodes"]]:
    """Lay a piece on a lattice of size m in all ways but exchanges of lines; its own first.

    Arguments:
        topology: `zephyr` or `pegasus`.
        labels: qubits of the piece on its own lattice.
        grid: size of that lattice.
        m: size of the chip's lattice.
    """
    at = coordinates(topology, labels, grid)
    if grid == m:
        yield labels
    for turned in _turned(topology, at):
        for place in _shifted(topology, turned, m):
            if grid != m or not np.array_equal(place, labels):
                yield place


def bundles(
    topology: str, qubits: Int[np.ndarray, " nodes"], m: int
) -> list[Int[np.ndarray, " members"]]:
    """Gather the nodes of each bundle of four lines, which may change places; Zephyr only."""
    if topology != "zephyr":
        return []
    at = coordinates(topology, qubits, m)
    key = at.u * (2 * m + 1) + at.line
    return [np.flatnonzero(key == value) for value in np.unique(key)]


def _turned(topology: str, at: Coordinates) -> Iterator[Coordinates]:
    """Transpose and mirror; Pegasus, whose lines begin at different places, only as it is."""
    if topology != "zephyr":
        yield at
        return
    for transposed, mirror_x, mirror_y in product((False, True), repeat=3):
        u = 1 - at.u if transposed else at.u
        across, by = np.where(u == 0, mirror_x, mirror_y), np.where(u == 0, mirror_y, mirror_x)
        yield Coordinates(
            u,
            np.where(across, -at.line, at.line),
            at.k,
            np.where(by, -1 - at.along, at.along),
        )


def _shifted(topology: str, at: Coordinates, m: int) -> Iterator[np.ndarray]:
    """Move vertical lines by dx and positions on them by dy, horizontal ones the other way."""
    most = (2 * m, 2 * m - 1) if topology == "zephyr" else (m - 1, m - 2)
    spans = []
    for direction in (0, 1):
        ends = []
        for values, end in ((at.line[at.u == direction], most[0]),
                            (at.along[at.u != direction], most[1])):  # fmt: skip
            if len(values):
                ends.append((-int(values.min()), end - int(values.max())))
        low, high = (max(e[0] for e in ends), min(e[1] for e in ends)) if ends else (0, 0)
        spans.append(range(low, high + 1))
    for dx, dy in product(*spans):
        across, by = np.where(at.u == 0, dx, dy), np.where(at.u == 0, dy, dx)
        yield numbers(topology, Coordinates(at.u, at.line + across, at.k, at.along + by), m)
