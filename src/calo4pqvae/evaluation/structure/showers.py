"""The structure of the showers of a file, measured in one pass of bounded memory."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int, Num

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import ShowerFileError
from calo4pqvae.evaluation.structure.columns import Measurement, measure
from calo4pqvae.evaluation.structure.names import NAMES
from calo4pqvae.geometry import CylindricalGeometry

__all__ = ["Structure"]

_VOXELS_AT_ONCE = 4_000_000


@dataclass(frozen=True, eq=False)
class Structure:
    """Structural observables, one row for each shower, after the readout threshold.

    Arguments:
        geometry: the calorimeter, a regular cylinder.
        e_inc: incident energies [MeV].
        values: one column for each of `names.NAMES`.
        centres: (eta, phi) of the energy in each layer [mm], 0 where it is empty.
        pairs_alpha: pairs of hits 1, 2, .. sectors apart.
        pairs_depth: pairs of hits in one cell 1, 2, .. layers apart.
        ring_hits: hits in each layer and ring.
    """

    geometry: CylindricalGeometry
    e_inc: Float[np.ndarray, " showers"]
    values: Float[np.ndarray, "showers columns"]
    centres: Float[np.ndarray, "showers layers 2"]
    pairs_alpha: Num[np.ndarray, "showers lags"]
    pairs_depth: Num[np.ndarray, "showers depths"]
    ring_hits: Num[np.ndarray, "showers layers rings"]

    @classmethod
    def from_file(
        cls, file: ShowerFile, rows: Int[np.ndarray, " rows"] | None = None
    ) -> "Structure":
        """Measure the showers of a file; 1.3 kB of each stay in memory for dataset 2.

        Arguments:
            file: an open shower file.
            rows: the rows to use; None takes all.

        Raises:
            GeometryError: the layers of the cylinder differ.
            ShowerFileError: no row is left.
        """
        size = max(1, _VOXELS_AT_ONCE // file.geometry.n_voxels)
        return cls._collect(file.chunks(size, rows), file.geometry, str(file.path))

    @classmethod
    def from_showers(
        cls,
        e_inc: Float[np.ndarray, "batch 1"],
        showers: Float[np.ndarray, "batch voxels"],
        geometry: CylindricalGeometry,
    ) -> "Structure":
        """Measure showers held in memory; energies in MeV.

        Raises:
            GeometryError: the layers of the cylinder differ.
            ShowerFileError: there is no shower.
        """
        size = max(1, _VOXELS_AT_ONCE // geometry.n_voxels)
        starts = range(0, len(showers), size)
        pieces = ((e_inc[i : i + size], showers[i : i + size]) for i in starts)
        return cls._collect(pieces, geometry, "showers in memory")

    @classmethod
    def _collect(
        cls,
        pieces: Iterable[tuple[np.ndarray, np.ndarray]],
        geometry: CylindricalGeometry,
        where: str,
    ) -> "Structure":
        energies: list[np.ndarray] = []
        parts: list[Measurement] = []
        for e_inc, showers in pieces:
            energies.append(e_inc[:, 0].astype(np.float64))
            parts.append(measure(energies[-1], showers, geometry))
        if not parts:
            raise ShowerFileError(f"{where}: holds no shower to evaluate; choose other rows")
        columns = (np.concatenate(column) for column in zip(*parts, strict=True))
        return cls(geometry, np.concatenate(energies), *columns)

    def __len__(self) -> int:
        return len(self.e_inc)

    def column(self, name: str) -> Float[np.ndarray, " showers"]:
        """Take one of `names.NAMES`."""
        return self.values[:, NAMES.index(name)]

    def take(self, rows: Int[np.ndarray, " rows"]) -> "Structure":
        """Keep some of the showers, in the order given."""
        return replace(self, e_inc=self.e_inc[rows], **{
            name: getattr(self, name)[rows] for name in Measurement._fields
        })  # fmt: skip

    def between(self, low: float, high: float) -> "Structure":
        """Keep the showers with low <= incident energy < high [MeV]."""
        return self.take(np.flatnonzero((self.e_inc >= low) & (self.e_inc < high)))
