"""Which qubits and couplers of a chip work: read from a solver or a file, and used for models.

Working graphs shrink about monthly. They are known by a fingerprint of their own, computed from
the qubits and couplers, beside the name that the operator gives them.
"""

import hashlib
import json
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from calo4pqvae._core.atomic import write_json
from calo4pqvae._core.intake import one_line, parsing, read_json
from calo4pqvae.boltzmann.graph import FourPartiteGraph, PartiteGraph
from calo4pqvae.boltzmann.lattices import pegasus_lattice, zephyr_lattice
from calo4pqvae.errors import AnnealerError

__all__ = ["WorkingGraph", "lattice_of", "lattice_places"]

_SCHEMA = "calo4pqvae working graph 1"
_LATTICES = {"zephyr": zephyr_lattice, "pegasus": pegasus_lattice}
_LARGEST_GRID = 32
"""Chips have reached Zephyr 12 and Pegasus 16; a lattice of 32 takes a second to lay out."""

_SIZE = {"zephyr": lambda m: 16 * m * (2 * m + 1), "pegasus": lambda m: 24 * m * (m - 1)}


@dataclass(frozen=True, eq=False)
class WorkingGraph:
    """Qubits and couplers of a chip that work.

    Arguments:
        solver: name of the solver.
        topology: `zephyr` or `pegasus`.
        grid: its size parameters.
        qubits: numbers of the working qubits, rising.
        couplers: working couplers, pairs of qubits, smaller first, in rising order.
        graph_id: the operator's name of this working graph, if any.

    Example:
        >>> chip = WorkingGraph.perfect("zephyr", (2, 4)).with_defects(qubits=150, couplers=900)
        >>> len(chip.qubits), len(chip.couplers), chip.lay_out(30).sizes
        (150, 900, (30, 30, 30, 30))
    """

    solver: str
    topology: str
    grid: tuple[int, ...]
    qubits: Int[np.ndarray, " qubits"]
    couplers: Int[np.ndarray, "couplers 2"]
    graph_id: str = ""

    @cached_property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits that change with any qubit or coupler."""
        text = json.dumps([self.topology, *map(int, self.grid)])
        numbers = np.concatenate([self.qubits, self.couplers.ravel()]).astype("<i8")
        return hashlib.sha256(text.encode() + numbers.tobytes()).hexdigest()[:8]

    @property
    def lattice(self) -> str:
        """Name of the perfect lattice, such as ``zephyr(6,4)``."""
        return f"{self.topology}({','.join(map(str, self.grid))})"

    @property
    def name(self) -> str:
        """Solver and fingerprint, for messages and stored models."""
        return f"{self.solver} (graph {self.fingerprint})"

    @property
    def n_places(self) -> int:
        """Qubits that the lattice would have if all worked."""
        return lattice_places(self.topology, self.grid[0])

    @classmethod
    def of(cls, sampler: Any) -> "WorkingGraph":
        """Read the working graph of a structured dimod sampler.

        Raises:
            AnnealerError: its topology is neither Zephyr nor Pegasus.
        """
        topology = sampler.properties.get("topology", {})
        kind = topology.get("type")
        if kind not in _LATTICES:
            raise AnnealerError(
                f"{type(sampler).__name__} has the topology {kind!r}; models are laid on "
                "Zephyr and Pegasus chips"
            )
        identity = getattr(getattr(sampler, "solver", None), "graph_id", None)
        name = sampler.properties.get("chip_id", type(sampler).__name__)
        grid = tuple(int(n) for n in topology["shape"])
        return cls(
            name, kind, grid, *_sorted(sampler.nodelist, sampler.edgelist), identity or ""
        )

    @classmethod
    def perfect(
        cls, topology: str, grid: tuple[int, ...], solver: str = "lattice"
    ) -> "WorkingGraph":
        """Make the graph of a chip without a defect.

        Raises:
            AnnealerError: no chip has such a lattice.
        """
        if topology not in _LATTICES or not grid or min(grid) < 1:
            raise AnnealerError(
                f"no chip has the lattice {topology}({','.join(map(str, grid))}); name "
                "zephyr or pegasus, and a size such as (12, 4) or (16,)"
            )
        places, couplers = _SIZE[topology](grid[0]), _LATTICES[topology](grid[0])[1]
        crossing = couplers // (places // 2) == [[0, 1]]
        used = np.unique(couplers[crossing.all(axis=1)])  # Pegasus' rim crosses nothing
        couplers = couplers[np.isin(couplers, used).all(axis=1)]
        return cls(solver, topology, grid, *_sorted(used, couplers))

    @classmethod
    def around(cls, graph: PartiteGraph, solver: str = "lattice") -> "WorkingGraph":
        """Make the graph of a chip without a defect on whose lattice a model lies.

        Raises:
            AnnealerError: the model lies on no lattice of a chip.

        Example:
            >>> len(WorkingGraph.around(zephyr(12, m=2)).qubits)
            160
        """
        lattice = lattice_of(graph)
        if lattice is None:
            raise AnnealerError(
                f"the model lies on the lattice {graph.lattice}, which no chip has"
            )
        return cls.perfect(*lattice, solver)

    def with_defects(self, qubits: int, couplers: int, seed: int = 0) -> "WorkingGraph":
        """Break qubits and couplers at random until at most so many are left.

        Raises:
            AnnealerError: more are asked for than there are, or fewer than none.
        """
        most = len(self.qubits), len(self.couplers)
        if not (0 <= qubits <= most[0] and 0 <= couplers <= most[1]):
            raise AnnealerError(
                f"{self.lattice} has {most[0]} qubits and {most[1]} couplers; {qubits} and "
                f"{couplers} of them cannot be left"
            )
        rng = np.random.default_rng(seed)
        kept = np.sort(rng.choice(self.qubits, qubits, replace=False))
        inside = self.couplers[np.isin(self.couplers, kept).all(axis=1)]
        chosen = np.sort(rng.permutation(len(inside))[: min(couplers, len(inside))])
        return replace(self, qubits=kept, couplers=inside[chosen])

    @classmethod
    def load(cls, path: str | Path) -> "WorkingGraph":
        """Read a file that `save` wrote.

        Raises:
            AnnealerError: the file is none of these.
        """
        found = read_json(path, "working graph of a chip", error=AnnealerError)
        with parsing(path, "working graph of a chip", AnnealerError):
            if found["schema"] != _SCHEMA:
                schema = one_line(found["schema"])
                raise AnnealerError(f"{path}: is written as {schema}, not {_SCHEMA}")
            grid = tuple(_whole(found["grid"]).tolist())
            if not 0 < grid[0] <= _LARGEST_GRID:
                raise ValueError(f"the grid {grid} is none of a chip")
            whole = cls.perfect(found["topology"], grid, one_line(found["solver"]))
            broken = _whole(found["missing_couplers"]).reshape(-1, 2)
            qubits = np.setdiff1d(whole.qubits, _whole(found["missing_qubits"]))
            inside = whole.couplers[np.isin(whole.couplers, qubits).all(axis=1)]
            couplers = inside[~np.isin(_codes(inside), _codes(broken))]
            return replace(
                whole, qubits=qubits, couplers=couplers, graph_id=str(found["graph_id"])
            )

    def save(self, path: str | Path) -> None:
        """Write what is missing from the perfect lattice, as JSON, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        whole = self.perfect(self.topology, self.grid)
        inside = whole.couplers[np.isin(whole.couplers, self.qubits).all(axis=1)]
        lost = inside[~np.isin(_codes(inside), _codes(self.couplers))]
        content = {
            "schema": _SCHEMA,
            "solver": self.solver,
            "graph_id": self.graph_id,
            "topology": self.topology,
            "grid": list(self.grid),
            "missing_qubits": np.setdiff1d(whole.qubits, self.qubits).tolist(),
            "missing_couplers": lost.tolist(),
        }
        write_json(path, content)

    def lay_out(self, per_partition: int | None = None) -> FourPartiteGraph:
        """Choose nodes in four equal partitions, keeping as many couplers as possible.

        The qubits are coloured; surplus ones are dropped, those with the fewest couplers first.

        Arguments:
            per_partition: nodes of each partition; as many as the rarest colour has when
                absent.

        Raises:
            SamplerError: a colour has fewer qubits than that.
        """
        colour, _, distance = _LATTICES[self.topology](self.grid[0])
        colour, distance = colour[self.qubits], distance[self.qubits]
        place = np.searchsorted(self.qubits, self.couplers)
        wanted = per_partition or int(np.bincount(colour, minlength=4).min())
        graph = FourPartiteGraph.from_lattice(
            colour, place, distance, wanted, f"{self.lattice} of {self.name}"
        )
        return replace(graph, labels=graph.labels.new_tensor(self.qubits[graph.labels.numpy()]))

    @cached_property
    def _works(self) -> np.ndarray:
        works = np.zeros(self.n_places, dtype=bool)
        works[self.qubits] = True
        return works

    @cached_property
    def _codes(self) -> np.ndarray:
        return _codes(self.couplers)

    def has_qubits(self, qubits: Int[np.ndarray, "..."]) -> np.ndarray:
        """Say of each qubit whether it works."""
        return self._works[qubits]

    def has_couplers(self, couplers: Int[np.ndarray, "pairs 2"]) -> np.ndarray:
        """Say of each pair of qubits whether a coupler joins them and works."""
        if not len(self.couplers):
            return np.zeros(len(couplers), dtype=bool)
        wanted = _codes(np.sort(couplers, axis=1))
        nearest = np.searchsorted(self._codes, wanted).clip(max=len(self._codes) - 1)
        return self._codes[nearest] == wanted

    def number_of(self, couplers: Int[np.ndarray, "pairs 2"]) -> Int[np.ndarray, " pairs"]:
        """Find working couplers in the list of all."""
        return np.searchsorted(self._codes, _codes(np.sort(couplers, axis=1)))


def lattice_of(graph: PartiteGraph) -> tuple[str, tuple[int, ...]] | None:
    """Tell topology and grid from the name of a graph's lattice; None where it has none."""
    found = re.match(r"(zephyr|pegasus)\(([\d,]+)\)", graph.lattice)
    return (found[1], tuple(map(int, found[2].split(",")))) if found else None


def lattice_places(topology: str, m: int) -> int:
    """Count the qubits of a lattice of size m, all those that its numbers can name."""
    return _SIZE[topology](m)


def _sorted(qubits: Any, couplers: Any) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.sort(np.array(couplers, dtype=np.int64).reshape(-1, 2), axis=1)
    return np.array(sorted(qubits), dtype=np.int64), pairs[np.lexsort(pairs.T[::-1])]


def _whole(values: Any) -> Int[np.ndarray, "..."]:
    """Turn nested lists into whole numbers; a fraction or text is none."""
    found = np.array(values)
    if found.size and found.dtype.kind != "i":
        raise TypeError("grid, qubits and couplers are whole numbers")
    return found.astype(np.int64)


def _codes(couplers: np.ndarray) -> np.ndarray:
    """Turn each pair into one number."""
    return couplers[:, 0] * (1 << 32) + couplers[:, 1]
