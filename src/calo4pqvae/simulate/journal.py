"""Finished showers on disk, one record after another, safe against a death in the middle."""

import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

__all__ = ["JournalWriter", "Record", "read_record", "scan"]

HEAD = struct.Struct("<qdII")
"""Number of the shower, CPU seconds, bytes that follow, and their CRC-32."""


class Record(NamedTuple):
    """Where a finished shower lies."""

    path: Path
    offset: int
    n_bytes: int
    cpu_seconds: float


class JournalWriter:
    """Append finished showers to a new file.

    A record is handed to the system whole before `append` returns, so that it survives the
    death of the process.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")

    def __enter__(self) -> "JournalWriter":
        return self

    def __exit__(self, *reason: object) -> None:
        self._file.close()

    def append(
        self, number: int, showers: Float[np.ndarray, " voxels"], cpu_seconds: float
    ) -> None:
        """Write one shower [MeV] with its number."""
        body = zlib.compress(showers.astype("<f4").tobytes(), 1)
        self._file.write(HEAD.pack(number, cpu_seconds, len(body), zlib.crc32(body)) + body)
        self._file.flush()


def scan(folder: Path) -> dict[int, Record]:
    """Find all whole records in the journals of a folder, by the number of the shower.

    The end of a journal may be torn; what is whole before it counts.
    """
    found = {}
    for path in sorted(folder.glob("*.journal")):
        with path.open("rb") as file:
            while len(head := file.read(HEAD.size)) == HEAD.size:
                number, seconds, n_bytes, checksum = HEAD.unpack(head)
                offset, body = file.tell(), file.read(n_bytes)
                if len(body) < n_bytes or zlib.crc32(body) != checksum:
                    break
                found[number] = Record(path, offset, n_bytes, seconds)
    return found


def read_record(record: Record) -> Float[np.ndarray, " voxels"]:
    """Read the voxels of a finished shower [MeV]."""
    with record.path.open("rb") as file:
        file.seek(record.offset)
        return np.frombuffer(zlib.decompress(file.read(record.n_bytes)), "<f4")
