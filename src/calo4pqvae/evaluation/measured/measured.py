"""A file measured once for everything: features, observables, structure, perhaps voxels."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from calo4pqvae.data.shower_file import BAND, ShowerFile
from calo4pqvae.evaluation.measured.arrays import empty, release
from calo4pqvae.evaluation.measured.features import FeatureMeter, Features, column_names
from calo4pqvae.evaluation.measured.observables import (
    ObservableMeter,
    Observables,
    voxel_edges,
)
from calo4pqvae.evaluation.measured.rows import VOXELS_AT_ONCE, gather, in_pieces, kept_energy
from calo4pqvae.evaluation.plain_json import attribute
from calo4pqvae.evaluation.structure.columns import measure
from calo4pqvae.evaluation.structure.showers import Structure
from calo4pqvae.geometry import CylindricalGeometry

__all__ = ["Measured", "low_level"]

Rows = Int[np.ndarray, " rows"]
Edges = Float[np.ndarray, " edges"]

_SEED = 42


@dataclass(frozen=True, eq=False)
class Measured:
    """Showers of one file, measured in one pass of bounded memory.

    Some 5 kB of each shower of dataset 2 are kept, half as much of many; large arrays lie in
    temporary files.

    Arguments:
        features: the official high-level features.
        observables: energies of layers and rings, hits, voxel spectrum in the bins of the
            reference.
        structure: structure of single showers; None where layers differ.
        voxels: low-level inputs of a classifier, for some showers drawn at random, kept in a
            temporary file; None when nobody asked for them.
        source: where the showers come from (path, checksum, rows, attributes).
        file: the file, for those who need voxels again; None for showers in memory.
        rows: its rows; None for all.
    """

    features: Features
    observables: Observables
    structure: Structure | None
    voxels: Float[np.ndarray, "some columns"] | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    file: ShowerFile | None = None
    rows: Rows | None = None

    @classmethod
    def from_file(
        cls,
        file: ShowerFile,
        rows: Rows | None = None,
        like: "Measured | None" = None,
        voxels: int = 0,
    ) -> "Measured":
        """Measure the showers of a file.

        Arguments:
            file: an open shower file.
            rows: the rows to use, such as the test rows of a split; None takes all.
            like: the reference, whose bins are taken; without one a look at all showers makes
                the bins first.
            voxels: of how many showers to keep the voxels, at most.

        Raises:
            ShowerFileError: no row is left.
            ConfigError: the bins are to be made, and no shower holds any energy.
        """
        every = np.arange(len(file)) if rows is None else rows
        size = BAND * max(1, VOXELS_AT_ONCE // (BAND * file.geometry.n_voxels))
        edges = None if like is None else like.observables.edges
        if edges is None and len(every):
            looked = (showers for _, showers in file.chunks(size, rows))
            edges = voxel_edges(looked, file.geometry.threshold)
        kept = _VoxelStore(every, voxels, file.geometry)
        measured = cls._of(
            file.chunks(size, rows), len(every), file.geometry, edges, str(file.path), kept
        )
        source = {
            "path": str(file.path),
            "sha256": file.sha256(),
            "rows": "all" if rows is None else f"{len(rows)} chosen",
            "attributes": attribute({k: v for k, v in file.attrs.items() if k != "geometry"}),
        }
        return replace(measured, voxels=kept.table, source=source, file=file, rows=rows)

    @classmethod
    def from_showers(
        cls,
        e_inc: Float[np.ndarray, "batch 1"],
        showers: Float[np.ndarray, "batch voxels"],
        geometry: CylindricalGeometry,
        like: "Measured | None" = None,
    ) -> "Measured":
        """Measure showers held in memory; energies in MeV. See `from_file`.

        Showers without any energy, and without a reference, have a single bin of voxels.
        """
        edges = None if like is None else like.observables.edges
        if edges is None and 0 < showers.max(initial=0.0) >= geometry.threshold:
            edges = voxel_edges([showers], geometry.threshold)
        pieces = in_pieces(e_inc, showers)
        return cls._of(pieces, len(showers), geometry, edges, "showers in memory")

    @classmethod
    def _of(
        cls,
        pieces: Any,
        n: int,
        geometry: CylindricalGeometry,
        edges: Edges | None,
        where: str,
        kept: "_VoxelStore | None" = None,
    ) -> "Measured":
        edges = np.ones(2) if edges is None else edges
        features, observables = FeatureMeter(geometry), ObservableMeter(geometry, edges)

        def meter(e_inc: np.ndarray, showers: np.ndarray) -> dict[str, np.ndarray]:
            energy = kept_energy(showers, geometry)
            if kept is not None:
                kept.add(e_inc, energy)
            made = {"values": features(e_inc, energy), **observables(showers, energy)}
            if geometry.is_regular:
                parts = measure(e_inc, energy, geometry)._asdict()
                made |= {f"structure.{name}": part for name, part in parts.items()}
            return made

        made = gather(pieces, n, meter, where)
        e_inc, values = made.pop("e_inc"), made.pop("values")
        structure = {
            name.removeprefix("structure."): made.pop(name)
            for name in list(made)
            if name.startswith("structure.")
        }
        return cls(
            Features(e_inc, values, column_names(geometry), geometry),
            Observables(e_inc, **made, edges=edges, geometry=geometry),
            Structure(e_inc, **structure, geometry=geometry) if structure else None,
        )

    def take(self, rows: Rows) -> "Measured":
        """Keep some of the showers, without their voxels."""
        structure = None if self.structure is None else self.structure.take(rows)
        return Measured(self.features.take(rows), self.observables.take(rows), structure)

    def __len__(self) -> int:
        return len(self.features)

    def release(self) -> None:
        """Give memory back that is not needed for the moment."""
        for part in (self.features, self.observables, self.structure):
            if part is not None:
                part.release()
        if self.voxels is not None:
            release(self.voxels)

    @property
    def e_inc(self) -> Float[np.ndarray, " showers"]:
        """Incident energies [MeV]."""
        return self.features.e_inc

    @property
    def geometry(self) -> CylindricalGeometry:
        """The calorimeter."""
        return self.features.geometry


class _VoxelStore:
    """Low-level inputs of showers drawn at random, in a file that vanishes with the array."""

    def __init__(self, rows: Rows, at_most: int, geometry: CylindricalGeometry) -> None:
        n = min(at_most, len(rows))
        self.chosen = np.zeros(len(rows), bool)
        self.chosen[np.random.default_rng(_SEED).permutation(len(rows))[:n]] = True
        self.seen, self.done = 0, 0
        shape = n, 1 + geometry.n_voxels
        self.table = empty(shape, np.float32, on_disk=True) if n else None

    def add(self, e_inc: np.ndarray, energy: np.ndarray) -> None:
        """Keep those of the next showers that were drawn."""
        mine = self.chosen[self.seen : self.seen + len(energy)]
        self.seen += len(energy)
        if self.table is not None and mine.any():
            here = slice(self.done, self.done + int(mine.sum()))
            self.table[here] = low_level(e_inc[mine], energy[mine])
            self.done = here.stop


def low_level(
    e_inc: Float[np.ndarray, " showers"], energy: Float[np.ndarray, "showers voxels"]
) -> Float[np.ndarray, "showers columns"]:
    """Lay out the low-level inputs: log10(E_inc / MeV) and all voxels over E_inc, float32."""
    made = np.empty((len(energy), 1 + energy.shape[1]), np.float32)
    made[:, 0] = np.log10(e_inc.astype(np.float32))
    made[:, 1:] = energy / e_inc[:, None]
    return made
