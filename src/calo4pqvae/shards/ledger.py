"""The manifest of a folder of shards: a line for each shard that was finished.

Lines are only ever appended, by whoever made the shard, under a lock of the manifest, and each
is on the disk before anybody is told. A line that was cut off by a death or a full disk, or
damaged later, fails its own check and is passed over: its shard then counts as not made. The
last line of a shard counts. No time is ever compared with another.
"""

import hashlib
import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from calo4pqvae._core.atomic import why_not_written
from calo4pqvae._core.intake import read_json_lines
from calo4pqvae._core.lock import output_lock
from calo4pqvae.errors import OutputError
from calo4pqvae.shards.plan import Shard

__all__ = ["Entry", "Ledger", "waiting_for"]

PATIENCE = 600.0
"""Time to wait for others who write the manifest [s]; a line takes some milliseconds."""


@dataclass(frozen=True)
class Entry:
    """A shard that was finished.

    Attributes:
        number, first, n: which showers it holds.
        sequence: digest of what its showers depend on.
        sha256: digest of its file.
        size: bytes of its file.
        host: machine that made it.
        seconds: time that it took there [s].
        cpu: computing time of the process that made it, all of its threads [s].
        finished: when, by the clock of that machine; for people only.
    """

    number: int
    first: int
    n: int
    sequence: str
    sha256: str
    size: int
    host: str
    seconds: float
    cpu: float
    finished: str

    @property
    def shard(self) -> Shard:
        """The shard."""
        return Shard(self.number, self.first, self.n)

    def to_line(self) -> bytes:
        """Write the entry as a line with its check."""
        told = json.dumps(asdict(self))
        return f'{told[:-1]}, "check": "{_check(told)}"}}\n'.encode()

    @classmethod
    def from_record(cls, record: Any) -> "Entry | None":
        """Take the record of a line; None if it fails its check."""
        try:
            told = {name: value for name, value in record.items() if name != "check"}
            whole = record["check"] == _check(json.dumps(told))
            return cls(**told) if whole and isinstance(told["number"], int) else None
        except (TypeError, AttributeError, KeyError):
            return None


class Ledger:
    """Entries of the shards of a folder.

    Arguments:
        path: the file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[dict[int, Entry], int]:
        """Read all lines: the last entry of each shard, and how many lines are damaged.

        Raises:
            OutputError: the file cannot be read.
        """
        if not self.path.exists():
            return {}, 0
        entries, damaged = {}, 0
        for _, record in read_json_lines(self.path, "manifest", error=OutputError):
            entry = Entry.from_record(record)
            if entry is None:
                damaged += 1
            else:
                entries[entry.number] = entry
        return entries, damaged

    def append(self, entry: Entry) -> None:
        """Add a line; when this returns, it is on the disk.

        Raises:
            OutputError: the disk is full, or somebody else keeps the manifest for too long.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        try:
            descriptor = os.open(self.path, flags, 0o666)
            try:
                with _alone(descriptor, self.path):
                    _add(descriptor, entry.to_line())
            finally:
                os.close(descriptor)
        except OSError as error:
            raise OutputError(f"{self.path}: {why_not_written(error)}") from error


@contextmanager
def waiting_for(target: Path, purpose: str, patience: float) -> Iterator[None]:
    """Take the lock of an output, waiting for whoever has it.

    Arguments:
        target: the output.
        purpose: what it is needed for.
        patience: time after which to give up [s].

    Raises:
        OutputError: somebody else still has it.
    """
    until, pause = time.monotonic() + patience, 0.01
    while True:
        lock = output_lock(target, purpose)
        try:
            lock.__enter__()
        except OutputError:
            if time.monotonic() > until or not target.parent.is_dir():
                raise
            time.sleep(random.uniform(0.5, 1.5) * pause)  # many who wait do not ask in step
            pause = min(1.0, 1.2 * pause)
            continue
        break
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


@contextmanager
def _alone(descriptor: int, path: Path) -> Iterator[None]:
    """Keep others from appending: in the kernel's queue, or where there is none by a lock.

    A thousand who ask again and again for a lock keep each other waiting; a queue does not, and
    forgets whoever dies.
    """
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except (ImportError, OSError):
        with waiting_for(path, "add a shard", PATIENCE):
            yield
        return
    yield  # closing the file ends it


def _add(descriptor: int, line: bytes) -> None:
    """Write a line at the end of a file, on a line of its own."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        line = b"\n" + line  # what was cut off there stays a line that nobody believes
    written = os.write(descriptor, line)
    if written < len(line):
        os.write(descriptor, line[written:])  # raises the reason
    os.fsync(descriptor)


def _check(told: str) -> str:
    return hashlib.sha256(told.encode()).hexdigest()[:16]
