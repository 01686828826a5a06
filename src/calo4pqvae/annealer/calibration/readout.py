"""How often a qubit is read wrongly: spins that strong fields hold one way, then the other."""

import math

import numpy as np

from calo4pqvae.annealer.calibration.temperature import Estimate
from calo4pqvae.annealer.programs.program import Program
from calo4pqvae.annealer.sampler import AnnealerSampler

__all__ = ["measure_readout"]

READS = 200
"""Reads of each of the two programmings: with 65 qubits a rate of 1 % is known to 6 % of
itself, more than beta needs."""


def measure_readout(sampler: AnnealerSampler, reads: int = READS) -> Estimate:
    """Count wrong spins in fields of two thirds of the range, no couplings, both signs.

    At beta 8.5 and h = 4 a spin points against its field once in 10^29 reads, so that what is
    found is the readout.

    Arguments:
        sampler: the annealer; its free nodes' qubits are read.
        reads: reads of each of the two programmings.

    Returns:
        the probability that a spin is read wrongly, and its error by the scatter of qubits.

    Raises:
        AnnealerError: the solver fails, or the limit has no room for it.
    """
    n0 = sampler.graph.sizes[0]
    qubits = sampler.placement.qubits[:, n0:].ravel()
    low, high = sampler.properties["h_range"]
    field = 2 / 3 * min(-low, high)
    nothing, none = np.zeros((2, 0), np.int64), np.zeros(0)
    flux = np.zeros(len(qubits))
    programs = [
        Program(qubits, nothing, np.full(len(qubits), sign * field), none, flux)
        for sign in (1.0, -1.0)
    ]
    up, down = sampler.send(programs, reads)
    wrong = np.concatenate([(up > 0).mean(axis=0), (down < 0).mean(axis=0)])
    error = math.hypot(float(wrong.std(ddof=1)) / len(wrong) ** 0.5, 1 / (reads * len(wrong)))
    return Estimate(float(wrong.mean()), error, len(wrong) - 1.0)
