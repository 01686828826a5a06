"""Open what a user named: an ordinary file of a bearable size, or one sentence."""

import os
import stat
from pathlib import Path

from calo4pqvae._core.intake.parsing import one_line
from calo4pqvae.errors import Calo4pQVAEError, ConfigError

__all__ = ["TEXT_LIMIT", "read_bytes", "read_part", "read_text", "regular_file"]

TEXT_LIMIT = 2**20
"""Bytes of a text that a person or a small program wrote; the largest known has 40 kB."""

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def regular_file(
    path: str | Path, what: str, error: type[Calo4pQVAEError] = ConfigError
) -> os.stat_result:
    """Look at a file before anything opens it: a pipe would block, a device never end.

    Arguments:
        path: the file.
        what: what it should hold, for the message.
        error: class to raise.

    Returns:
        What the system says of the file.

    Raises:
        Calo4pQVAEError: of class `error`; there is no such file, it is a folder, a pipe, a
            device or a socket, or its name is impossible.
    """
    name = one_line(path)
    try:
        found = os.stat(path)  # noqa: PTH116 - a path with a NUL byte is refused here as well
    except FileNotFoundError as reason:
        raise error(f"{name}: no such file; check the path") from reason
    except ValueError as reason:
        raise error(f"{name}: is no name of a file ({reason}); check the path") from reason
    except OSError as reason:
        raise error(_cannot_be_read(name, reason)) from reason
    _check_kind(name, found.st_mode, what, error)
    return found


def read_bytes(
    path: str | Path,
    what: str,
    limit: int = TEXT_LIMIT,
    *,
    error: type[Calo4pQVAEError] = ConfigError,
) -> bytes:
    """Read a whole file of at most `limit` bytes.

    Arguments:
        path: the file.
        what: what it should hold, for the message.
        limit: largest size [bytes].
        error: class to raise.

    Raises:
        Calo4pQVAEError: of class `error`; as for `regular_file`, or the file is too large or
            cannot be read.
    """
    size = regular_file(path, what, error).st_size
    content = b"" if size > limit else read_part(path, what, limit + 1, error=error)
    if max(size, len(content)) > limit:
        raise error(
            f"{one_line(path)}: has {max(size, len(content)):,} bytes, and a {what} has at "
            f"most {limit:,}; name another file"
        )
    return content


def read_part(
    path: str | Path,
    what: str,
    size: int,
    *,
    at_end: bool = False,
    error: type[Calo4pQVAEError] = ConfigError,
) -> bytes:
    """Read at most `size` bytes at the start of a file, or at its end.

    Raises:
        Calo4pQVAEError: of class `error`; as for `regular_file`, or it cannot be read.
    """
    regular_file(path, what, error)
    name = one_line(path)
    try:
        # A pipe that took the file's place in the meantime does not block an opening like this.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
            found = os.fstat(descriptor)
            _check_kind(name, found.st_mode, what, error)
            if at_end:
                file.seek(max(0, found.st_size - size))
            return file.read(size)
    except OSError as reason:
        raise error(_cannot_be_read(name, reason)) from reason


def read_text(
    path: str | Path,
    what: str,
    limit: int = TEXT_LIMIT,
    *,
    error: type[Calo4pQVAEError] = ConfigError,
) -> str:
    """Read a whole text in UTF-8; a mark of the byte order at its start is passed over.

    Raises:
        Calo4pQVAEError: of class `error`; as for `read_bytes`, or the text is in another code.
    """
    content = read_bytes(path, what, limit, error=error)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        raise error(
            f"{one_line(path)}: byte {reason.start} is no UTF-8; a {what} is a text in UTF-8, "
            "save it as that"
        ) from reason


def _check_kind(name: str, mode: int, what: str, error: type[Calo4pQVAEError]) -> None:
    if stat.S_ISDIR(mode):
        raise error(f"{name}: is a folder; name the {what} in it")
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "no ordinary file")
        raise error(f"{name}: is {kind}; store the {what} in a file and name that")


def _cannot_be_read(name: str, reason: OSError) -> str:
    if isinstance(reason, PermissionError):
        return f"{name}: may not be read by this user; mend its permissions"
    return f"{name}: cannot be read ({reason.strerror or one_line(reason)}); check the path"
