"""Compile C++ sources for this machine when they are first needed, and keep the library.

There need be no compiler: the caller then does without. Nothing ends because of it: what is
missing, damaged, of other sources or another processor is compiled again.
"""

import ctypes
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from calo4pqvae._core.cache import cache_folders, read_trusted

__all__ = ["FLAGS", "compilers", "load_library"]

FLAGS = ("-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math")
"""`-ffast-math` would be wrong here: it reorders the rounding tricks of exponentials."""

_SHARED = ("-march=native", "-fPIC", "-shared")
_MINUTES = 10


def compilers() -> Iterator[list[str]]:
    """Name C++ compilers of this machine: the user's ($CXX), the system's, that of ziglang."""
    if os.environ.get("CXX"):
        yield shlex.split(os.environ["CXX"])
    for name in ("c++", "g++", "clang++"):
        found = shutil.which(name)
        if found:
            yield [found]
    if importlib.util.find_spec("ziglang"):
        yield [sys.executable, "-m", "ziglang", "c++"]


@lru_cache
def load_library(folder: Path, header: str) -> ctypes.CDLL | None:
    """Load the library of a header-only program; None where it cannot be compiled.

    Arguments:
        folder: folder of the sources, all of whose headers count.
        header: the one that is compiled.
    """
    stem = f"{Path(header).stem}-{_key(folder)}"
    for place in cache_folders(folder, os.environ.get("NUMBA_CACHE_DIR", "")):
        for path in place.glob(f"{stem}-*.so"):
            with suppress(OSError):
                if path.stem.endswith(_digest(read_trusted(path))):
                    return ctypes.CDLL(str(path))
                path.unlink()
    with tempfile.TemporaryDirectory(prefix="calo4pqvae-") as scratch:
        built = _build(folder, header, Path(scratch))
        return None if built is None else ctypes.CDLL(str(_keep(built, folder, stem)))


def _build(folder: Path, header: str, scratch: Path) -> Path | None:
    source, library = scratch / "library.cpp", scratch / "library.so"
    source.write_text(f'#include "{header}"\n', encoding="ascii")
    for compiler in compilers():
        command = [*compiler, *FLAGS, *_SHARED, f"-I{folder}", str(source), "-o", str(library)]
        with suppress(OSError, subprocess.SubprocessError):
            subprocess.run(command, check=True, capture_output=True, timeout=60 * _MINUTES)
            return library
    return None


def _keep(built: Path, folder: Path, stem: str) -> Path:
    """Put a library in the first folder that takes it, under a name that tells its content."""
    content = built.read_bytes()
    for place in cache_folders(folder, os.environ.get("NUMBA_CACHE_DIR", "")):
        with suppress(OSError):
            place.mkdir(parents=True, exist_ok=True)
            path = place / f"{stem}-{_digest(content)}.so"
            aside = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
            try:
                aside.write_bytes(content)
                aside.replace(path)
            finally:
                aside.unlink(missing_ok=True)
            return path
    return built


def _key(folder: Path) -> str:
    """What a library is made of, and for which processor."""
    parts = [path.read_bytes() for path in sorted(folder.glob("*.h*"))]
    compiler = next(compilers(), [])
    parts += [repr((FLAGS, _SHARED, compiler, platform.platform(), _processor())).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _processor() -> str:
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        named = (line for line in lines if line.startswith(("flags", "Features", "model name")))
        return "\n".join(sorted(set(named)))
    return platform.processor()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
