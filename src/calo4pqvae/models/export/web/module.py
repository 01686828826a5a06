"""Compile the core to WebAssembly, with the compiler that the package ziglang brings."""

import subprocess
import sys
import tempfile
from pathlib import Path

from calo4pqvae._core.cpp import FLAGS
from calo4pqvae._core.optional import installed
from calo4pqvae.errors import OutputError
from calo4pqvae.models.export.cpp import HEADER, core_header

__all__ = ["CALLS", "compile_module"]

CALLS = tuple(
    f"calo4pqvae_{name}"
    for name in ("text", "load_bytes", "describe", "open", "draw", "sample", "decode", "fill")
)
"""Functions of the C interface that JavaScript calls."""

_SOURCE = Path(__file__).with_name("freestanding.cpp")
_TARGET = ("-target", "wasm32-wasi", "-msimd128", "-mbulk-memory")
# Exact products of words cost a call of a library without these 64-bit halves.
_LEAN = ("-fno-exceptions", "-fno-rtti", "-fno-builtin-malloc", "-U__SIZEOF_INT128__")
_LINK = ("--no-entry", "--allow-undefined", "--strip-all", "-z", "stack-size=262144")
_SECONDS = 600


def compile_module() -> bytes:
    """Compile the core for browsers and Node.

    Raises:
        MissingExtraError: ziglang is not installed.
        OutputError: its compiler refused.
    """
    installed("ziglang", "web")
    with tempfile.TemporaryDirectory(prefix="calo4pqvae-") as name:
        folder = Path(name)
        (folder / HEADER).write_text(core_header(), encoding="utf-8")
        compiled, linked = folder / "core.o", folder / "core.wasm"
        flags = (*_TARGET, *FLAGS, *_LEAN, f"-I{folder}")
        _zig("c++", *flags, "-c", str(_SOURCE), "-o", str(compiled))
        calls = (f"--export={call}" for call in (*CALLS, "malloc"))
        _zig("wasm-ld", *_LINK, *calls, str(compiled), "-o", str(linked))
        return linked.read_bytes()


def _zig(*words: str) -> None:
    command = [sys.executable, "-m", "ziglang", *words]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise OutputError(f"the core could not be compiled to WebAssembly: {lines[0]}")
