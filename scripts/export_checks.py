"""Build programs beside an exported model, run them for long, and print what they found.

    calo4pqvae export cpp FOLDER --model pretrained
    python scripts/export_checks.py FOLDER --notes NOTES.json            # all, or what is left
    python scripts/export_checks.py FOLDER --notes NOTES.json --only growth --showers 200000
    python scripts/export_checks.py FOLDER --notes NOTES.json --report

Each program is built with one command of a compiler, outside the package. Notes are kept after
each check. Status 1 if one of them failed.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (
    ROOT / "scripts" / "exported" / "growth.cpp",
    ROOT / "tests" / "models" / "export" / "stress.c",
    ROOT / "tests" / "models" / "export" / "threads.cpp",
)
FLAGS = ("-fno-math-errno", "-fno-trapping-math")
FAST = ("-O3", "-march=native")
SANITIZED = ("-O1", "-g", "-march=native", "-fsanitize=address,undefined")
# Valgrind knows no AVX-512.
KNOWN = ("-O1", "-g", "-march=x86-64-v3")


def main() -> int:
    parser = argparse.ArgumentParser(description="Long checks of exported C++.")
    parser.add_argument("folder", type=Path, help="folder written by export cpp")
    parser.add_argument("--notes", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--only", nargs="+", choices=list(CHECKS), default=list(CHECKS))
    parser.add_argument("--showers", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--calls", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--report", action="store_true", help="print the table and end")
    args = parser.parse_args()
    notes = json.loads(args.notes.read_text()) if args.notes.exists() else {}
    if not args.report:
        for source in SOURCES:
            shutil.copy(source, args.folder)
        for name in args.only:
            if notes.get(name, {}).get("status") == 0:
                continue
            start = time.monotonic()
            status, words, said = CHECKS[name](args)
            notes[name] = {
                "status": status,
                "command": " ".join(words),
                "minutes": round((time.monotonic() - start) / 60, 1),
                "said": said,
            }
            args.notes.write_text(json.dumps(notes, indent=1))
    print("| check | command | status | last it said |\n|---|---|--:|---|")
    for name, note in notes.items():
        print(f"| {name} | `{note['command']}` | {note['status']} | {note['said'][-1]} |")
    if "growth" in notes:
        print("\n```text\n" + "\n".join(notes["growth"]["said"]) + "\n```")
    return int(any(note["status"] for note in notes.values()))


def c_program(name: str, flags: tuple[str, ...]) -> tuple[str, ...]:
    """Words that build a C program with the core; the second language begins at -x."""
    return ("c++", *FLAGS, *flags, "calo4pqvae.cpp", "-x", "c", f"{name}.c", "-lm")


def cpp_program(name: str, flags: tuple[str, ...]) -> tuple[str, ...]:
    """Words that build a C++ program."""
    return ("c++", "-std=c++17", *FLAGS, *flags, f"{name}.cpp", "-pthread")


def run(
    folder: Path, program: str, build: tuple[str, ...], *words: str
) -> tuple[int, tuple[str, ...], list[str]]:
    """Build a program and run it; status, command and what was printed."""
    build = (*build, "-o", program)
    done = subprocess.run(build, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        return done.returncode, build, done.stderr.splitlines()[:1]
    ran = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    lines = (ran.stdout + ran.stderr).splitlines() or ["nothing"]
    return ran.returncode, (*build, "&&", *words), lines


def examples(args: argparse.Namespace) -> tuple[int, tuple[str, ...], list[str]]:
    c = run(args.folder, "example_c", c_program("example", FAST), "./example_c")
    return (
        c
        if c[0]
        else run(args.folder, "example", cpp_program("example", FAST), "./example", "50", "20")
    )


def growth(args: argparse.Namespace) -> tuple[int, tuple[str, ...], list[str]]:
    status, words, said = run(
        args.folder, "growth", cpp_program("growth", FAST), "./growth", str(args.showers)
    )
    sizes = [int(line.split()[-2]) for line in said if line.endswith("KiB")]
    grown = not sizes or sizes[-1] > 1.01 * sizes[1]
    return status or int(grown), words, said


def threads(args: argparse.Namespace) -> tuple[int, tuple[str, ...], list[str]]:
    program = cpp_program("threads", FAST)
    return run(args.folder, "threads", program, "./threads", "model.c4pqvae", "1024")


def adversarial(args: argparse.Namespace) -> tuple[int, tuple[str, ...], list[str]]:
    program = c_program("stress", FAST)
    return run(args.folder, "stress", program, "./stress", str(args.calls))


def sanitizers(args: argparse.Namespace) -> tuple[int, tuple[str, ...], list[str]]:
    program = c_program("stress", (*SANITIZED, "-fno-sanitize-recover=all"))
    return run(args.folder, "sanitized", program, "./sanitized", "3000")


def valgrind(args: argparse.Namespace) -> tuple[int, tuple[str, ...], list[str]]:
    tool = ("valgrind", "--error-exitcode=9", "--leak-check=full", "./known", "60")
    return run(args.folder, "known", c_program("stress", KNOWN), *tool)


CHECKS: dict[str, Callable[..., tuple[int, tuple[str, ...], list[str]]]] = {
    "examples": examples,
    "threads": threads,
    "sanitizers": sanitizers,
    "valgrind": valgrind,
    "growth": growth,
    "adversarial": adversarial,
}

if __name__ == "__main__":
    sys.exit(main())
