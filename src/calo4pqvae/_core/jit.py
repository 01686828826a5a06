"""Compile functions of numbers with numba, once for each state of their sources.

Numba's own cache looks at the file of a function only, and works with old code when a function
or a constant of another file has changed. This one looks at all of them, and nothing ends
because of it: what is missing, damaged, unreadable or cannot be written is compiled again.
"""

import hashlib
import pickle
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, no_type_check

import llvmlite

try:
    import numba
except ValueError as error:  # it reads the environment when it is imported
    from calo4pqvae.errors import ConfigError

    raise ConfigError(
        f"numba does not start ({error}); mend or unset NUMBA_NUM_THREADS and its other "
        "variables of the environment"
    ) from error
import numba.core.config
from numba import njit
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from calo4pqvae._core.cache import cache_folders, read_trusted
from calo4pqvae._core.sources import digest_of_sources
from calo4pqvae.errors import ConfigError

__all__ = ["compiled"]

_PYTHON = f"py{sys.version_info[0]}{sys.version_info[1]}"
_MARK = b"calo4pqvae compiled 1\n"
_SETTINGS: Any = numba.core.config
_DIGEST = hashlib.sha256().digest_size


@no_type_check
def compiled(**options):
    """Make a decorator that compiles a function when it is first called.

    Arguments:
        options: of `numba.njit`.

    Raises:
        ConfigError: the environment forbids numba to compile.
    """

    def decorate(function):
        if _SETTINGS.DISABLE_JIT:
            raise ConfigError(
                "NUMBA_DISABLE_JIT is set, but the loops of this program run compiled only; "
                "unset it"
            )
        dispatcher: Any = njit(nogil=True, **options)(function)
        dispatcher._cache = _SourceCache(function)
        return dispatcher

    return decorate


class _SourceCache(_Cache):
    """Compiled forms of one function on disk, with the interface of numba's caches.

    Each lies in a file of its own, whose name tells function and Python, sources, and argument
    types and processor; behind a mark and a digest of the rest, so that no damaged code runs.

    Arguments:
        function: the function, not compiled.
    """

    def __init__(self, function: Any) -> None:
        self._source = Path(function.__code__.co_filename)
        self._name = f"{self._source.stem}.{function.__qualname__}.{_PYTHON}"
        self._enabled = True
        self._key = _key(self._source)

    @property
    def cache_path(self) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Folder that is tried first."""
        return str(next(self._folders()))

    def enable(self) -> None:
        """Read and write files from now on."""
        self._enabled = True

    def disable(self) -> None:
        """Neither read nor write files from now on."""
        self._enabled = False

    def flush(self) -> None:
        """Forget all forms of this function."""
        for folder in self._folders():
            _remove(folder.glob(f"{self._name}-*"))

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled form for these argument types, or None."""
        target_context.refresh()
        if not self._enabled or self._key is None:
            return None
        name = self._file_name(sig, target_context.codegen())
        for folder in self._folders():
            with suppress(Exception):  # any damage means the same: compile
                payload = _read(folder / name)
                return CompileResult._rebuild(target_context, *payload)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled form in the first folder that takes it."""
        portable = not data.library.has_dynamic_globals and not data.lifted
        if not self._enabled or self._key is None or not portable:
            return
        name = self._file_name(sig, data.codegen)
        content = dumps(data._reduce())
        for folder in self._folders():
            with suppress(OSError):
                _write(folder / name, content)
                old = (p for p in folder.glob(f"{self._name}-*") if self._key not in p.name)
                _remove(old)
                return

    def _file_name(self, sig: Any, codegen: Any) -> str:
        kinds = hashlib.sha256(repr((sig, codegen.magic_tuple())).encode()).hexdigest()[:24]
        return f"{self._name}-{self._key}-{kinds}.bin"

    def _folders(self) -> Iterator[Path]:
        return cache_folders(self._source.parent, _SETTINGS.CACHE_DIR)


@lru_cache
def _key(source: Path) -> str | None:
    """What a file's code is made of, and by what; None where its sources cannot be read.

    Asked for when the file is imported: later the sources may be others than those at work.
    """
    try:
        sources = digest_of_sources(source)
    except (OSError, SyntaxError, ValueError):
        return None
    versions = numba.__version__, llvmlite.__version__, sys.version
    return hashlib.sha256(repr((sources, versions)).encode()).hexdigest()[:24]


def _read(path: Path) -> Any:
    """Read a compiled form; refuse one that others could have put there.

    Raises:
        OSError: it is missing, or belongs to somebody who may not change this program.
        ValueError: it is damaged.
    """
    content = read_trusted(path)
    start = len(_MARK) + _DIGEST
    body = content[start:]
    if content[:start] != _MARK + hashlib.sha256(body).digest():
        raise ValueError(f"{path} is damaged")
    return pickle.loads(body)


def _write(path: Path, body: bytes) -> None:
    """Write a compiled form, whole or not at all.

    It may be lost at a loss of power, which `_read` notices: no time is spent on the disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        aside.write_bytes(_MARK + hashlib.sha256(body).digest() + body)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _remove(paths: Iterator[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink()
