"""What is sent to an annealer: fields, couplings and flux biases on its qubits."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from calo4pqvae._core.optional import require

__all__ = ["Program"]


@dataclass(frozen=True, eq=False)
class Program:
    """One programming of the chip.

    Arguments:
        qubits: qubits in use.
        ends: couplers in use, as places in `qubits`.
        h: field of each qubit.
        j: coupling of each coupler.
        flux: flux bias of each qubit [Phi_0]; all zero where none is wanted.
    """

    qubits: Int[np.ndarray, " used"]
    ends: Int[np.ndarray, "2 couplers"]
    h: Float[np.ndarray, " used"]
    j: Float[np.ndarray, " couplers"]
    flux: Float[np.ndarray, " used"]

    def flipped(self, signs: Int[np.ndarray, " used"]) -> "Program":
        """Reverse the spins with sign -1: their fields, couplings and flux biases.

        The answer to the new program, times the signs, is one to the old program.
        """
        a, b = self.ends
        return replace(
            self, h=self.h * signs, j=self.j * signs[a] * signs[b], flux=self.flux * signs
        )

    def by_flux(self, unit: float) -> "Program":
        """Express all fields by flux biases.

        Arguments:
            unit: flux bias that acts like a field of 1 [Phi_0].
        """
        return replace(self, h=np.zeros_like(self.h), flux=self.flux + unit * self.h)

    def model(self) -> Any:
        """State fields and couplings as a model of dimod, its variables the qubits."""
        return require("dimod", "qpu").BinaryQuadraticModel.from_numpy_vectors(
            self.h, (*self.ends, self.j), 0.0, "SPIN", variable_order=self.qubits.tolist()
        )

    def flux_biases(self, n_places: int) -> list[float] | None:
        """List the flux biases of all qubits, broken ones too; None if all are 0."""
        if not self.flux.any():
            return None
        everywhere = np.zeros(n_places)
        everywhere[self.qubits] = self.flux
        return everywhere.tolist()

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that tell this program from any other."""
        parts = (self.qubits, self.ends, self.h, self.j, self.flux)
        content = b"".join(np.ascontiguousarray(part, dtype="<f8").tobytes() for part in parts)
        return hashlib.sha256(content).hexdigest()[:16]
