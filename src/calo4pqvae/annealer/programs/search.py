"""Search for the place of a model on a chip with holes: what is lost has a price.

Every symmetry of the lattice is tried first, and the four lines of each bundle change places
where that helps. If something is still missing, simulated annealing moves single nodes from the
best of these places; a node may go to any working qubit nearby.
"""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from jaxtyping import Bool, Float, Int

from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.annealer.programs.annealing import move_nodes
from calo4pqvae.annealer.programs.symmetry import (
    bundles,
    coordinates,
    numbers,
    symmetric_places,
)

__all__ = ["Found", "search_place"]

_STARTS = 6
"""Symmetric places that are bettered: the best of all is among the three best in nine of ten
searches on chips with published defects."""

_MOVES = 4000
"""Moves per node of the annealing; twice as many gain less than 2 % of the price."""

_COOLING = (0.5, 0.002)
"""First and last temperature, in units of the mean price of a coupler."""

_NODE = 4.0
"""Price of a qubit that does not work, in prices of all couplers of the dearest node: more than
moving the node away can cost, so that none stays there."""


@dataclass(frozen=True, eq=False)
class Found:
    """A place.

    Attributes:
        qubits: qubit of each node.
        lost: couplers of the model that the chip lacks there.
        price: their prices together.
        tried: places that were compared.
    """

    qubits: Int[np.ndarray, " nodes"]
    lost: Bool[np.ndarray, " edges"]
    price: float
    tried: int


def search_place(
    labels: Int[np.ndarray, " nodes"],
    grid: int,
    edges: Int[np.ndarray, "2 edges"],
    price: Float[np.ndarray, " edges"],
    chip: WorkingGraph,
    *,
    free: Bool[np.ndarray, " places"] | None = None,
    seed: int = 0,
) -> Found | None:
    """Find working qubits for nodes so that the couplers that are lost cost the least.

    Arguments:
        labels: qubits of the nodes on the lattice that the model was made for.
        grid: size of that lattice.
        edges: couplers that the model uses.
        price: what losing each costs, above zero.
        chip: the working graph.
        free: qubits that may be used; all working ones when None.
        seed: seed of the annealing.

    Returns:
        the place, or None if the chip is too small or has too few qubits.
    """
    works = np.zeros(chip.n_places, dtype=bool)
    works[chip.qubits] = True
    if free is not None:
        works &= free
    scale = _Prices(edges, price, works, chip)
    tried, best = 0, []
    for qubits in symmetric_places(chip.topology, labels, grid, chip.grid[0]):
        tried += 1
        cost = scale.of(qubits)
        if cost == 0:
            return Found(qubits, scale.lost(qubits), 0.0, tried)
        best = sorted([*best, (cost, tried, qubits)], key=lambda found: found[:2])[:_STARTS]
    if not best or works.sum() < len(labels):
        return None
    found = []
    for _, number, start in best:
        qubits = _exchange_lines(start, scale, chip)
        if scale.of(qubits) > 0:
            qubits = _anneal(qubits, scale, chip, seed + number)
        found.append((scale.of(qubits), qubits))
        if found[-1][0] == 0:
            break
    cost, qubits = min(found, key=lambda pair: pair[0])
    if not works[qubits].all():
        return None
    return Found(qubits, scale.lost(qubits), cost, tried)


class _Prices:
    """What a place costs."""

    def __init__(
        self, edges: np.ndarray, price: np.ndarray, works: np.ndarray, chip: WorkingGraph
    ) -> None:
        self.edges, self.price, self.works, self.chip = edges, price, works, chip
        of_node = np.bincount(edges.ravel(), np.tile(price, 2))
        self.node = _NODE * max(float(of_node.max(initial=0.0)), 1e-9)

    def lost(self, qubits: np.ndarray) -> np.ndarray:
        pairs = qubits[self.edges.T]
        return ~self.chip.has_couplers(pairs) if len(pairs) else np.zeros(0, bool)

    def of(self, qubits: np.ndarray) -> float:
        broken = int((~self.works[qubits]).sum())
        return float(self.price[self.lost(qubits)].sum()) + self.node * broken


def _exchange_lines(qubits: np.ndarray, scale: _Prices, chip: WorkingGraph) -> np.ndarray:
    """Let the lines of each bundle change places as long as that lowers the price."""
    m, best = chip.grid[0], scale.of(qubits)
    orders = [np.array(order) for order in permutations(range(4))]
    bettered = True
    while bettered and best > 0:
        bettered = False
        for members in bundles(chip.topology, qubits, m):
            at, chosen = coordinates(chip.topology, qubits[members], m), qubits
            for order in orders:
                moved = qubits.copy()
                moved[members] = numbers(chip.topology, at._replace(k=order[at.k]), m)
                cost = scale.of(moved)
                if cost < best:
                    best, chosen, bettered = cost, moved, True
            qubits = chosen
    return qubits


def _anneal(qubits: np.ndarray, scale: _Prices, chip: WorkingGraph, seed: int) -> np.ndarray:
    """Move single nodes around a place."""
    window = np.union1d(_near(qubits, chip), qubits)
    number = np.full(chip.n_places, -1)
    number[window] = np.arange(len(window))
    ends = number[chip.couplers]
    ends = ends[(ends >= 0).all(axis=1)]
    joined = np.zeros((len(window), len(window)), dtype=np.bool_)
    joined[ends[:, 0], ends[:, 1]] = joined[ends[:, 1], ends[:, 0]] = True
    both = np.concatenate([scale.edges, scale.edges[::-1]], axis=1)
    order = np.argsort(both[0], kind="stable")
    first = np.searchsorted(both[0][order], np.arange(len(qubits) + 1))
    weight = np.tile(scale.price, 2)[order]
    place = number[qubits].astype(np.int64)
    unit = float(scale.price.mean()) if len(scale.price) else 1.0
    move_nodes(
        place,
        scale.works[window],
        joined,
        first.astype(np.int64),
        both[1][order].astype(np.int64),
        weight,
        scale.node,
        _COOLING[0] * unit,
        _COOLING[1] * unit,
        _MOVES * len(qubits),
        seed % (1 << 31),
    )
    return window[place]


def _near(qubits: np.ndarray, chip: WorkingGraph) -> np.ndarray:
    """Working qubits around a place: its bounding box and one line more on each side."""
    m = chip.grid[0]
    mine, every = (coordinates(chip.topology, q, m) for q in (qubits, chip.qubits))
    inside = np.ones(len(chip.qubits), dtype=bool)
    for direction in (0, 1):
        for name in ("line", "along"):
            own = getattr(mine, name)[mine.u == direction]
            at = getattr(every, name)
            if len(own):
                near = (at >= own.min() - 1) & (at <= own.max() + 1)
                inside &= near | (every.u != direction)
    return chip.qubits[inside]
