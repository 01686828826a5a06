"""The structural observables of a shower: name, unit, and what each is.

Sums run over the hits of a shower, the voxels whose energy E is at the readout threshold or
above. A voxel's centre lies at eta = r cos(alpha), phi = r sin(alpha) [mm]; E_l is the energy
of layer l, c_l = (sum E eta, sum E phi) / E_l its centre. A ratio whose denominator is zero
reads 0, so that every shower, empty ones too, has every observable.

Core layers are those from 1/25 to 4/9 of the depth, numbers 2 to 19 of 45; outer rings are
those beyond the innermost third.
"""

import csv
from importlib.resources import files
from typing import NamedTuple

from calo4pqvae.units import MeV

__all__ = [
    "FAINT", "HARD", "LAGS_DEPTH", "MEMORY_LAGS", "NAMES", "OBSERVABLES", "SINGLE", "SOFT",
    "WORTH", "Observable",
]  # fmt: skip

FAINT, SOFT, HARD = 0.3 * MeV, 2 * MeV, 100 * MeV
"""Deposits below `FAINT` are grazing steps, below `SOFT` less than a quarter of what a particle
leaves that crosses both silicon layers of a cell of dataset 2 (7 MeV, most probably), above
`HARD` those of a dozen particles or more."""

SINGLE = (4 * MeV, 12 * MeV)
"""The peak of a single particle that crosses a cell of dataset 2."""

MEMORY_LAGS = (1, 2, 4, 8)
"""Distances of layers [layers] at which the memory of a shower's centre is taken."""

LAGS_DEPTH = 8
"""Pairs of hits in one cell are counted up to so many layers apart."""


class Observable(NamedTuple):
    """One number of each shower, a row of ``observables.csv``.

    Arguments:
        name: key in files.
        group: what kind of structure it sees.
        unit: unit of the number.
        label: the quantity in words.
        formula: how it is computed.
        worth: "x" where its Kolmogorov distance counts in the worth in Geant4 showers.
    """

    name: str
    group: str
    unit: str
    label: str
    formula: str
    worth: str


def _read() -> tuple[Observable, ...]:
    text = (files("calo4pqvae.evaluation.structure") / "observables.csv").read_text("utf-8")
    return tuple(Observable(**row) for row in csv.DictReader(text.splitlines()))


OBSERVABLES = _read()
"""All structural observables, in the order of the columns."""

NAMES = tuple(one.name for one in OBSERVABLES)
"""Names of the columns."""

WORTH = tuple(one.name for one in OBSERVABLES if one.worth)
"""The observables whose Kolmogorov distances make up the worth in Geant4 showers."""
