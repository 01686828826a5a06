"""Corrections of programs by a chip's lasting errors, as they were measured on some day."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from calo4pqvae._core.atomic import write_json
from calo4pqvae._core.intake import one_line, parsing, read_json
from calo4pqvae.annealer.programs.program import Program
from calo4pqvae.errors import AnnealerError

__all__ = ["Shims"]

_SCHEMA = "calo4pqvae annealer shims 1"


@dataclass(frozen=True, eq=False)
class Shims:
    """Fields and couplings that a chip makes although 0 is programmed.

    Arguments:
        solver: name of the annealer.
        graph: fingerprint of its working graph.
        day: when they were measured, ISO 8601.
        qubits: qubits that were measured.
        field: field that each makes.
        couplers: couplers that were measured, pairs of qubits, smaller first.
        coupling: coupling that each makes.
        seconds: access time that measuring took [s].
    """

    solver: str
    graph: str
    day: str
    qubits: Int[np.ndarray, " qubits"]
    field: Float[np.ndarray, " qubits"]
    couplers: Int[np.ndarray, "couplers 2"]
    coupling: Float[np.ndarray, " couplers"]
    seconds: float = 0.0

    def apply(self, program: Program, properties: Mapping[str, Any]) -> Program:
        """Correct a program, gauge included, as far as the chip's ranges leave room."""
        known = dict(zip(self.qubits.tolist(), self.field.tolist(), strict=True))
        h = program.h - np.array([known.get(q, 0.0) for q in program.qubits.tolist()])
        pairs = np.sort(program.qubits[program.ends.T], axis=1)
        joined = {
            (a, b): value
            for (a, b), value in zip(self.couplers.tolist(), self.coupling, strict=True)
        }
        j = program.j - np.array([joined.get((a, b), 0.0) for a, b in pairs.tolist()])
        wide = properties.get("extended_j_range") or properties["j_range"]
        return replace(
            program, h=_room(h, program.h, properties["h_range"]), j=_room(j, program.j, wide)
        )

    def save(self, path: str | Path) -> None:
        """Write them as JSON, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        content = {"schema": _SCHEMA, "solver": self.solver, "graph": self.graph}
        content |= {"day": self.day, "seconds": self.seconds}
        for name in ("qubits", "field", "couplers", "coupling"):
            content[name] = getattr(self, name).tolist()
        write_json(path, content)

    @classmethod
    def load(cls, path: str | Path, solver: str, graph: str) -> "Shims":
        """Read what `save` wrote.

        Arguments:
            path: the file.
            solver: the annealer they are wanted for.
            graph: fingerprint of its working graph.

        Raises:
            AnnealerError: the file is none of these, or one of another annealer or graph.
        """
        found = read_json(path, "shims of an annealer", error=AnnealerError)
        with parsing(path, "shims of an annealer", AnnealerError):
            if found["schema"] != _SCHEMA:
                raise AnnealerError(f"{path}: is written as {one_line(found['schema'])}")
            if (found["solver"], found["graph"]) != (solver, graph):
                raise AnnealerError(
                    f"{path}: was measured on {one_line(found['solver'])} (graph "
                    f"{one_line(found['graph'])}), not on {solver} (graph {graph})"
                )
            qubits = np.array(found["qubits"], dtype=np.int64)
            couplers = np.array(found["couplers"], dtype=np.int64).reshape(-1, 2)
            field, coupling = (np.array(found[k], float) for k in ("field", "coupling"))
            numbers = np.concatenate([field, coupling])
            if (len(qubits), len(couplers)) != (len(field), len(coupling)):
                raise ValueError("numbers of values do not fit")
            if not np.isfinite(numbers).all() or np.abs(numbers).max(initial=0.0) > 1:
                raise ValueError("values beyond 1, or no numbers")
            seconds = float(found["seconds"])
            return cls(
                solver, graph, str(found["day"]), qubits, field, couplers, coupling, seconds
            )


def _room(wanted: np.ndarray, before: np.ndarray, bounds: Any) -> np.ndarray:
    """Bring values inside, but no value that was outside before."""
    low, high = (float(b) for b in bounds)
    return np.where((before < low) | (before > high), wanted, wanted.clip(low, high))
