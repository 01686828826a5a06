"""Open an HDF5 file and follow its links, or say in one sentence why not."""

import errno
import os
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import h5py

from calo4pqvae._core.intake.files import regular_file
from calo4pqvae._core.intake.parsing import one_line
from calo4pqvae.errors import ShowerFileError

__all__ = ["find_item", "folders_of", "inside", "open_file"]

NO_LOCKS = {
    errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.ESTALE, errno.EINVAL, 524
}  # fmt: skip
"""What `flock` answers on file systems without locks (NFS, Lustre; 524 is the kernel's own
ENOTSUPP)."""

MOST_LINKS = 16
"""Links in a chain; the system follows 40 for files."""


def open_file(path: Path) -> h5py.File:
    """Open an HDF5 file for reading, without its lock where the file system has none.

    Raises:
        ShowerFileError: naming what is wrong with it.
    """
    found = regular_file(path, "HDF5 file", ShowerFileError)
    name = one_line(path)
    if found.st_size == 0:
        raise ShowerFileError(f"{name}: has 0 bytes; download or write it again")
    try:
        try:
            return h5py.File(path, "r")
        except OSError as reason:
            if not ("lock" in str(reason) and reason.errno in NO_LOCKS):
                raise
            return h5py.File(path, "r", locking=False)
    except OSError as reason:
        raise ShowerFileError(f"{name}: {_reason(path, reason)}") from reason
    except Exception as reason:
        raise ShowerFileError(
            f"{name}: cannot be opened as HDF5 ({one_line(reason)}); copy or write it again"
        ) from reason


def folders_of(path: Path) -> tuple[Path, ...]:
    """The folders that a user names with a file: where it lies, and where its link points."""
    named = Path(os.path.abspath(path)).parent  # noqa: PTH100 - must not follow links
    return tuple(dict.fromkeys((named, Path(os.path.realpath(path)).parent)))


def inside(target: str, owner: Path, folders: tuple[Path, ...], role: str) -> Path:
    """Find another file that `owner` refers to, in the folders that the user named.

    Arguments:
        target: name of the other file, as it is written in `owner`.
        owner: the file that refers to it.
        folders: the folders that the user named.
        role: what it is for, for the message.

    Raises:
        ShowerFileError: it is not there or lies elsewhere.
    """
    name = one_line(target)
    for folder in folders:
        place = Path(os.path.realpath(folder / target))
        if any(place.is_relative_to(Path(os.path.realpath(home))) for home in folders):
            with suppress(ShowerFileError):
                regular_file(place, role, ShowerFileError)
                return place
    raise ShowerFileError(
        f"{one_line(owner)}: takes {role} from {name}, which is not in {folders[0]}; copy that "
        "file there, or write one file that holds everything (h5repack)"
    )


def find_item(
    file: h5py.File, name: str, folders: tuple[Path, ...], opened: ExitStack
) -> h5py.Dataset | h5py.Group | None:
    """Follow links step by step to an item, into other files of the named folders too.

    Arguments:
        file: where to begin.
        name: name of the item, its path with slashes.
        folders: the folders that the user named.
        opened: keeps files open that links lead into.

    Returns:
        The item; None where there is none of that name.

    Raises:
        ShowerFileError: a link leads to a file outside the folders, to one that is not there,
            or around in circles.
    """
    steps, links = _steps(name), 0
    place: Any = file["/"]
    while steps:
        step = steps.pop(0)
        link = place.get(step, getlink=True) if isinstance(place, h5py.Group) else None
        if link is None:
            return None
        if isinstance(link, h5py.HardLink):
            place = place[step]
            continue
        links += 1
        owner = Path(place.file.filename)
        if links > MOST_LINKS:
            raise ShowerFileError(
                f"{one_line(owner)}: {one_line(name)} is a link that leads through more than "
                f"{MOST_LINKS} others; write the file again"
            )
        if isinstance(link, h5py.ExternalLink):
            target = inside(link.filename, owner, folders, one_line(name))
            place = opened.enter_context(open_file(target))["/"]
        elif not isinstance(link, h5py.SoftLink):
            raise ShowerFileError(
                f"{one_line(owner)}: {one_line(name)} is a link of a kind that is not read; "
                "write the file again with the array in it"
            )
        elif link.path.startswith("/"):
            place = place.file["/"]
        steps = _steps(link.path) + steps
    return place


def _steps(path: str) -> list[str]:
    return [step for step in path.split("/") if step not in {"", "."}]


def _reason(path: Path, error: OSError) -> str:
    """Say why HDF5 did not open a file, and what helps."""
    text = str(error)
    locked = error.errno in {errno.EAGAIN, errno.EACCES} and "lock" in text
    marked = "already open for write" in text or "consistency flags" in text
    if marked and _is_free(path):
        return (
            "carries the mark of a writer that died, and nobody writes it now; take the mark "
            "away with 'h5clear -s FILE' (of the HDF5 tools) and look at the showers, or write "
            "it again"
        )
    known = {
        "is being written by another program; wait until it has finished": locked or marked,
        "may not be read by this user; mend its permissions": isinstance(
            error, PermissionError
        ),
        "is a truncated HDF5 file; copy, download or write it again": "truncated" in text,
        "is not an HDF5 file; convert it to the CaloChallenge layout": "signature" in text,
    }
    for sentence, holds in known.items():
        if holds:
            return sentence
    return f"cannot be opened as HDF5 ({one_line(text)}); copy or write it again"


def _is_free(path: Path) -> bool:
    """Whether no program holds the lock that writers of HDF5 files take."""
    import fcntl

    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
