"""HDF5 of hits: a third of the numbers of the dense file, in arrays that any program reads.

``incident_energies`` (N, 1) and ``hit_counts`` (N,) are of the showers, ``hit_voxel`` (M,)
and ``hit_energy`` (M,) of their hits, shower after shower; the attribute ``description`` says
units, order and geometry.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from calo4pqvae._core.atomic import replacing
from calo4pqvae._core.intake import parsing
from calo4pqvae._core.intake.hdf5 import Hdf5File
from calo4pqvae.data.formats.description import read_description, write_description
from calo4pqvae.data.formats.hits import Hits, Source
from calo4pqvae.data.opening import INCIDENT_ENERGIES
from calo4pqvae.data.shower_writer import filters_of
from calo4pqvae.errors import ShowerFileError

__all__ = ["KIND", "open_sparse", "write_sparse"]

KIND = "calo4pqvae hits 1"
COUNTS, VOXEL, HIT_ENERGY = "hit_counts", "hit_voxel", "hit_energy"
SHOWERS_OF_A_CHUNK, HITS_OF_A_CHUNK = 4096, 2**18
"""Rows of a chunk: half a megabyte of hits packs as well as more."""

_AT_ONCE = 1024


def write_sparse(source: Source, path: Path, compression: str) -> None:
    """Write showers, whole or not at all, replacing what was there."""
    packing = filters_of(compression)
    with replacing(path) as part, h5py.File(part, "w", locking=False) as file:
        file.attrs["description"] = write_description(KIND, source.geometry, source.attrs)
        file.attrs["columns"] = list(source.columns)
        for hits in source.chunks(_AT_ONCE):
            _append(file, INCIDENT_ENERGIES, hits.e_inc, packing, SHOWERS_OF_A_CHUNK)
            _append(file, COUNTS, hits.counts.astype("<u4"), packing, SHOWERS_OF_A_CHUNK)
            _append(file, VOXEL, hits.voxel, packing, HITS_OF_A_CHUNK)
            _append(file, HIT_ENERGY, hits.energy, packing, HITS_OF_A_CHUNK)
            for name in source.columns:
                _append(file, name, hits.columns[name], packing, SHOWERS_OF_A_CHUNK)


@contextmanager
def open_sparse(path: Path) -> Iterator[Source]:
    """Open such a file.

    Raises:
        ShowerFileError: it is none, or damaged.
    """
    names = (INCIDENT_ENERGIES, COUNTS, VOXEL, HIT_ENERGY)
    file = Hdf5File(path, names)
    try:
        with parsing(path, "file of hits", ShowerFileError):
            text = file.file.attrs.get("description")
            columns = tuple(str(name) for name in file.file.attrs.get("columns", ()))
        geometry, attrs = read_description(path, text, KIND)
        rows: dict[str, Any] = {name: file.dataset(name) for name in (*names, *columns)}
        missing = [name for name, found in rows.items() if found is None]
        if missing:
            raise ShowerFileError(f"{path}: has no dataset {' and no '.join(missing)}")
        n = rows[INCIDENT_ENERGIES].shape[0]
        if any(rows[name].shape[0] != n for name in (COUNTS, *columns)):
            raise ShowerFileError(f"{path}: its arrays have different numbers of showers")

        def chunks(size: int) -> Iterator[Hits]:
            begin = 0
            for start in range(0, n, size):
                stop = min(start + size, n)
                counts = rows[COUNTS][start:stop].astype(np.int64)
                end = begin + int(counts.sum())
                if end > min(rows[VOXEL].shape[0], rows[HIT_ENERGY].shape[0]):
                    raise ShowerFileError(f"{path}: has fewer hits than it counts")
                yield Hits(
                    rows[INCIDENT_ENERGIES][start:stop],
                    counts,
                    rows[VOXEL][begin:end],
                    rows[HIT_ENERGY][begin:end],
                    {name: rows[name][start:stop] for name in columns},
                )
                begin = end

        yield Source(geometry, attrs, n, columns, chunks)
    finally:
        file.close()


def _append(
    file: Any, name: str, values: np.ndarray, packing: dict[str, Any], rows: int
) -> None:
    """Add rows to an array, begun with the first of them."""
    if name not in file:
        row = values.shape[1:]
        file.create_dataset(
            name,
            (0, *row),
            maxshape=(None, *row),
            chunks=(rows, *row),
            **{**packing, "dtype": values.dtype},
        )
    array = file[name]
    before = array.shape[0]
    array.resize(before + len(values), axis=0)
    array[before:] = values
