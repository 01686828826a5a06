"""Where a model's nodes lie on a chip: one qubit each, one coupler per coupling, no chains."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from torch import Tensor

from calo4pqvae.annealer.chip.working_graph import WorkingGraph, lattice_of, lattice_places
from calo4pqvae.annealer.programs.symmetry import symmetric_places
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
        qubits: qubit of each node of each copy; of partition 0 only where it is held on the
            chip.
        used: which couplers the chip is asked for; all when None.
    """

    graph: PartiteGraph
    qubits: Int[np.ndarray, "copies nodes"]
    used: Bool[np.ndarray, " edges"] | None = None

    @property
    def copies(self) -> int:
        """Number of copies, each of which gives a state per read."""
        return len(self.qubits)


def place(
    graph: PartiteGraph,
    chip: WorkingGraph,
    copies: int | None = 1,
    *,
    used: Bool[Tensor, " edges"] | None = None,
    held: bool = True,
) -> Placement:
    """Find qubits for a model: its own ones first, then each symmetry of the chip's lattice.

    Arguments:
        graph: the model's nodes; their labels are qubits of the lattice it was made for.
        chip: working graph of the chip.
        copies: copies wanted side by side; as many as fit when None.
        used: which couplers the model uses; all when None.
        held: whether the clamped partition needs qubits, too; not where it is folded into the
            fields of the others.

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
    first = 0 if held else graph.sizes[0]
    places = lattice_places(lattice[0], lattice[1][0])
    if held and (graph.labels[: graph.sizes[0]] >= places).any():
        raise AnnealerError(
            "the model has no qubits for the clamped partition, which cannot be held by flux",
            "fold",
        )
    asked = graph.edges[0].numpy() >= first
    if used is not None:
        asked &= used.numpy()
    want = _Want(graph.labels.numpy()[first:], graph.edges.numpy()[:, asked] - first)
    found: list[np.ndarray] = []
    taken = np.zeros(chip.n_places, dtype=bool)
    for qubits in symmetric_places(chip.topology, want.labels, lattice[1][0], chip.grid[0]):
        if not taken[qubits].any() and want.lacks(chip, qubits) == (0, 0):
            found.append(np.concatenate([graph.labels.numpy()[:first], qubits]))
            taken[qubits] = True
        if len(found) == copies:
            break
    if not found:
        raise _missing(graph, want, chip, lattice[1][0])
    if copies is not None and len(found) < copies:
        raise AnnealerError(
            f"{len(found)} copies of the model fit on {chip.name}, not {copies}"
        )
    return Placement(graph, np.stack(found), asked)


@dataclass(frozen=True, eq=False)
class _Want:
    """Nodes that need a qubit, and pairs of them that need a coupler."""

    labels: Int[np.ndarray, " nodes"]
    edges: Int[np.ndarray, "2 edges"]

    def lacks(self, chip: WorkingGraph, qubits: np.ndarray) -> tuple[int, int]:
        """Count qubits and couplers that do not work."""
        lost = int((~chip.has_qubits(qubits)).sum())
        return lost, int((~chip.has_couplers(qubits[self.edges.T])).sum())


def _missing(graph: PartiteGraph, want: _Want, chip: WorkingGraph, grid: int) -> AnnealerError:
    """Name what the chip lacks at the best place that was tried."""
    places = list(symmetric_places(chip.topology, want.labels, grid, chip.grid[0]))
    remedy = "repair the model for this chip, or train one on its working graph"
    if not places:
        return AnnealerError(
            f"{graph.lattice} is larger than {chip.name}; {remedy}", "working graph"
        )
    best = min(places, key=lambda qubits: want.lacks(chip, qubits))
    gone = np.sort(best[~chip.has_qubits(best)])
    listed = ", ".join(map(str, gone[:_NAMED])) + (", .." if len(gone) > _NAMED else "")
    qubits, couplers = want.lacks(chip, best)
    return AnnealerError(
        f"{chip.name} lacks {qubits} of the model's {len(want.labels)} qubits"
        f"{f' ({listed})' if qubits else ''} and {couplers} of its {want.edges.shape[1]} "
        f"couplers{f', at the best of {len(places)} places' if len(places) > 1 else ''}; "
        f"{remedy}",
        "working graph",
    )
