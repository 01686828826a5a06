"""Point clouds in the format of ShowerData (HDF5; FLC-QU-hep, version 0.7).

A point is x [mm], y [mm], layer number, energy [MeV]; here each is the middle of a voxel: with
the geometry, which is an attribute, the voxels are found again without loss. The axis of the
cylinder is x = y = 0; azimuth counts from -pi.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float32

from calo4pqvae._core.atomic import replacing
from calo4pqvae._core.intake import parsing
from calo4pqvae._core.intake.child import in_child
from calo4pqvae._core.intake.hdf5 import Hdf5File
from calo4pqvae._core.intake.hdf5_layout import MOST_ROWS
from calo4pqvae.data.formats.description import read_description, write_description
from calo4pqvae.data.formats.hits import Hits, Source
from calo4pqvae.errors import ShowerFileError
from calo4pqvae.geometry import CylindricalGeometry

__all__ = ["KIND", "centres", "open_points", "write_points"]

KIND = "calo4pqvae voxels as points of ShowerData 1"

PDG = {"electron": 11, "positron": -11, "photon": 22}
UNKNOWN = 0
"""Number of a particle that the file does not name."""

_AT_ONCE = 1024
_LOOKED = 256
_NEAR = 1e-3
"""Distance from a voxel's middle that counts as rounding [mm]; float32 has 4e-6 at 50 mm."""


def centres(geometry: CylindricalGeometry) -> Float32[np.ndarray, "voxels 3"]:
    """Give x [mm], y [mm] and layer of the middle of every voxel."""
    points = []
    for number, layer in enumerate(geometry.layers):
        edges = np.asarray(layer.r_edges)
        r = (edges[1:] + edges[:-1]) / 2
        alpha = -math.pi + (np.arange(layer.n_alpha) + 0.5) * 2 * math.pi / layer.n_alpha
        x, y = np.outer(np.cos(alpha), r), np.outer(np.sin(alpha), r)
        points.append(np.stack([x, y, np.full_like(x, number)], axis=-1).reshape(-1, 3))
    return np.concatenate(points).astype(np.float32)


def write_points(source: Source, path: Path) -> None:
    """Write showers, whole or not at all, replacing what was there."""
    places, n = centres(source.geometry), source.n
    particle = PDG.get(str(source.attrs.get("particle")), UNKNOWN)
    with replacing(path) as part, h5py.File(part, "w", locking=False) as file:
        showers = file.create_dataset("showers", (n,), h5py.vlen_dtype(np.float32))
        counts = file.create_dataset("num_points", (n,), "i4")
        energies = file.create_dataset("energies", (n, 1), "f4")
        columns = {name: file.create_dataset(name, (n,), "f4") for name in source.columns}
        start = 0
        for hits in source.chunks(_AT_ONCE):
            rows = slice(start, start + len(hits.counts))
            cloud = np.column_stack([places[hits.voxel], hits.energy])
            ends = np.cumsum(hits.counts)[:-1]
            clouds = np.empty(len(hits.counts), dtype=object)
            clouds[:] = [piece.ravel() for piece in np.split(cloud, ends)]
            showers[rows], counts[rows] = clouds, hits.counts
            energies[rows] = hits.e_inc
            for name, values in hits.columns.items():
                columns[name][rows] = values
            start = rows.stop
        direction = np.tile(np.array([0, 0, 1], np.float32), (n, 1))
        file["directions"], file["pdg"] = direction, np.full(n, particle, np.int32)
        file["shower_ids"] = np.arange(n, dtype=np.int32)
        file["shape"] = np.array([n, max(counts[:], default=0), 4], dtype=np.int32)
        file.attrs["description"] = write_description(KIND, source.geometry, source.attrs)
        file.attrs["columns"] = list(source.columns)


@contextmanager
def open_points(path: Path) -> Iterator[Source]:
    """Open such a file.

    Raises:
        ShowerFileError: it is none, damaged, or has points that are no middles of voxels.
    """
    file = Hdf5File(path, ("energies", "num_points"))
    try:
        # What a damaged heap of clouds makes of the library happens to a child first.
        in_child(lambda: _look(file), str(path), ShowerFileError)
        with parsing(path, "file of points", ShowerFileError):
            text = file.file.attrs.get("description")
            columns = tuple(str(name) for name in file.file.attrs.get("columns", ()))
            showers: Any = file.file["showers"]
            kind = h5py.check_vlen_dtype(showers.dtype)
        geometry, attrs = read_description(path, text, KIND)
        energies, counts = file.dataset("energies"), file.dataset("num_points")
        more = {name: file.dataset(name) for name in columns}
        if energies is None or counts is None or None in more.values() or kind != np.float32:
            raise ShowerFileError(f"{path}: holds no point clouds of ShowerData")
        n = showers.shape[0]
        rows = [energies, counts, *more.values()]
        if n > MOST_ROWS or any(found is None or found.shape[0] != n for found in rows):
            raise ShowerFileError(f"{path}: its arrays have different numbers of showers")
        finder = _Finder(path, geometry)

        def chunks(size: int) -> Iterator[Hits]:
            for start in range(0, n, size):
                stop = min(start + size, n)
                with parsing(path, "file of points", ShowerFileError):
                    cloud = np.concatenate([np.empty(0, np.float32), *showers[start:stop]])
                    cloud = cloud.reshape(-1, 4)
                yield Hits(
                    energies[start:stop],
                    counts[start:stop].astype(np.int64),
                    finder.find(cloud[:, :3]),
                    np.ascontiguousarray(cloud[:, 3]),
                    {name: found[start:stop] for name, found in more.items() if found},
                )

        yield Source(geometry, attrs, n, columns, chunks)
    finally:
        file.close()


def _look(file: Hdf5File) -> int:
    """Read the first clouds and the last."""
    showers: Any = file.file["showers"]
    return sum(len(cloud) for cloud in [*showers[:_LOOKED], *showers[-1:]])


class _Finder:
    """Finds the voxels of points."""

    def __init__(self, path: Path, geometry: CylindricalGeometry) -> None:
        self._path, self._geometry = path, geometry
        self._places = centres(geometry)
        sizes = [layer.n_voxels for layer in geometry.layers]
        self._begins = np.concatenate([[0], np.cumsum(sizes)])
        self._bins = geometry.layers[0]
        self._alike = all(layer == self._bins for layer in geometry.layers)

    def find(self, points: Float32[np.ndarray, "points 3"]) -> np.ndarray:
        """Number of the voxel of each point.

        Raises:
            ShowerFileError: a point is not the middle of a voxel.
        """
        x, y, z = points.astype(np.float64).T
        inside = (z >= 0) & (z < len(self._geometry.layers)) & (z == np.floor(z))
        voxel = np.zeros(len(points), dtype=np.int64)
        for number in np.unique(z[inside]).astype(int) if not self._alike else (None,):
            mine = inside if number is None else inside & (z == number)
            bins = self._bins if number is None else self._geometry.layers[number]
            ring = np.searchsorted(bins.r_edges, np.hypot(x[mine], y[mine])) - 1
            turn = (np.arctan2(y[mine], x[mine]) + math.pi) / (2 * math.pi) * bins.n_alpha
            sector = np.floor(turn).astype(np.int64) % bins.n_alpha
            begin = self._begins[z[mine].astype(np.int64)]
            voxel[mine] = begin + sector * bins.n_r + ring.clip(0, bins.n_r - 1)
        if not inside.all() or (np.abs(self._places[voxel] - points) > _NEAR).any():
            raise ShowerFileError(
                f"{self._path}: has points that are no middles of voxels of its geometry, "
                "which no voxels hold without loss; make voxels of them first"
            )
        return voxel.astype(np.uint16 if len(self._places) <= 2**16 else np.uint32)
