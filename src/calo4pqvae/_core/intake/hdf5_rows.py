"""Rows of an array in HDF5, in pieces, of which none takes more memory than it declares.

HDF5 decompresses gzip into whatever the compressed bytes yield, a gigabyte from a megabyte. So
chunks compressed with gzip are decompressed here, up to their declared size and no further.
"""

import zlib
from collections.abc import Callable
from itertools import product
from math import ceil, prod
from pathlib import Path

import h5py
import numpy as np

from calo4pqvae._core.intake.parsing import one_line
from calo4pqvae.errors import ShowerFileError

__all__ = ["Rows"]

CACHE = 2**27
"""Bytes of decompressed chunks that are kept (128 MiB), so that reads of a few rows one after
another do not decompress the same chunks each time."""


class Rows:
    """Rows of a dataset, read by slices.

    Arguments:
        path: the file as the user named it, for messages.
        dataset: an array whose layout has been judged; it is closed and opened anew.
    """

    def __init__(self, path: Path, dataset: h5py.Dataset) -> None:
        self.path, self.name = path, one_line(dataset.name)
        self.shape: tuple[int, ...] = dataset.shape
        self.dtype: np.dtype = dataset.dtype
        self._dataset = _reopened(dataset)
        self._bands = _Bands(self._dataset) if _is_gzip(self._dataset) else None

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return prod(self.shape[1:]) * self.dtype.itemsize

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Read rows in the dataset's own type.

        Raises:
            ShowerFileError: the file is closed, or damaged here.
        """
        start, stop, _ = rows.indices(self.shape[0])
        if not self._dataset:
            raise ShowerFileError(f"{self.path}: is closed; open it again to read from it")
        try:
            if self._bands is not None:
                return self._bands.read(start, stop)
            return self._dataset[start:stop]
        except Exception as error:  # whatever damaged bytes make of the library
            raise ShowerFileError(
                f"{self.path}: {self.name} is damaged near row {start}; copy, download or "
                f"write the file again"
            ) from error


class _Bands:
    """Bands of rows that share chunks, decompressed here.

    Arguments:
        dataset: compressed with gzip, with or without shuffled bytes.
    """

    def __init__(self, dataset: h5py.Dataset) -> None:
        assert dataset.chunks is not None
        self._dataset, self._chunks, self._shape = dataset, dataset.chunks, dataset.shape
        self._steps = _steps_back(dataset)
        self._sides = list(zip(self._shape[1:], self._chunks[1:], strict=True))
        across = prod(ceil(n / m) * m for n, m in self._sides)
        self._fits = self._chunks[0] * across * dataset.dtype.itemsize <= CACHE
        self._kept: tuple[int, np.ndarray] | None = None

    def read(self, start: int, stop: int) -> np.ndarray:
        """Read rows from `start` to before `stop`."""
        height = self._chunks[0]
        result = np.empty((max(0, stop - start), *self._shape[1:]), self._dataset.dtype)
        for first in range(start // height * height, stop, height):
            low, high = max(start, first), min(stop, first + height)
            if low < high:
                result[low - start : high - start] = self._band(first, low, high)
        return result

    def _band(self, first: int, low: int, high: int) -> np.ndarray:
        """Rows of the chunks that begin at row `first`, from the last band where that is it."""
        if not self._fits:
            return self._assemble(first, low, high)
        if self._kept is None or self._kept[0] != first:
            end = min(first + self._chunks[0], self._shape[0])
            self._kept = None  # so that two bands are never in memory
            self._kept = (first, self._assemble(first, first, end))
        return self._kept[1][low - first : high - first]

    def _assemble(self, first: int, low: int, high: int) -> np.ndarray:
        """Decompress all chunks side by side and take some of their rows."""
        if all(n == m for n, m in self._sides):
            corner = (first, *(0 for _ in self._sides))
            return self._decompress(corner)[low - first : high - first]
        rows = np.empty((high - low, *self._shape[1:]), self._dataset.dtype)
        for corner in product(*(range(0, n, m) for n, m in self._sides)):
            chunk = self._decompress((first, *corner))[low - first : high - first]
            sides = zip(corner, self._chunks[1:], strict=True)
            place = tuple(slice(a, a + m) for a, m in sides)
            target = rows[:, *place]
            target[...] = chunk[tuple(slice(0, n) for n in target.shape)]
        return rows

    def _decompress(self, corner: tuple[int, ...]) -> np.ndarray:
        """Read one chunk."""
        skipped, content = self._dataset.id.read_direct_chunk(corner)
        for number, step in reversed(list(enumerate(self._steps))):
            if not skipped >> number & 1:
                content = step(content)
        return np.frombuffer(content, self._dataset.dtype).reshape(self._chunks)


def _is_gzip(dataset: h5py.Dataset) -> bool:
    """Whether nothing but shuffling and gzip stands between the numbers and the disk."""
    if dataset.chunks is None:
        return False
    plan = dataset.id.get_create_plist()
    codes = [plan.get_filter(number)[0] for number in range(plan.get_nfilters())]
    return h5py.h5z.FILTER_DEFLATE in codes and set(codes) <= {
        h5py.h5z.FILTER_DEFLATE,
        h5py.h5z.FILTER_SHUFFLE,
    }


def _steps_back(dataset: h5py.Dataset) -> list[Callable[[bytes], bytes]]:
    """What undoes each filter, in the order in which they were applied."""
    plan = dataset.id.get_create_plist()
    assert dataset.chunks is not None
    size, width = prod(dataset.chunks) * dataset.dtype.itemsize, dataset.dtype.itemsize

    def inflate(content: bytes) -> bytes:
        stream = zlib.decompressobj()
        found = stream.decompress(content, size + 1)
        if len(found) != size or not stream.eof:
            raise ValueError("a chunk has another size than is declared")
        return found

    def unshuffle(content: bytes) -> bytes:
        return np.frombuffer(content, np.uint8).reshape(width, -1).T.tobytes()

    undo = {h5py.h5z.FILTER_DEFLATE: inflate, h5py.h5z.FILTER_SHUFFLE: unshuffle}
    return [undo[plan.get_filter(number)[0]] for number in range(plan.get_nfilters())]


def _reopened(dataset: h5py.Dataset) -> h5py.Dataset:
    """Open a dataset so that all chunks which share a row stay decompressed in memory.

    HDF5's own cache of 1 MB is smaller than one chunk of showers, so that every small read
    would decompress the chunk again. Other files that it takes numbers from are looked for
    where its own lies, which HDF5 does not do by itself for raw files.
    """
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    if dataset.external:
        access.set_efile_prefix(b"${ORIGIN}")
    if dataset.chunks is not None:
        sizes = zip(dataset.shape[1:], dataset.chunks[1:], strict=True)
        n_bytes = prod(ceil(n / m) for n, m in sizes) * prod(dataset.chunks)
        n_bytes *= 2 * dataset.dtype.itemsize
        access.set_chunk_cache(10007, min(n_bytes, CACHE), 0.75)
    file, name = dataset.file, dataset.name
    dataset.id.close()  # while it is open, a second opening would share its settings
    return h5py.Dataset(h5py.h5d.open(file.id, str(name).encode(), access))
