r"""Flux biases that hold the conditioning partition, as in the paper.

A flux bias acts as a field of the other sign: positive flux pushes a spin up. D-Wave's own
functions convert between the two; their default constants belong to another generation of
chips, so that ours are always given.
"""

import math

import numpy as np
from jaxtyping import Float

from calo4pqvae._core.optional import require
from calo4pqvae.annealer.chip.constants import CHIPS, Chip

__all__ = ["USUAL_FLUX", "chip_constants", "flux_of_field", "holding_field"]

USUAL_FLUX = 0.01
"""Largest flux bias that is in use to hold qubits; no bound is published [Phi_0]."""

_FAILURES = 1e-5
"""Chance, in equilibrium, that a read moves any held qubit, which `holding_field` allows."""


_PEGASUS = (3.91, 1.647)
"""B [GHz] at freeze-out and M_AFM [pH] of Advantage_system4.1, for chips of that generation
(D-Wave's documentation): a field needs a quarter more flux there than on Advantage2."""


def chip_constants(chip: Chip | None, topology: str = "zephyr") -> tuple[float, float]:
    """Find B [GHz] at freeze-out and M_AFM [pH] of a chip.

    Where they are not published, those of the known chip of its generation on which a field
    needs most flux are taken: a qubit that is held too firmly is held.

    Arguments:
        chip: the chip, if it is known.
        topology: its lattice, if only that is known.
    """
    if chip is not None and chip.mutual_pH and chip.freeze_out_GHz:
        return chip.freeze_out_GHz, chip.mutual_pH
    if "pegasus" in {topology, chip and chip.topology}:
        return _PEGASUS
    same = [c for c in CHIPS.values() if c.topology == "zephyr"]
    known = [c for c in same if c.mutual_pH and c.freeze_out_GHz]
    worst = max(known, key=lambda c: (c.freeze_out_GHz or 0) * (c.mutual_pH or 0))
    return float(worst.freeze_out_GHz or 0), float(worst.mutual_pH or 0)


def flux_of_field(chip: Chip | None, topology: str = "zephyr") -> float:
    """Flux bias that acts like a field h = 1 on a chip; negative [Phi_0]."""
    b, mutual = chip_constants(chip, topology)
    convert = require("dwave.system.temperatures", "qpu").h_to_fluxbias
    return float(convert(1.0, B=b, MAFM=mutual))


def holding_field(
    incident: Float[np.ndarray, " clamped"], beta: float, failures: float = _FAILURES
) -> float:
    r"""Recommend the field that holds the clamped qubits.

    Against the largest sum of couplings S of a qubit, a field F leaves it wrong with
    probability at most $e^{-2 \beta (F - S)}$, so that
    $F = S + \ln(n / p) / 2\beta$ makes any of n qubits wrong in at most a fraction p of reads.

    Arguments:
        incident: sum of the sizes of the programmed couplings of each clamped qubit.
        beta: inverse temperature of the annealer.
        failures: p.
    """
    if not len(incident):
        return 0.0
    return float(incident.max()) + math.log(len(incident) / failures) / (2 * beta)
