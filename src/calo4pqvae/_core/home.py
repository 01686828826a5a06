"""The home folder, which not every user has (containers, services)."""

import os
from pathlib import Path

__all__ = ["expanded"]


def expanded(path: str | Path) -> Path:
    """Write out a ``~`` at the beginning; it stays where there is no such home.

    `Path.home` and `Path.expanduser` raise RuntimeError there.

    Example:
        >>> expanded("a/~b").as_posix()
        'a/~b'
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111
