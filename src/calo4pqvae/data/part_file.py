"""An unfinished file for HDF5 to write to, which survives a full disk."""

import io
from pathlib import Path
from typing import Any

from calo4pqvae._core.atomic import Part

__all__ = ["PartFile"]


class PartFile(io.FileIO):
    """An empty, locked file that swallows failures to write and remembers the first.

    When a write fails, HDF5 cannot close its file any more and may crash the process later.
    So HDF5 is told that all is well, and the writer looks at `error` after each step.

    Arguments:
        target: the file to write in the end; what is left of a writer that died is replaced.

    Raises:
        OutputError: another process writes the file, or it cannot be created.
    """

    error: OSError | None = None

    def __init__(self, target: Path) -> None:
        self.part = Part(target)
        super().__init__(self.part.descriptor, "rb+", closefd=False)

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

    def commit(self) -> None:
        """Put the file in its place, unless something failed before."""
        try:
            if self.error is None:
                self.close()
                self.part.commit()
        except OSError as error:
            self.error = error

    def discard(self) -> None:
        """Remove the file."""
        self.close()
        self.part.discard()
