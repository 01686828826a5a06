"""Read showers from HDF5 in the CaloChallenge layout: validated, lazily, in pieces."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import Float

from calo4pqvae._core.intake import one_line, parsing
from calo4pqvae.data.checks import (
    check_axis_order,
    check_deposits,
    check_incident_energies,
    warn_of_scale,
)
from calo4pqvae.data.layout import check_shapes, described_geometry, find_geometry
from calo4pqvae.data.opening import (
    INCIDENT_ENERGIES,
    SHOWERS,
    find_arrays,
    open_hdf5,
    sha256_of,
)
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.errors import GeometryError, ShowerFileError
from calo4pqvae.geometry import CylindricalGeometry

__all__ = ["ShowerFile", "ShowerWriter"]

N_JUDGED = 200
BAND = 256
LARGEST_READ = 2**26
"""Bytes of one read (64 MiB), so that rows of many voxels are taken in smaller pieces."""


class ShowerFile:
    """Showers in an HDF5 file, read when asked for.

    The file holds `incident_energies` (N, 1) or (N,) and `showers` (N, voxels) or
    (N, layer, alpha, r) in MeV; other datasets are read by `column` alone. On opening, all
    incident energies and the first 200 showers are judged; the rest is validated whenever it
    is read.

    Arguments:
        path: the HDF5 file.
        geometry: the cylinder of the showers. By default the one described in the file's
            attribute `geometry`, else that of dataset 2 (6480 voxels) or 3 (40500 voxels).

    Raises:
        ShowerFileError: the file cannot be read or breaks a rule above.
        GeometryError: no geometry was given and none can be told from the file.

    Warns:
        PhysicsWarning: the scale looks like GeV in place of MeV.

    Example:
        >>> with ShowerFile(sample_path()) as file:
        ...     response = file.showers(slice(3)).sum(axis=1) / file.e_inc(slice(3))[:, 0]
        >>> response.round(2)
        array([0.92, 1.02, 0.95], dtype=float32)
    """

    def __init__(self, path: str | Path, geometry: CylindricalGeometry | None = None) -> None:
        self.path = Path(path)
        self._file = open_hdf5(self.path)
        try:
            self._e_inc, self._showers = find_arrays(self.path, self._file)
            shape = self._showers.shape
            described = _plain(self._attribute("geometry"))
            self.geometry = geometry or find_geometry(self.path, described, shape)
            check_shapes(self.path, self._e_inc.shape, shape, self.geometry)
            self._n_showers = shape[0]
            self._judge()
        except BaseException:
            self.close()
            raise

    @classmethod
    def for_energies(cls, path: str | Path) -> "ShowerFile":
        """Open a file for its incident energies alone, whatever cylinder its showers have.

        Where the file does not tell it, each shower counts as one ring of cells.

        Raises:
            ShowerFileError: the file cannot be read or breaks a rule of this class.
        """
        try:
            return cls(path)
        except GeometryError:
            file = open_hdf5(Path(path))
            try:
                shape = find_arrays(Path(path), file)[1].shape
            finally:
                file.close()
            if len(shape) not in (2, 4):
                raise
            layers, alpha, r = (1, shape[1], 1) if len(shape) == 2 else shape[1:]
            edges = [float(edge) for edge in range(r + 1)]
            return cls(path, CylindricalGeometry.regular(layers, alpha, edges))

    def __len__(self) -> int:
        """Number of showers."""
        return self._n_showers

    def __enter__(self) -> "ShowerFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def attrs(self) -> dict:
        """Provenance: the attributes of the file, without the geometry that it describes."""
        names = self._file.file.attrs
        attributes = {name: _plain(self._attribute(name)) for name in names}
        if described_geometry(attributes.get("geometry")) is not None:
            del attributes["geometry"]
        return attributes

    def e_inc(self, rows: slice | np.ndarray = slice(None)) -> Float[np.ndarray, "batch 1"]:
        """Read incident energies [MeV], float32, in the order of `rows`."""
        wanted = self._row_numbers(rows)
        return self._all_e_inc[wanted]

    def showers(self, rows: slice | np.ndarray) -> Float[np.ndarray, "batch voxels"]:
        """Read and validate showers [MeV], float32, in the order of `rows`.

        Arguments:
            rows: a slice or row numbers from 0, in any order, with repetitions if wanted.

        Raises:
            ShowerFileError: a row is outside the file, the file is damaged, or a voxel is
                NaN, infinite or negative.
        """
        wanted = self._row_numbers(rows)
        showers = np.empty((len(wanted), self.geometry.n_voxels), dtype=np.float32)
        in_order = np.argsort(wanted, kind="stable")
        bands = wanted[in_order] // max(1, min(BAND, LARGEST_READ // self._row_bytes))
        for places in np.split(in_order, np.flatnonzero(np.diff(bands)) + 1):
            if len(places):
                showers[places] = self._read_band(wanted[places])
        check_deposits(str(self.path), showers, wanted)
        return showers

    def column(self, name: str) -> Float[np.ndarray, " showers"] | None:
        """Read one more number of each shower, such as ``prior_energy``.

        Returns:
            The numbers, float64; None where the file has no such column.
        """
        found = self._file.dataset(name)
        if found is None or found.shape != (len(self),):
            return None
        return found[:].astype(np.float64)

    def columns(self) -> list[str]:
        """Names of the numbers that `column` gives, beside incident energies and showers."""
        known = {INCIDENT_ENERGIES, SHOWERS}
        with parsing(self.path, "HDF5 file", ShowerFileError):
            names = [str(name) for name in self._file.file if name not in known]
            found: dict[str, Any] = {name: self._file.file[name] for name in names}
        return [
            name
            for name, item in found.items()
            if getattr(item, "shape", None) == (len(self),) and item.dtype.kind in "fiu"
        ]

    def chunks(
        self, size: int = 512, rows: np.ndarray | None = None
    ) -> Iterator[tuple[Float[np.ndarray, "batch 1"], Float[np.ndarray, "batch voxels"]]]:
        """Stream (incident energies, showers) [MeV] in pieces of `size` showers.

        Memory holds one piece at a time. The last piece may be smaller.

        Arguments:
            size: showers in a piece.
            rows: row numbers, in the order wanted; all rows of the file by default.
        """
        wanted = np.arange(len(self)) if rows is None else rows
        for start in range(0, len(wanted), size):
            piece = wanted[start : start + size]
            yield self.e_inc(piece), self.showers(piece)

    def sha256(self) -> str:
        """SHA-256 of the bytes of the file, in hexadecimal."""
        return sha256_of(self.path)

    def close(self) -> None:
        """Close the file; nothing can be read afterwards."""
        self._file.close()

    def _judge(self) -> None:
        """Validate all incident energies and the first showers."""
        where = str(self.path)
        self._all_e_inc = _float32(self._e_inc[:]).reshape(-1, 1)
        check_incident_energies(where, self._all_e_inc)
        first = self.showers(slice(0, max(1, min(N_JUDGED, LARGEST_READ // self._row_bytes))))
        if len(self._showers.shape) == 2:
            check_axis_order(where, first, self.geometry)
        energies = self._all_e_inc[: len(first)]
        warn_of_scale(where, self._all_e_inc, energies, first, stacklevel=3)

    def _row_numbers(self, rows: slice | np.ndarray) -> np.ndarray:
        """Row numbers as int64, all inside the file."""
        if isinstance(rows, slice):
            return np.arange(*rows.indices(len(self)), dtype=np.int64)
        if rows.ndim != 1 or rows.dtype.kind not in "iu":
            raise ShowerFileError(
                f"{self.path}: rows must be a slice or whole row numbers, not an array of "
                f"{rows.dtype} with shape {rows.shape}"
            )
        wanted = rows.astype(np.int64)
        outside = (wanted < 0) | (wanted >= len(self))
        if outside.any():
            raise ShowerFileError(
                f"{self.path}: row {wanted[outside.argmax()]} was asked for, but the file has "
                f"the rows 0 to {len(self) - 1}; use the split that was made for this file"
            )
        return wanted

    def _read_band(self, rows: np.ndarray) -> Float[np.ndarray, "rows voxels"]:
        """Read rows that lie within one band of the file, with a single access."""
        low, high = int(rows.min()), int(rows.max())
        block = _float32(self._showers[low : high + 1])
        return block.reshape(len(block), -1)[rows - low]

    @property
    def _row_bytes(self) -> int:
        """Memory of one shower while it is read [bytes]."""
        return max(self._showers.row_bytes, 4 * self.geometry.n_voxels)

    def _attribute(self, name: str) -> object:
        """Value of an attribute of the file; None where there is none."""
        with parsing(self.path, "HDF5 file", ShowerFileError):
            return self._file.file.attrs.get(name)


def _float32(values: np.ndarray) -> np.ndarray:
    """Convert to float32; numbers too large for it become infinite and are refused later."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32, copy=False)


def _plain(value: object) -> object:
    """Turn an HDF5 attribute into a Python number, string or list."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, np.generic | np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | bool | int | float | None) else one_line(value)
