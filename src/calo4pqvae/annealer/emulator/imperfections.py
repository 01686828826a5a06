"""How an emulated chip differs from a perfect one, and the errors it makes of that."""

import math
from dataclasses import dataclass

import numpy as np

from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.errors import ConfigError

__all__ = ["IMPERFECTIONS", "Imperfections", "NoiseModel"]


@dataclass(frozen=True)
class Imperfections:
    """Sizes of the errors of an emulated chip; all zero by default.

    Attributes:
        control_h, control_j: standard deviation of the error of each programmed field and
            coupling (integrated control errors).
        systematic: share of their variance that stays the same from one programming to the
            next; reversing spins averages over it.
        flux_drift: standard deviation of the flux offset of each qubit [Phi_0].
        drift_s: time after which an offset has lost its memory [s of access time].
        readout: probability that a qubit is read wrongly.
        beta_drift: relative change of the inverse temperature [1/s of access time].
        flux_limit: flux biases saturate at this size [Phi_0].
        between_reads: Gibbs sweeps between successive reads, which then remember each other;
            None for independent reads.
        repeats: probability that a read repeats the one before it in the programming, which
            is the correlation of successive reads.
        freeze_out: how much earlier qubits in strong fields freeze: a qubit whose field and
            couplings add up to s has $1 - f s / (1 + s)$ of the inverse temperature.
        leakage: share of a neighbour's field that leaks through a coupler, times the coupling
            (the chip's background susceptibility).
    """

    control_h: float = 0.0
    control_j: float = 0.0
    systematic: float = 0.5
    flux_drift: float = 0.0
    drift_s: float = 3600.0
    readout: float = 0.0
    beta_drift: float = 0.0
    flux_limit: float = 0.02
    between_reads: int | None = None
    repeats: float = 0.0
    freeze_out: float = 0.0
    leakage: float = 0.0

    def __post_init__(self) -> None:
        sizes = (self.control_h, self.control_j, self.flux_drift, self.readout)
        if (
            min(sizes) < 0
            or not 0 <= self.systematic <= 1
            or max(self.readout, self.repeats) > 1
            or min(self.repeats, self.freeze_out) < 0
            or self.freeze_out >= 1
            or min(self.drift_s, self.flux_limit) <= 0
            or (self.between_reads is not None and self.between_reads < 1)
        ):
            raise ConfigError(f"imperfections out of range: {self}")


IMPERFECTIONS: dict[str, Imperfections] = {
    "none": Imperfections(),
    "typical": Imperfections(control_h=0.01, control_j=0.01, flux_drift=1e-5, readout=1e-3),
    "twice": Imperfections(control_h=0.02, control_j=0.02, flux_drift=2e-5, readout=2e-3),
}
"""``typical``: sizes of the order that is known of such chips; ``twice`` as large.

Reads of Advantage2 are not known to remember each other (D-Wave's documentation: the spin-bath
polarisation has no noticeable effect there), so that `repeats` is 0 in both; on the Pegasus
generation, where it has one, 0.1 to 0.2 are worth a rehearsal. No sizes of the freeze-out's
spread and of the leakage are published for these chips."""


class NoiseModel:
    """The errors of one emulated chip as it is used.

    Arguments:
        sizes: how large they are.
        graph: qubits and couplers that have them.
        rng: source of random numbers.
    """

    def __init__(
        self, sizes: Imperfections, graph: WorkingGraph, rng: np.random.Generator
    ) -> None:
        self.sizes, self._graph, self._rng = sizes, graph, rng
        self._field = rng.standard_normal(graph.n_places)
        self._coupling = rng.standard_normal(len(graph.couplers))
        self._offset = rng.standard_normal(graph.n_places)
        self._seconds = 0.0

    def age(self, seconds: float) -> None:
        """Let flux offsets wander up to a time [s]."""
        kept = math.exp(-(seconds - self._seconds) / self.sizes.drift_s)
        fresh = self._rng.standard_normal(len(self._offset))
        self._offset = kept * self._offset + math.sqrt(1 - kept**2) * fresh
        self._seconds = seconds

    def offsets(self, qubits: np.ndarray) -> np.ndarray:
        """Flux offsets of qubits [Phi_0]."""
        return self.sizes.flux_drift * self._offset[qubits]

    def fields(self, qubits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Errors of programmed fields."""
        return self.sizes.control_h * self._mix(self._field[qubits], rng)

    def couplings(self, couplers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Errors of programmed couplings."""
        lasting = self._coupling[self._graph.number_of(couplers)]
        return self.sizes.control_j * self._mix(lasting, rng)

    def leaked(self, field: np.ndarray, coupling: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Fields that leak in from neighbours."""
        a, b = ends
        found = np.bincount(a, coupling * field[b], len(field))
        found += np.bincount(b, coupling * field[a], len(field))
        return self.sizes.leakage * found

    def coldness(self, field: np.ndarray, coupling: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Inverse temperature of each qubit, relative to that of a weak field."""
        size = np.abs(field) + np.bincount(ends[0], np.abs(coupling), len(field))
        size += np.bincount(ends[1], np.abs(coupling), len(field))
        return 1 - self.sizes.freeze_out * size / (1 + size)

    def _mix(self, lasting: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        share = self.sizes.systematic
        fresh = rng.standard_normal(lasting.shape)
        return math.sqrt(share) * lasting + math.sqrt(1 - share) * fresh
