"""Where a model's nodes lie on a chip: one qubit each, one coupler per coupling, no chains."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Int

from calo4pqvae.annealer.chip.working_graph import WorkingGraph, lattice_of
from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.errors import AnnealerError

__all__ = ["Placement", "place"]

_NAMED = 8
"""Missing qubits that a message lists one by one."""


@dataclass(frozen=True, eq=False)
class Placement:
    """One or more copies of a model side by side on a chip.

    Arguments:
        graph: the model's nodes and couplers.
        qubits: qubit of each node of each copy.
    """

    graph: PartiteGraph
    qubits: Int[np.ndarray, "copies nodes"]

    @property
    def copies(self) -> int:
        """Number of copies, each of which gives a state per read."""
        return len(self.qubits)


def place(graph: PartiteGraph, chip: WorkingGraph, copies: int | None = 1) -> Placement:
    """Find qubits for a model: its own ones first, then the same piece shifted on the chip.

    Arguments:
        graph: the model's nodes; their labels are qubits of the lattice it was made for.
        chip: working graph of the chip.
        copies: copies wanted side by side; as many as fit when None.

    Raises:
        AnnealerError: the model's lattice is of another kind than the chip's, or some of its
            qubits or couplers do not work; named.

    Example:
        >>> place(zephyr(4), WorkingGraph.perfect("zephyr", (3, 4)), copies=None).copies
        13
    """
    lattice = lattice_of(graph)
    if lattice is None or lattice[0] != chip.topology:
        raise AnnealerError(
            f"the model lives on the lattice {graph.lattice}, {chip.name} has {chip.lattice}; "
            f"train a model with prior.lattice={chip.topology}"
        )
    found: list[np.ndarray] = []
    taken = np.zeros(chip.n_places, dtype=bool)
    for qubits in _shifts(graph.labels.numpy(), lattice[1], chip):
        if not taken[qubits].any() and _lacks(graph, chip, qubits) == (0, 0):
            found.append(qubits)
            taken[qubits] = True
        if len(found) == copies:
            break
    if not found:
        raise _missing(graph, chip, lattice[1])
    if copies is not None and len(found) < copies:
        raise AnnealerError(
            f"{len(found)} copies of the model fit on {chip.name}, not {copies}"
        )
    return Placement(graph, np.stack(found))


def _shifts(
    labels: np.ndarray, grid: tuple[int, ...], chip: WorkingGraph
) -> Iterator[np.ndarray]:
    """Move the model over the chip's lattice, its own place first where the grids agree.

    A qubit u of line w and position s along it goes to (w + dx, s + dy) if it is vertical and
    to (w + dy, s + dx) if it is horizontal; couplers go to couplers. Positions are half cells
    on Zephyr, cells on Pegasus.
    """
    if grid == chip.grid:
        yield labels
    u, line, k, along = _coordinates(chip.topology, labels, grid[0])
    ends = _extent(chip.topology, chip.grid[0])
    spans = [
        range(-min(low), max(0, 1 + min(e - h for e, h in zip(ends, high, strict=True))))
        for low, high in _bounds(u, line, along)
    ]
    for dx, dy in product(*spans):
        if grid == chip.grid and dx == dy == 0:
            continue
        across, by = np.where(u == 0, dx, dy), np.where(u == 0, dy, dx)
        yield _number(chip.topology, u, line + across, k, along + by, chip.grid[0])


def _bounds(u: np.ndarray, line: np.ndarray, along: np.ndarray) -> Iterator[tuple]:
    """Smallest and largest (line, position) that a shift in x, then in y, moves."""
    for direction in (0, 1):
        crossing, parallel = line[u == direction], along[u != direction]
        yield (
            (crossing.min(initial=1 << 20), parallel.min(initial=1 << 20)),
            (crossing.max(initial=-(1 << 20)), parallel.max(initial=-(1 << 20))),
        )


def _extent(topology: str, m: int) -> tuple[int, int]:
    """Largest line and position of a lattice."""
    return (2 * m, 2 * m - 1) if topology == "zephyr" else (m - 1, m - 2)


def _coordinates(topology: str, qubits: np.ndarray, m: int) -> tuple[np.ndarray, ...]:
    """Take numbers apart: direction, line, place within the line's bundle, position along."""
    if topology == "zephyr":
        u, w, k, j, z = np.unravel_index(qubits, (2, 2 * m + 1, 4, 2, m))
        return u, w, k, 2 * z + j
    return tuple(np.unravel_index(qubits, (2, m, 12, m - 1)))


def _number(
    topology: str, u: np.ndarray, line: np.ndarray, k: np.ndarray, along: np.ndarray, m: int
) -> np.ndarray:
    if topology == "zephyr":
        return np.ravel_multi_index(
            (u, line, k, along % 2, along // 2), (2, 2 * m + 1, 4, 2, m)
        )
    return np.ravel_multi_index((u, line, k, along), (2, m, 12, m - 1))


def _lacks(graph: PartiteGraph, chip: WorkingGraph, qubits: np.ndarray) -> tuple[int, int]:
    couplers = qubits[graph.edges.numpy().T]
    return (
        int((~chip.has_qubits(qubits)).sum()),
        int((~chip.has_couplers(couplers)).sum()) if len(couplers) else 0,
    )


def _missing(graph: PartiteGraph, chip: WorkingGraph, grid: tuple[int, ...]) -> AnnealerError:
    """Name what the chip lacks at the best place that was tried."""
    places = list(_shifts(graph.labels.numpy(), grid, chip))
    remedy = "train a model on this chip's working graph"
    if not places:
        return AnnealerError(
            f"{graph.lattice} is larger than {chip.name}; {remedy}", remedy="working graph"
        )
    best = min(places, key=lambda qubits: _lacks(graph, chip, qubits))
    gone = np.sort(best[~chip.has_qubits(best)])
    listed = ", ".join(map(str, gone[:_NAMED])) + (", .." if len(gone) > _NAMED else "")
    qubits, couplers = _lacks(graph, chip, best)
    return AnnealerError(
        f"{chip.name} lacks {qubits} of the model's {graph.n_nodes} qubits"
        f"{f' ({listed})' if qubits else ''} and {couplers} of its {graph.n_edges} couplers"
        f"{f', at the best of {len(places)} places' if len(places) > 1 else ''}; {remedy}",
        remedy="working graph",
    )
