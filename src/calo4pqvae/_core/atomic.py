"""Files that appear whole or not at all.

The bytes go to ``NAME.part``, which is put on the disk and then takes the place of ``NAME``.
What is left of a writer that died is replaced by the next one.
"""

import errno
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from calo4pqvae._core.lock import named_lock
from calo4pqvae._core.lock_file import UnsupportedError, same_file, try_flock
from calo4pqvae.errors import OutputError

__all__ = [
    "Part",
    "check_target",
    "part_path",
    "replacing",
    "why_not_written",
    "write_bytes",
    "write_json",
    "write_text",
]

_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_DISK = (*_FULL, errno.EIO, errno.EROFS, errno.ESTALE, errno.ENXIO)
"""Errors of a disk, not of a program or a name."""

_ATTEMPTS = 100
"""Times that a part may be put in its place by another writer while we wait for its lock."""

_NOT_FILES = {
    stat.S_IFDIR: "a folder; name a file in it",
    stat.S_IFIFO: "a named pipe; name a file that can be kept",
    stat.S_IFSOCK: "a socket; name a file that can be kept",
    stat.S_IFCHR: "a device; name a file that can be kept",
    stat.S_IFBLK: "a device; name a file that can be kept",
    stat.S_IFLNK: "a link; remove it or choose another name",
}


class Part:
    """The unfinished file of a target: empty, open, locked, and never reached through a link.

    Arguments:
        path: the file to write in the end; a link is followed and stays.
        keep: whether what is left of an earlier writer is kept, to go on with it.

    Attributes:
        target: the file to write, all links followed.
        path: its part.
        descriptor: the open part, for reading and writing.

    Raises:
        OutputError: the target is no file, the part cannot be created, or another program
            writes it.
    """

    def __init__(self, path: str | Path, *, keep: bool = False) -> None:
        self.target = _settled(Path(path))
        _look(Path(path), self.target)
        self.path = part_path(self.target)
        self._open = ExitStack()
        try:
            self.descriptor = self._take()
            if not keep:
                os.ftruncate(self.descriptor, 0)
        except BaseException as error:
            self._open.close()
            if isinstance(error, OSError):
                raise OutputError(f"{path}: {why_not_written(error)}") from error
            raise

    def commit(self) -> None:
        """Put the part on the disk and in the place of its target."""
        try:
            with suppress(FileNotFoundError):
                os.fchmod(self.descriptor, stat.S_IMODE(self.target.stat().st_mode))
            os.fsync(self.descriptor)
            self.path.replace(self.target)
        except BaseException:
            self.discard()
            raise
        _sync_folder(self.target.parent)
        self._open.close()

    def discard(self) -> None:
        """Remove the part."""
        with suppress(OSError):
            if same_file(self.descriptor, self.path):
                self.path.unlink()
        self._open.close()

    def release(self) -> None:
        """Let go of the part and leave it where it is."""
        self._open.close()

    def _take(self) -> int:
        """Open the part and lock it; wait for none."""
        for _ in range(_ATTEMPTS):
            descriptor = self._open_file()
            try:
                if not try_flock(descriptor):
                    raise OutputError(
                        f"{self.path}: is being written by another program; wait for it or "
                        "choose another name"
                    )
            except UnsupportedError:
                lock = self.path.with_name(f".{self.path.name}.lock")
                self._open.enter_context(named_lock(lock, self.path, "write"))
            if same_file(descriptor, self.path):
                return descriptor
            self._open.close()  # its writer has put it in its place between the two steps
        raise OutputError(f"{self.path}: is being written by other programs; wait for them")

    def _open_file(self) -> int:
        with suppress(FileNotFoundError):
            _check_kind(self.path, self.path.stat(follow_symlinks=False))
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        descriptor = os.open(self.path, flags, 0o666)
        self._open.callback(os.close, descriptor)
        _check_kind(self.path, os.fstat(descriptor))
        return descriptor


def part_path(path: Path) -> Path:
    """Name under which a file lies while it is being written."""
    return path.with_name(f"{path.name}.part")


def check_target(path: Path, overwrite: bool) -> None:
    """Refuse a target that cannot be written, before the work for it begins.

    Raises:
        OutputError: it exists, is no file, or has no folder; with what to do.
    """
    target = _settled(path)
    if _look(path, target) and not overwrite:
        raise OutputError(
            f"{path}: exists already; choose another name or allow overwriting",
            remedy="overwrite",
        )
    if not target.parent.is_dir():
        raise OutputError(f"{path}: its folder {path.parent} does not exist; make it first")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Write a file whole or not at all.

    Arguments:
        path: the file to write, replaced if it exists; a link is followed and stays.

    Yields:
        the empty file to write to, which takes the place of `path` if the block ends well.

    Raises:
        OutputError: it cannot be created, another program writes it, or the disk is full;
            what was there before is still there.
    """
    part = Part(path)
    try:
        yield part.path
        part.commit()
    except BaseException as error:
        part.discard()
        if isinstance(error, OSError) and error.errno in _DISK:
            raise OutputError(f"{path}: {why_not_written(error)}") from error
        raise


def write_bytes(path: str | Path, data: bytes) -> Path:
    """Write a file of bytes whole or not at all; returns its path.

    Raises:
        OutputError: it cannot be written.
    """
    with replacing(path) as part:
        part.write_bytes(data)
    return Path(path)


def write_text(path: str | Path, text: str) -> Path:
    """Write UTF-8 text with the line ends it has, whole or not at all; returns its path.

    What is no character, such as a byte of a file's name in no known encoding, is written as
    an escape.

    Raises:
        OutputError: it cannot be written.
    """
    return write_bytes(path, text.encode("utf-8", errors="backslashreplace"))


def write_json(path: str | Path, content: Mapping[str, Any]) -> Path:
    """Write JSON whole or not at all; returns its path.

    Raises:
        OutputError: it cannot be written.
        ValueError: a number is NaN or infinite, which JSON does not know.
    """
    return write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def why_not_written(error: OSError) -> str:
    """Say why writing failed and what to do, as the end of a sentence."""
    if error.errno in _FULL:
        return (
            "cannot be written, the disk, the quota or the largest file size is full; nothing "
            "was replaced, make room and run it again"
        )
    if error.errno == errno.ENOENT:
        return "cannot be written, its folder does not exist; make it first"
    if error.errno == errno.ELOOP:
        return "is a link to itself, or a link that is not followed here; choose another name"
    return f"cannot be written ({error.strerror}); choose another name or folder"


def _settled(path: Path) -> Path:
    """Follow all links of a path.

    Raises:
        OutputError: they lead in a circle.
    """
    try:
        return Path(os.path.realpath(path, strict=True))
    except FileNotFoundError:
        return Path(os.path.realpath(path))
    except OSError as error:
        raise OutputError(f"{path}: {why_not_written(error)}") from error


def _look(path: Path, target: Path) -> bool:
    """Whether a target exists; refuse one that is no file.

    Raises:
        OutputError: it is none, or cannot be looked at.
    """
    try:
        found = target.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise OutputError(f"{path}: {why_not_written(error)}") from error
    _check_kind(path, found, links=True)
    return True


def _check_kind(path: Path, found: os.stat_result, *, links: bool = False) -> None:
    """Refuse what is no file of its own.

    Arguments:
        path: its name, for the error.
        found: what the system says of it.
        links: whether other names of the same file are allowed.
    """
    kind = stat.S_IFMT(found.st_mode)
    if kind in _NOT_FILES:
        raise OutputError(f"{path}: is {_NOT_FILES[kind]}")
    if found.st_nlink > 1 and not links:
        raise OutputError(f"{path}: is {_NOT_FILES[stat.S_IFLNK]}")


def _sync_folder(folder: Path) -> None:
    """Put the names of a folder on the disk, where the system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
