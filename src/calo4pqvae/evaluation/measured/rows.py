"""Arrays with one row for each shower, filled piece by piece, and taken apart again."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float, Int

from calo4pqvae.data.checks import check_deposits, check_incident_energies
from calo4pqvae.errors import ShowerFileError
from calo4pqvae.evaluation.measured.arrays import MANY, empty, gathered, release
from calo4pqvae.geometry import CylindricalGeometry

__all__ = ["VOXELS_AT_ONCE", "PerShower", "gather", "in_pieces", "kept_energy"]

VOXELS_AT_ONCE = 2_000_000
"""Voxels of a piece: 16 MB in float64, and as much again for what is made of them."""

Pieces = Iterable[tuple[np.ndarray, np.ndarray]]
Some = TypeVar("Some", bound="PerShower")
Meter = Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]]


@dataclass(frozen=True, eq=False)
class PerShower:
    """Showers whose arrays all have one row each, among them their incident energy [MeV]."""

    e_inc: Float[np.ndarray, " showers"]

    def __len__(self) -> int:
        return len(self.e_inc)

    def take(self: Some, rows: Int[np.ndarray, " rows"]) -> Some:
        """Take some showers, in the order given; a row may come more than once."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "edges"}
        arrays = {k: gathered(v, rows) for k, v in values.items() if isinstance(v, np.ndarray)}
        return replace(self, **arrays)

    def release(self) -> None:
        """Give memory back that is not needed for the moment."""
        release(*(v for v in vars(self).values() if isinstance(v, np.ndarray)))

    def between(self: Some, low: float, high: float) -> Some:
        """Keep the showers with low <= incident energy < high [MeV]."""
        return self.take(np.flatnonzero((self.e_inc >= low) & (self.e_inc < high)))


def in_pieces(
    e_inc: Float[np.ndarray, "showers 1"], showers: Float[np.ndarray, "showers voxels"]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cut showers in memory [MeV] into pieces, as `ShowerFile.chunks` does with a file.

    Raises:
        ShowerFileError: an energy is NaN, infinite or negative, or `e_inc` is zero.
    """
    check_incident_energies("showers in memory", e_inc)
    check_deposits("showers in memory", showers)
    size = max(1, VOXELS_AT_ONCE // showers.shape[1])
    for start in range(0, len(showers), size):
        yield e_inc[start : start + size], showers[start : start + size]


def gather(pieces: Pieces, n: int, meter: Meter, where: str) -> dict[str, np.ndarray]:
    """Measure `n` showers that come in pieces; memory holds one piece and small results.

    Arguments:
        pieces: incident energies (batch, 1) and showers (batch, voxels) [MeV].
        n: showers in all pieces together.
        meter: makes columns by name of incident energies (batch,) and showers.
        where: name of the showers, for an error.

    Returns:
        The columns, and ``e_inc``, of all showers.

    Raises:
        ShowerFileError: there is no shower.
    """
    if n == 0:
        raise ShowerFileError(f"{where}: holds no shower to evaluate; choose other rows")
    made: dict[str, Any] = {}
    done = 0
    for e_inc, showers in pieces:
        energies = e_inc[:, 0].astype(np.float64)
        here = slice(done, done := done + len(showers))
        for name, part in ({"e_inc": energies} | meter(energies, showers)).items():
            if name not in made:
                single = n >= MANY and part.dtype == np.float64 and name != "e_inc"
                dtype = np.float32 if single else part.dtype
                made[name] = empty((n, *part.shape[1:]), dtype)
            made[name][here] = part
    return made


def kept_energy(
    showers: Float[np.ndarray, "batch voxels"], geometry: CylindricalGeometry
) -> Float[np.ndarray, "batch voxels"]:
    """Copy showers in float64, with voxels below the readout threshold set to zero."""
    energy = showers.astype(np.float64)
    energy[energy < geometry.threshold] = 0.0
    return energy
