"""Take the file of a lock: with the kernel's help, or by making it where there is none."""

import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from calo4pqvae._core.owner import STALE_AFTER, Owner

__all__ = [
    "HeldError",
    "UnsupportedError",
    "has_flock",
    "read_owner",
    "same_file",
    "take_flock",
    "take_record",
    "try_flock",
]

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_LONGEST_RECORD = 8192

_PATIENCE = 5.0
"""Time to wait for another process that is just taking over from a dead owner [s]."""


class UnsupportedError(OSError):
    """The file system, or the operating system, has no locks."""


class HeldError(Exception):
    """Somebody else holds the lock."""

    def __init__(self, owner: Owner | None, silence: float) -> None:
        self.owner, self.silence = owner, silence


def try_flock(descriptor: int, *, shared: bool = False) -> bool:
    """Take the system's lock of an open file, the one that HDF5 itself would take.

    Returns:
        Whether this program has it.

    Raises:
        UnsupportedError: the file system, or the system, has no locks.
    """
    try:
        import fcntl
    except ImportError as error:
        raise UnsupportedError(*error.args) from error
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise UnsupportedError(error.errno, error.strerror) from error
    return True


def same_file(descriptor: int, path: Path) -> bool:
    """Whether an open file still lies at a path."""
    try:
        here = path.stat(follow_symlinks=False)
    except OSError:
        return False
    return os.path.samestat(os.fstat(descriptor), here)


def has_flock(folder: Path) -> bool:
    """Whether the file system of a folder has locks.

    Raises:
        OSError: no file can be made in it.
    """
    try:
        with _probe(folder) as descriptor:
            return try_flock(descriptor)
    except UnsupportedError:
        return False


def take_flock(path: Path, owner: Owner) -> int:
    """Take the lock with the kernel's help; return the open file."""
    while True:
        descriptor, writable = _open(path)
        try:
            _take_or_tell(descriptor, path)
            if not same_file(descriptor, path):
                os.close(descriptor)  # its last owner removed it meanwhile
                continue
            if not writable:
                path.unlink()  # left by another user's process that died
                os.close(descriptor)
                continue
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, owner.to_bytes())
        except BaseException:
            with suppress(OSError):
                os.close(descriptor)
            raise
        return descriptor


def _take_or_tell(descriptor: int, path: Path) -> None:
    """Lock the open file of a lock; otherwise raise, with its owner."""
    locked, earlier = try_flock(descriptor), read_owner(descriptor)
    if not locked:
        raise HeldError(earlier, _silence(descriptor, path, earlier))
    if earlier is not None and (earlier.is_here() or not earlier.shares_kernel()):
        # It may hold the lock by its record alone: kernels' locks may not reach so far.
        silence = _silence(descriptor, path, earlier)
        if earlier.lives(silence):
            raise HeldError(earlier, silence)


def _open(path: Path) -> tuple[int, bool]:
    """Open the file of a lock, made if it is missing; say whether it can be written."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | _NOFOLLOW, 0o666), True
    except PermissionError:
        return os.open(path, os.O_RDONLY | _NOFOLLOW), False


def take_record(path: Path, owner: Owner) -> int:
    """Take the lock by making its file; return it, open.

    A record of a dead owner is removed under a lock of its own, named after that one record:
    whoever comes late to it finds another record in its place and leaves it alone.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        with suppress(FileExistsError):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NOFOLLOW, 0o666)
            try:
                os.write(descriptor, owner.to_bytes())
                os.fsync(descriptor)
            except BaseException:
                path.unlink(missing_ok=True)
                os.close(descriptor)
                raise
            return descriptor
        found = _identify(path)
        if found is None:
            continue
        mark, earlier, silence = found
        if silence < STALE_AFTER if earlier is None else earlier.lives(silence):
            raise HeldError(earlier, silence)
        guard = path.with_name(f"{path.name}.{mark}")
        try:
            held = take_record(guard, owner)
        except HeldError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
            continue
        try:
            again = _identify(path)
            if again is not None and again[0] == mark:
                path.unlink(missing_ok=True)
        finally:
            guard.unlink(missing_ok=True)
            os.close(held)


def _identify(path: Path) -> tuple[str, Owner | None, float] | None:
    """Read a record: a name for it that never returns, its owner, its silence [s]."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        status, owner = os.fstat(descriptor), read_owner(descriptor)
        silence = _silence(descriptor, path, owner)
    finally:
        os.close(descriptor)
    if owner is not None:
        return hashlib.sha256(owner.token.encode()).hexdigest()[:16], owner, silence
    return f"{status.st_ino:x}-{status.st_mtime_ns:x}", None, silence


def read_owner(descriptor: int) -> Owner | None:
    """Read the record of an open lock."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    return Owner.from_bytes(os.read(descriptor, _LONGEST_RECORD))


def _silence(descriptor: int, path: Path, owner: Owner | None) -> float:
    """Time since an open lock was last touched [s]."""
    here = owner is not None and owner.is_here()
    now = time.time() if here else _now(path.parent)
    return max(0.0, now - os.fstat(descriptor).st_mtime)


def _now(folder: Path) -> float:
    """Time by the clock of the file system, which may be another machine's [s]."""
    try:
        with _probe(folder) as descriptor:
            os.write(descriptor, b"\n")
            return os.fstat(descriptor).st_mtime
    except OSError:
        return time.time()


@contextmanager
def _probe(folder: Path) -> Iterator[int]:
    """Make a file for a moment."""
    path = folder / f".{uuid.uuid4().hex}.probe"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NOFOLLOW, 0o600)
    try:
        yield descriptor
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)
