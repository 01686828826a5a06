"""One lock for each output, which says who holds it and goes when its owner dies.

The lock of a file is ``.NAME.lock`` beside it, that of a folder ``.lock`` inside. It holds the
record of its owner. Where the file system has locks (`flock`), the kernel keeps others out
and lets go when the owner dies. Where it has none (some network file systems), the existence of
the file is the lock, and whoever finds one asks whether its owner lives.
"""

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from calo4pqvae._core.owner import BEAT, STALE_AFTER, Owner, this_process
from calo4pqvae.errors import OutputError

__all__ = ["UnsupportedError", "named_lock", "output_lock", "same_file", "try_flock"]

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_LONGEST_NAME = 180
"""Bytes of an output's name that stand in the name of its lock; the marks added by a take-over
must fit into the 255 that file systems allow."""

_LONGEST_RECORD = 8192

_PATIENCE = 5.0
"""Time to wait for another process that is just taking over from a dead owner [s]."""

_ours: dict[str, int] = {}
"""Locks of this process by their path, with the thread that holds each."""

_descriptors: set[int] = set()


class UnsupportedError(OSError):
    """The file system, or the operating system, has no locks."""


class _Held(Exception):  # noqa: N818 - no error yet
    """Somebody else holds the lock."""

    def __init__(self, owner: Owner | None, silence: float) -> None:
        self.owner, self.silence = owner, silence


@contextmanager
def output_lock(target: str | Path, purpose: str, *, folder: bool = False) -> Iterator[None]:
    """Keep all others from writing an output.

    A thread that holds the lock already may take it again.

    Arguments:
        target: the file or folder to write; a link is followed.
        purpose: what it is needed for, for the record of the owner.
        folder: whether the target is a folder; one that is missing is made, and removed at the
            end if nothing came into it.

    Raises:
        OutputError: another process or thread holds it, or it cannot be taken here.
    """
    target = Path(target)
    with ExitStack() as stack:
        try:
            path = _lock_file(target, folder, stack)
        except OSError as error:
            raise OutputError(f"{target}: cannot be written ({error.strerror})") from error
        if _ours.get(str(path)) == threading.get_ident():
            yield
            return
        stack.enter_context(named_lock(path, target, purpose))
        yield


@contextmanager
def named_lock(path: Path, target: Path, purpose: str) -> Iterator[None]:
    """Take the lock that lies at a path.

    Arguments:
        path: the file of the lock.
        target: what it protects; named in errors.
        purpose: what it is needed for.

    Raises:
        OutputError: somebody else holds it, or it cannot be taken here.
    """
    owner = this_process(purpose)
    try:
        try:
            descriptor = _take_flock(path, owner)
        except UnsupportedError:
            descriptor = _take_record(path, owner)
    except _Held as held:
        who = "another process" if held.owner is None else held.owner.describe(held.silence)
        raise OutputError(f"{target}: is in use by {who}") from None
    except OSError as error:
        raise OutputError(
            f"{target}: cannot be locked ({path.name}: {error.strerror}); make room, mend the "
            "permissions or choose another place"
        ) from error
    stop = threading.Event()
    try:
        _ours[str(path)] = threading.get_ident()
        _descriptors.add(descriptor)
        threading.Thread(target=_beat, args=(descriptor, stop), daemon=True).start()
        yield
    finally:
        stop.set()
        _ours.pop(str(path), None)
        _release(path, descriptor, owner)


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


def _lock_file(target: Path, folder: bool, stack: ExitStack) -> Path:
    """Find where the lock of an output lies; make the folder if it is one."""
    where = Path(os.path.realpath(target))
    if folder and not where.exists():
        where.mkdir(parents=True, exist_ok=True)
        stack.callback(_remove_if_empty, where)
    if where.is_dir():
        return where / ".lock"
    name = os.fsencode(where.name)
    if len(name) > _LONGEST_NAME:
        return where.with_name(f".{hashlib.sha256(name).hexdigest()[:32]}.lock")
    return where.with_name(f".{where.name}.lock")


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _take_flock(path: Path, owner: Owner) -> int:
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
    locked, earlier = try_flock(descriptor), _read(descriptor)
    if not locked:
        raise _Held(earlier, _silence(descriptor, path, earlier))
    if earlier is not None and (earlier.is_here() or not earlier.shares_kernel()):
        # It may hold the lock by its record alone: kernels' locks may not reach so far.
        silence = _silence(descriptor, path, earlier)
        if earlier.lives(silence):
            raise _Held(earlier, silence)


def _open(path: Path) -> tuple[int, bool]:
    """Open the file of a lock, made if it is missing; say whether it can be written."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | _NOFOLLOW, 0o666), True
    except PermissionError:
        return os.open(path, os.O_RDONLY | _NOFOLLOW), False


def _take_record(path: Path, owner: Owner) -> int:
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
            raise _Held(earlier, silence)
        guard = path.with_name(f"{path.name}.{mark}")
        try:
            held = _take_record(guard, owner)
        except _Held:
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
        status, owner = os.fstat(descriptor), _read(descriptor)
        silence = _silence(descriptor, path, owner)
    finally:
        os.close(descriptor)
    if owner is not None:
        return hashlib.sha256(owner.token.encode()).hexdigest()[:16], owner, silence
    return f"{status.st_ino:x}-{status.st_mtime_ns:x}", None, silence


def _read(descriptor: int) -> Owner | None:
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
    probe = folder / f".{os.getpid()}-{threading.get_ident()}.now"
    try:
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW, 0o600)
    except OSError:
        return time.time()
    try:
        os.write(descriptor, b"\n")
        return os.fstat(descriptor).st_mtime
    except OSError:
        return time.time()
    finally:
        os.close(descriptor)
        probe.unlink(missing_ok=True)


def _beat(descriptor: int, stop: threading.Event) -> None:
    """Touch the file of a lock until it is released."""
    while not stop.wait(BEAT):
        with suppress(OSError):
            os.utime(descriptor)


def _release(path: Path, descriptor: int, owner: Owner) -> None:
    """Remove the file of a lock if it is still ours, then let go."""
    if owner.pid != os.getpid():
        return  # a process that was forked inside the block
    with suppress(OSError):
        if same_file(descriptor, path) and _read(descriptor) == owner:
            path.unlink()
    _descriptors.discard(descriptor)
    with suppress(OSError):
        os.close(descriptor)


def _leave_to_parent() -> None:
    """Let go of locks in a process that was forked: they are its parent's."""
    for descriptor in _descriptors:
        with suppress(OSError):
            os.close(descriptor)
    _descriptors.clear()
    _ours.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
