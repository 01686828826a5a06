"""Large arrays in temporary files, so that memory does not grow with the number of showers.

Of an array in a file the system keeps in memory what is in use; `release` gives that back. The
file has no name and goes with the array.
"""

import mmap
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
from jaxtyping import Int, Num

__all__ = ["MANY", "empty", "gathered", "release", "spread"]

LARGE = 2**25
"""Bytes from which on an array lies in a file (32 MiB)."""

MANY = 10_000
"""Showers from which on their numbers are kept in single precision; in smaller samples rounding
would show."""

_BLOCK = 8192


def empty(shape: tuple[int, ...], dtype: Any, *, on_disk: bool = False) -> np.ndarray:
    """Make an array whose content is not set, in a file if it is large."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size < LARGE and not (on_disk and size):
        return np.empty(shape, dtype)
    with NamedTemporaryFile() as store:
        return np.memmap(store.name, dtype, "w+", 0, shape)


def gathered(
    values: Num[np.ndarray, "showers *columns"], rows: Int[np.ndarray, " rows"]
) -> Num[np.ndarray, "rows *columns"]:
    """Copy some rows, in the order given."""
    made = empty((len(rows), *values.shape[1:]), values.dtype)
    for start in range(0, len(rows), _BLOCK):
        made[start : start + _BLOCK] = values[rows[start : start + _BLOCK]]
    release(values)
    return made


def release(*arrays: np.ndarray) -> None:
    """Give memory back that holds parts of files; the arrays stay as they are."""
    for array in arrays:
        held = getattr(array, "_mmap", None)
        if held is not None and hasattr(mmap, "MADV_DONTNEED"):
            held.madvise(mmap.MADV_DONTNEED)


def spread(values: Num[np.ndarray, "showers columns"]) -> tuple[np.ndarray, np.ndarray]:
    """Compute mean and standard deviation of each column in double precision, by blocks."""
    mean = values.mean(axis=0, dtype=np.float64)
    squares = np.zeros_like(mean)
    for start in range(0, len(values), _BLOCK):
        squares += ((values[start : start + _BLOCK] - mean) ** 2).sum(axis=0)
    return mean, np.sqrt(squares / len(values))
