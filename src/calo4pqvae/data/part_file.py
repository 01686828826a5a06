"""An unfinished file for HDF5 to write to, which survives a full disk."""

import io
import os
from pathlib import Path
from typing import Any

from calo4pqvae.errors import OutputError

__all__ = ["PartFile", "take_lock"]


class PartFile(io.FileIO):
    """An empty, locked file that swallows failures to write and remembers the first.

    When a write fails, HDF5 cannot close its file any more and may crash the process later.
    So HDF5 is told that all is well, and the writer looks at `error` after each step.

    Arguments:
        path: the file; what is left of a writer that died is replaced.

    Raises:
        OutputError: another process writes the file, or it cannot be created.
    """

    error: OSError | None = None

    def __init__(self, path: Path) -> None:
        try:
            descriptor = os.open(
                path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666
            )
            super().__init__(descriptor, "rb+")
        except OSError as error:
            raise OutputError(
                f"{path}: cannot be created ({error.strerror}); choose another folder"
            ) from error
        if not take_lock(descriptor):
            self.close()
            raise OutputError(
                f"{path}: is being written by another program; wait for it or choose another "
                f"name"
            )
        self.truncate(0)

    def write(self, data: Any) -> int:
        """Write all of `data` at the current position, unless something failed before."""
        rest = memoryview(data).cast("B")
        n_bytes = len(rest)
        try:
            while self.error is None and len(rest):
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.error = error
        return n_bytes

    def truncate(self, size: int | None = None) -> int:
        """Set the size of the file, unless something failed before."""
        try:
            if self.error is None:
                return super().truncate(size)
        except OSError as error:
            self.error = error
        return self.tell() if size is None else size

    def sync(self) -> None:
        """Make the system put everything on the disk."""
        try:
            os.fsync(self.fileno())
        except OSError as error:
            self.error = self.error or error


def take_lock(descriptor: int) -> bool:
    """Take the lock of an open file, the one that HDF5 itself would take.

    Returns:
        Whether this program has it; True as well where the system has no such locks.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # some network file systems have no locks
    return True
