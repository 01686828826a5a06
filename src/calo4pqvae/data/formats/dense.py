"""The challenge's own format: all voxels of a shower in a row."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from calo4pqvae.data.formats.hits import Hits, Source, hits_of
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.geometry import CylindricalGeometry

__all__ = ["open_dense", "write_dense"]

_AT_ONCE = 1024


@contextmanager
def open_dense(path: Path, geometry: CylindricalGeometry | None = None) -> Iterator[Source]:
    """Open a shower file as lists of hits.

    Raises:
        ShowerFileError: it is none, or damaged.
    """
    with ShowerFile(path, geometry) as file:
        names = tuple(file.columns())
        columns = {name: np.asarray(file.column(name), np.float32) for name in names}

        def chunks(size: int) -> Iterator[Hits]:
            for start in range(0, len(file), size):
                rows = slice(start, min(start + size, len(file)))
                mine = {name: values[rows] for name, values in columns.items()}
                yield hits_of(file.e_inc(rows), file.showers(rows), mine)

        yield Source(file.geometry, file.attrs, len(file), names, chunks)


def write_dense(source: Source, path: Path, compression: str) -> None:
    """Write showers, whole or not at all, replacing what was there."""
    geometry = source.geometry
    with ShowerWriter(path, geometry, source.attrs, True, compression) as writer:
        for hits in source.chunks(_AT_ONCE):
            voxels = hits.dense(geometry.n_voxels)
            writer.append(hits.e_inc, voxels, **hits.columns)
