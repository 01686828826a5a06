"""Write showers to HDF5 in the CaloChallenge layout: streaming, and whole or not at all."""

import errno
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float

from calo4pqvae._core.atomic import check_target
from calo4pqvae._core.optional import require
from calo4pqvae.data.checks import check_deposits, check_incident_energies
from calo4pqvae.data.gzip_chunks import write_gzip
from calo4pqvae.data.opening import INCIDENT_ENERGIES, SHOWERS
from calo4pqvae.data.part_file import PartFile
from calo4pqvae.errors import OutputError
from calo4pqvae.geometry import CylindricalGeometry

__all__ = ["COMPRESSIONS", "ShowerWriter", "filters_of"]

COMPRESSIONS = ("gzip", "zstd", "lzf")
"""Compressions by name: gzip is read everywhere; zstd (extra ``zstd``) packs better; lzf comes
with h5py, and packs worse."""

CHUNK = 256
NO_ATTRIBUTES: Mapping[str, str | int | float] = MappingProxyType({})
NO_SPACE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


class ShowerWriter:
    """Write showers one batch after another, in bounded memory.

    The data go to ``PATH.part``, which takes the place of ``PATH`` when the `with` block ends
    without an error and is removed otherwise.

    Arguments:
        path: the file to write.
        geometry: the cylinder of the showers; described in the file.
        attrs: provenance, stored as attributes of the file.
        overwrite: whether an existing file may be replaced.
        compression: a name in `COMPRESSIONS`, or the level of zlib, 0 to 9.

    Raises:
        OutputError: the file exists, its folder is missing, or it is being written already.
        MissingExtraError: the compression needs a library that is not installed.

    Example:
        >>> geometry = CylindricalGeometry.regular(2, 4, [0.0, 10.0, 20.0], threshold=0.1)
        >>> with ShowerWriter("mine.h5", geometry, {"generator": "by hand"}) as writer:
        ...     writer.append(np.full((5, 1), 1000.0), np.full((5, geometry.n_voxels), 50.0))
        >>> with ShowerFile("mine.h5") as file:
        ...     len(file), file.geometry == geometry, file.attrs["generator"]
        (5, True, 'by hand')
    """

    def __init__(
        self,
        path: str | Path,
        geometry: CylindricalGeometry,
        attrs: Mapping[str, str | int | float] = NO_ATTRIBUTES,
        overwrite: bool = False,
        compression: str | int = "gzip",
    ) -> None:
        self._options = filters_of(compression)
        self._packed_here = compression == "gzip"
        self.path = Path(path)
        self.geometry = geometry
        self.n_written = 0
        self._n_stored = 0
        self._arrays: dict[str, h5py.Dataset] = {}
        self._waiting: list[dict[str, np.ndarray]] = []
        check_target(self.path, overwrite)
        self._file: Any = None
        self._raw = PartFile(self.path)
        self._guarded(lambda: check_target(self.path, overwrite))  # it may just have come
        self._file = h5py.File(self._raw, "w")
        self._guarded(lambda: self._lay_out(attrs))

    def append(
        self,
        e_inc: Float[np.ndarray, "batch 1"],
        showers: Float[np.ndarray, "batch voxels"],
        **columns: Float[np.ndarray, " _batch"],
    ) -> None:
        """Add showers to the file, as float32.

        Arguments:
            e_inc: incident energies [MeV].
            showers: voxel energies [MeV], r fastest, then alpha, then layer.
            columns: one more number for each shower by name, such as ``prior_energy``, stored
                as a dataset of that name, which other programs ignore. The same names with
                every batch.

        Raises:
            ShowerFileError: an energy is NaN, infinite or negative, or an incident energy zero.
            OutputError: the shapes do not fit each other or the geometry, a batch brings other
                columns than the one before, the disk is full, or the writer is closed.
        """
        n_showers, n_voxels = len(showers), self.geometry.n_voxels
        if e_inc.shape != (n_showers, 1) or showers.shape != (n_showers, n_voxels):
            raise OutputError(
                f"{self.path}: incident energies of shape {e_inc.shape} and showers of shape "
                f"{showers.shape} cannot be written with a geometry of {n_voxels} voxels; they "
                f"must be (n, 1) and (n, {n_voxels})"
            )
        if not self._file:
            raise OutputError(f"{self.path}: is closed; append inside the with block")
        self._check_columns(columns, n_showers)
        where = f"{self.path} (batch after shower {self.n_written})"
        with np.errstate(over="ignore"):
            batch = {
                name: np.array(values, np.float32)
                for name, values in {
                    INCIDENT_ENERGIES: e_inc,
                    SHOWERS: showers,
                    **columns,
                }.items()
            }
        check_incident_energies(where, batch[INCIDENT_ENERGIES])
        check_deposits(where, batch[SHOWERS])
        self._waiting.append(batch)
        self.n_written += n_showers
        n_whole = (self.n_written - self._n_stored) // CHUNK * CHUNK
        if n_whole:
            self._guarded(lambda: self._store(n_whole))

    def note(self, **attrs: str | int | float) -> None:
        """Add attributes to the file."""
        self._file.attrs.update(attrs)

    def add_table(self, name: str, rows: np.ndarray) -> None:
        """Add a table that readers of showers ignore, such as where they come from."""
        self._guarded(lambda: self._file.create_dataset(name, data=rows))

    def __enter__(self) -> "ShowerWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._discard()
        elif self._file:
            self._guarded(self._finish)

    def _lay_out(self, attrs: Mapping[str, str | int | float]) -> None:
        """Create the empty arrays and the attributes."""
        for key, width in ((INCIDENT_ENERGIES, 1), (SHOWERS, self.geometry.n_voxels)):
            self._add_array(key, width)
        self._file.attrs.update(attrs)
        self._file.attrs["geometry"] = json.dumps(self.geometry.to_dict())

    def _add_array(self, name: str, *row: int) -> None:
        self._arrays[name] = self._file.create_dataset(
            name, (0, *row), maxshape=(None, *row), chunks=(CHUNK, *row), **self._options
        )

    def _check_columns(self, columns: Mapping[str, np.ndarray], n: int) -> None:
        """Refuse columns that leave showers without a number."""
        known = {INCIDENT_ENERGIES, SHOWERS}
        if self._waiting and set(columns) != set(self._waiting[-1]) - known:
            raise OutputError(
                f"{self.path}: a batch has the columns {sorted(columns)}, other than the "
                "batches before it; give every shower the same columns"
            )
        for name, values in columns.items():
            if values.shape != (n,):
                raise OutputError(
                    f"{self.path}: the column {name} has the shape {values.shape} for {n} "
                    f"showers; it must be ({n},)"
                )

    def _store(self, n: int) -> None:
        """Move the first `n` waiting showers into the file.

        Whole chunks only, until the end: a chunk that grows is compressed again each time.
        """
        waiting = {
            name: np.concatenate([batch[name] for batch in self._waiting])
            for name in self._waiting[0]
        }
        self._waiting = [{name: values[n:] for name, values in waiting.items()}]
        end = self._n_stored + n
        for name, values in waiting.items():
            if name not in self._arrays:
                self._add_array(name)
            self._arrays[name].resize(end, axis=0)
            if self._packed_here:
                write_gzip(self._arrays[name], self._n_stored, values[:n])
            else:
                self._arrays[name][self._n_stored : end] = values[:n]
        self._file.flush()
        if self._raw.error is None:
            self._n_stored = end

    def _finish(self) -> None:
        """Store the rest and put the file in its place."""
        if not self.n_written:
            raise OutputError(f"{self.path}: no shower was appended; nothing was written")
        self._store(self.n_written - self._n_stored)
        self._file.close()
        self._raw.commit()

    def _guarded(self, action: Callable[[], None]) -> None:
        """Run one step of writing; if it fails, remove the part and explain."""
        try:
            action()
        except BaseException:
            self._discard()
            raise
        if self._raw.error is not None:
            error = self._raw.error
            self._discard()
            raise OutputError(
                f"{self.path}: {_reason(error)} after {self._n_stored} of {self.n_written} "
                f"showers; the unfinished file was removed and nothing was replaced, "
                f"free some space or choose another folder and run again"
            ) from error

    def _discard(self) -> None:
        """Close and remove the unfinished file."""
        if self._raw.closed:
            return
        if self._file is not None:
            self._file.close()
        self._raw.discard()


def filters_of(compression: str | int) -> dict[str, Any]:
    """Options of `h5py.create_dataset` for a compression: float32, bytes shuffled, packed.

    Raises:
        MissingExtraError: it needs a library that is not installed.
    """
    options = {"dtype": "f4", "shuffle": True, "compression": compression}
    if compression == "gzip":
        return {**options, "compression_opts": 1}  # level 4 takes twice the time for 3 %
    if compression == "zstd":
        plugin = require("hdf5plugin", "zstd")
        return {"dtype": "f4", "shuffle": True, **plugin.Zstd(clevel=1)}
    return options


def _reason(error: OSError) -> str:
    """Say why writing failed."""
    if error.errno in NO_SPACE:
        return "the disk, the quota or the largest file size is full"
    return f"writing failed ({error.strerror})"
