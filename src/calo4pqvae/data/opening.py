"""Open a shower file and find its two arrays, or say in one sentence why that fails."""

import errno
from math import prod
from pathlib import Path

import h5py

from calo4pqvae.errors import ShowerFileError

__all__ = [
    "INCIDENT_ENERGIES",
    "PRIOR_ENERGY",
    "SHOWERS",
    "find_arrays",
    "open_hdf5",
    "part_path",
]

INCIDENT_ENERGIES = "incident_energies"
SHOWERS = "showers"
PRIOR_ENERGY = "prior_energy"
"""Column of a shower file: energy of the state behind each shower, eq. (2), no unit."""
MAX_CHUNK_CACHE = 512 * 2**20


def part_path(path: Path) -> Path:
    """Name under which a file lies while it is being written."""
    return path.with_name(path.name + ".part")


def open_hdf5(path: Path) -> h5py.File:
    """Open an HDF5 file for reading.

    Raises:
        ShowerFileError: the file is missing, a folder, empty, truncated, of another format,
            not readable by this user, or being written.
    """
    if path.is_dir():
        raise ShowerFileError(f"{path}: is a folder; name the HDF5 file in it")
    if not path.exists():
        if part_path(path).exists():
            raise ShowerFileError(
                f"{path}: is still being written or was left incomplete "
                f"({part_path(path).name} exists); wait for its writer, or write it again"
            )
        raise ShowerFileError(f"{path}: no such file; check the path")
    if path.stat().st_size == 0:
        raise ShowerFileError(f"{path}: has 0 bytes; download or write it again")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ShowerFileError(f"{path}: {_reason(error)}") from error


def find_arrays(path: Path, file: h5py.File) -> tuple[h5py.Dataset, h5py.Dataset]:
    """Return the datasets of incident energies and showers, with a fitting chunk cache.

    Raises:
        ShowerFileError: one is missing, holds no numbers, or they differ in length.
    """
    e_inc, showers = file.get(INCIDENT_ENERGIES), file.get(SHOWERS)
    if not isinstance(e_inc, h5py.Dataset) or not isinstance(showers, h5py.Dataset):
        wanted = {INCIDENT_ENERGIES: e_inc, SHOWERS: showers}
        missing = [key for key, found in wanted.items() if not isinstance(found, h5py.Dataset)]
        raise ShowerFileError(
            f"{path}: has no dataset {' and no dataset '.join(map(repr, missing))}, only the "
            f"keys {sorted(file)}; rename or add what is missing (CaloChallenge layout)"
        )
    for dataset in (e_inc, showers):
        if dataset.dtype.kind not in "fiu" or dataset.ndim == 0:
            raise ShowerFileError(
                f"{path}: {dataset.name} holds {dataset.dtype} of shape {dataset.shape}; store "
                f"an array of numbers, float32 for choice"
            )
    return e_inc, _with_row_cache(showers)


def _with_row_cache(dataset: h5py.Dataset) -> h5py.Dataset:
    """Open a dataset so that all chunks which share a row stay decompressed in memory.

    HDF5's own cache of 1 MB is smaller than one chunk of showers, so that every small read
    would decompress the chunk again.
    """
    chunks = dataset.chunks
    if chunks is None:
        return dataset
    n_across = prod(-(-n // m) for n, m in zip(dataset.shape[1:], chunks[1:], strict=True))
    n_bytes = 2 * n_across * prod(chunks) * dataset.dtype.itemsize
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_chunk_cache(10007, min(n_bytes, MAX_CHUNK_CACHE), 0.75)
    file = dataset.file
    dataset.id.close()  # while it is open, a second opening would share its cache
    return h5py.Dataset(h5py.h5d.open(file.id, SHOWERS.encode(), access))


def _reason(error: OSError) -> str:
    """Say why HDF5 did not open a file, and what helps."""
    text = str(error)
    locked = error.errno in (errno.EAGAIN, errno.EACCES) and "lock" in text
    if locked or "already open for write" in text:
        return "is being written by another program; wait until it has finished"
    if isinstance(error, PermissionError):
        return "may not be read by this user; mend its permissions"
    if "truncated" in text:
        return "is a truncated HDF5 file; copy, download or write it again"
    if "signature" in text:
        return "is not an HDF5 file; convert it to the CaloChallenge layout"
    return f"cannot be opened as HDF5 ({' '.join(text.split())}); copy or write it again"
