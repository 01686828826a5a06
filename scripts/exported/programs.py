"""Programs beside an exported model: how they are built, run and listened to."""

import subprocess
from pathlib import Path
from typing import NamedTuple

__all__ = ["FAST", "KNOWN", "SANITIZED", "Outcome", "c_program", "cpp_program", "run"]

FLAGS = ("-fno-math-errno", "-fno-trapping-math")
FAST = ("-O3", "-march=native")
SANITIZED = (
    *("-O1", "-g", "-march=native"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
)
# Valgrind knows no AVX-512.
KNOWN = ("-O1", "-g", "-march=x86-64-v3")


class Outcome(NamedTuple):
    """What a program did: its status, how it was built and run, and what it printed."""

    status: int
    words: tuple[str, ...]
    said: list[str]


def c_program(name: str, *flags: str) -> tuple[str, ...]:
    """Words that build a C program with the core; the second language begins at -x."""
    return ("c++", *FLAGS, *flags, "calo4pqvae.cpp", "-x", "c", f"{name}.c", "-lm")


def cpp_program(name: str, *flags: str) -> tuple[str, ...]:
    """Words that build a C++ program."""
    return ("c++", "-std=c++17", *FLAGS, *flags, f"{name}.cpp", "-pthread")


def run(folder: Path, program: str, build: tuple[str, ...], *words: str) -> Outcome:
    """Build a program and run it; what it says lies in a file meanwhile."""
    build = (*build, "-o", program)
    done = subprocess.run(build, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        return Outcome(done.returncode, build, done.stderr.splitlines()[:1])
    path = folder / f"{program}.txt"
    with path.open("w", encoding="utf-8") as told:
        ran = subprocess.run(words, cwd=folder, stdout=told, stderr=told, check=False)
    lines = path.read_text(encoding="utf-8").splitlines() or ["nothing"]
    return Outcome(ran.returncode, (*build, "&&", *words), lines)
