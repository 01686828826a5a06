"""Chunks of HDF5 packed here: as its own gzip filter packs them, in a sixth of the time.

HDF5 packs by zlib. ISA-L writes the same format, which every HDF5 library unpacks, several
times faster, and here smaller.
"""

import h5py
import numpy as np
from isal import isal_zlib

__all__ = ["write_gzip"]

LEVEL = 1
"""Of ISA-L's 0 to 3; its levels 2 and 3 pack showers no better."""

WINDOW = 9
"""Logarithm of the bytes in which repetitions are looked for. Showers repeat nothing but zeros:
what else is found is chance, and costs more than it saves, 4 % with the usual 15."""


def write_gzip(dataset: h5py.Dataset, start: int, values: np.ndarray) -> None:
    """Write rows that begin at the start of a chunk, in place of the dataset's own filters.

    Arguments:
        dataset: rows of 4-byte numbers, in chunks of whole rows, filtered by shuffle and gzip.
        start: first row, at the start of a chunk.
        values: rows of the dataset's type; the last chunk is filled up with zeros.
    """
    size, *others = dataset.chunks or values.shape
    for at in range(0, len(values), size):
        rows = values[at : at + size]
        if len(rows) < size:
            rows = np.concatenate([rows, np.zeros((size - len(rows), *rows.shape[1:]), "f4")])
        place = (start + at, *(0 for _ in others))
        dataset.id.write_direct_chunk(place, isal_zlib.compress(_shuffled(rows), LEVEL, WINDOW))


def _shuffled(values: np.ndarray) -> bytes:
    """First bytes of all numbers, then their second bytes, and so on."""
    return values.reshape(-1).view(np.uint8).reshape(-1, values.itemsize).T.tobytes()
