"""Where compiled code is kept, and which of it may run."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["cache_folders", "read_trusted"]

_USERS = hasattr(os, "geteuid")


def cache_folders(package: Path, chosen: str = "") -> Iterator[Path]:
    """Name folders for the compiled code of a package, the first choice first.

    Arguments:
        package: folder of the sources.
        chosen: folder that the user named, which is then the only one.
    """
    place = f"{package.name}-{hashlib.sha256(os.fsencode(package)).hexdigest()[:12]}"
    if chosen:
        yield Path(chosen) / place
        return
    yield package / "__pycache__"
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - "~" stays where there is no home
    if Path(home).is_absolute():
        yield Path(home) / "calo4pqvae" / place


def read_trusted(path: Path) -> bytes:
    """Read a file of code; refuse one that others could have put there.

    Raises:
        OSError: it is missing, or belongs to somebody who may not change this program.
    """
    with path.open("rb") as file:
        trusted = {0, Path(__file__).stat().st_uid, os.geteuid() if _USERS else 0}
        if os.fstat(file.fileno()).st_uid not in trusted:
            raise PermissionError(f"{path} belongs to another user")
        return file.read()
