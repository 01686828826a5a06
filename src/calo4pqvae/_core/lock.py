"""One lock for each output, which says who holds it and goes when its owner dies.

The lock of a file is ``.NAME.lock`` beside it, that of a folder ``.lock`` inside. It holds the
record of its owner. Where the file system has locks (`flock`), the kernel keeps others out
and lets go when the owner dies. Where it has none (some network file systems), the existence of
the file is the lock, and whoever finds one asks whether its owner lives.
"""

import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from calo4pqvae._core.lock_file import (
    HeldError,
    has_flock,
    read_owner,
    same_file,
    take_flock,
    take_record,
)
from calo4pqvae._core.owner import BEAT, Owner, this_process
from calo4pqvae.errors import OutputError

__all__ = ["named_lock", "output_lock"]

_LONGEST_NAME = 180
"""Bytes of an output's name that stand in the name of its lock; the marks added by a take-over
must fit into the 255 that file systems allow."""

_ours: dict[str, int] = {}
"""Locks of this process by their path, with the thread that holds each."""

_descriptors: set[int] = set()


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
        take = take_flock if has_flock(path.parent) else take_record
        descriptor = take(path, owner)
    except HeldError as held:
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


def _lock_file(target: Path, folder: bool, stack: ExitStack) -> Path:
    """Find where the lock of an output lies; make the folder if it is one."""
    where = Path(os.path.realpath(target))
    if folder and where.exists() and not where.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "it is a file, and a folder is needed here")
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
        if same_file(descriptor, path) and read_owner(descriptor) == owner:
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
