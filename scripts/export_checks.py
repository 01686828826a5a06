"""Build programs beside an exported model, run them for long, and print what they found.

    python scripts/export_checks.py FOLDER --notes NOTES.json            # all, or what is left
    python scripts/export_checks.py FOLDER --notes NOTES.json --only growth --showers 200000
    python scripts/export_checks.py FOLDER --notes NOTES.json --report

The pretrained model is exported into the folder if nothing is there. Each program is built with
one command of a compiler, outside the package. Notes are kept after each check, and hold while
the exported files, the programs and the sizes are the same. The check `twins` puts a leak and a
read beyond an array into the programs, which the others must then see. Status 1 if a check has
failed or, with --report, is missing.
"""

import argparse
import hashlib
import json
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from exported.programs import (
    FAST,
    KNOWN,
    SANITIZED,
    Outcome,
    c_program,
    cpp_program,
    run,
)

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {
    "growth.cpp": ROOT / "scripts" / "exported" / "growth.cpp",
    "stress.c": ROOT / "tests" / "models" / "export" / "stress.c",
    "threads.cpp": ROOT / "tests" / "models" / "export" / "threads.cpp",
}
CORE = ("calo4pqvae.h", "calo4pqvae.cpp", "model.c4pqvae")
VALGRIND = ("valgrind", "--error-exitcode=9", "--leak-check=full")
LEAK = 4096
PART = 100_000
"""Adversarial calls that are kept when a longer run of them is broken off."""


class Check(NamedTuple):
    """A check, with the words of its row in the table.

    Attributes:
        size: option that says how much of it, if any.
        run: builds and runs it in a folder.
        about: what is run; ``{n}`` stands for the size.
        found: what it shows, made of what the program printed.
    """

    size: str
    run: Callable[[Path, int], Outcome]
    about: str
    found: Callable[[list[str]], str]


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Long checks of exported C++.")
    parser.add_argument("folder", type=Path, help="folder written by export cpp, or to write")
    parser.add_argument("--notes", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--only", nargs="+", choices=list(CHECKS), default=list(CHECKS))
    parser.add_argument("--showers", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--calls", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--sanitized", type=int, default=30_000, metavar="N")
    parser.add_argument("--watched", type=int, default=600, metavar="N", help="by valgrind")
    parser.add_argument("--report", action="store_true", help="print the table and end")
    args = parser.parse_args(words)
    notes = json.loads(args.notes.read_text()) if args.notes.exists() else {}
    if not args.report:
        prepare(args.folder)
        for name in args.only:
            check, n = CHECKS[name], getattr(args, CHECKS[name].size or "showers")
            key = [content(args.folder), n] if check.size else [content(args.folder)]
            if notes.get(name, {}).get("of") == key and notes[name]["status"] == 0:
                continue
            before = used()
            status, words, said = check.run(args.folder, n)
            notes[name] = {"of": key, "status": status, "command": " ".join(words)}
            notes[name] |= {"minutes": round((used() - before) / 60, 1), "n": n, "said": said}
            notes["machine"] = machine()
            args.notes.write_text(json.dumps(notes, indent=1))
    if "machine" in notes:
        print(f"{notes['machine']}.\n")
    report({name: notes[name] for name in CHECKS if name in notes})
    asked = CHECKS if args.report else args.only
    return int(any(notes.get(name, {"status": 1})["status"] for name in asked))


def prepare(folder: Path) -> None:
    """Export the pretrained model, unless that was done, and put the programs beside it."""
    if not (folder / "model.json").exists():
        words = ("export", "cpp", str(folder), "--model", "pretrained")
        subprocess.run((sys.executable, "-m", "calo4pqvae", *words), check=True)
    for name, source in SOURCES.items():
        shutil.copy(source, folder / name)


def content(folder: Path) -> str:
    """Digest of all that the checks depend on."""
    parts = [(folder / name).read_bytes() for name in (*CORE, *sorted(SOURCES))]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def machine() -> str:
    """Compiler and processor."""
    told = subprocess.run(("c++", "--version"), capture_output=True, text=True, check=True)
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "")
    return f"{told.stdout.splitlines()[0]}, {name}"


def used() -> float:
    """Computing time of the programs so far [s]."""
    times = resource.getrusage(resource.RUSAGE_CHILDREN)
    return times.ru_utime + times.ru_stime


def report(notes: dict[str, dict]) -> None:
    """Print the table."""
    print("| check | what was run | result | CPU minutes |\n|---|---|---|--:|")
    for name, note in notes.items():
        about = CHECKS[name].about.format(n=f"{note['n']:,}")
        said = note["said"]
        found = f"**failed**: {said[-1]}" if note["status"] else CHECKS[name].found(said)
        print(f"| {name} | {about} | {found} | {note['minutes']} |")
    print("\nBuilt and run by, in this order:\n\n```text")
    for note in notes.values():
        print(note["command"])
    print("```")


def examples(folder: Path, _n: int) -> Outcome:
    c = run(folder, "example_c", c_program("example", *FAST), "./example_c")
    cpp = cpp_program("example", *FAST)
    status, words, said = run(folder, "example", cpp, "./example", "50", "20")
    return Outcome(c.status or status, (*c.words, "&&", *words), c.said if c.status else said)


def threads(folder: Path, _n: int) -> Outcome:
    program = cpp_program("threads", *FAST)
    return run(folder, "threads", program, "./threads", "model.c4pqvae", "1024")


def growth(folder: Path, n: int, *flags: str) -> Outcome:
    program = cpp_program("growth", *FAST, *flags)
    status, words, said = run(folder, "growth", program, "./growth", str(n))
    sizes = resident(said)
    grown = len(sizes) < 10 or sizes[-1] > 1.01 * sizes[1]
    return Outcome(status or int(grown), words, said)


def resident(said: list[str]) -> list[int]:
    """Memory after each tenth [KiB]."""
    return [int(line.split()[-2]) for line in said if line.endswith("KiB")]


def adversarial(folder: Path, n: int) -> Outcome:
    """Parts with numbers of their own; those that were finished are not run again."""
    path, of = folder / "adversarial.json", content(folder)
    kept = json.loads(path.read_text()) if path.exists() else {}
    parts, program = kept.get(of, []), c_program("stress", *FAST)
    words = ("./stress", str(PART), "model.c4pqvae")
    one = Outcome(0, (*program, "-o", "stress", "&&", *words, "1"), [])
    while len(parts) * PART < n:
        one = run(folder, "stress", program, *words, str(len(parts) + 1))
        if one.status:
            return one
        parts.append([int(word) for word in re.findall(r"\d+", one.said[-1])])
        path.write_text(json.dumps({of: parts}))
    some = parts[: -(-n // PART)]
    said = "{} drawn, {} refused".format(*(sum(k) for k in zip(*some, strict=True)))
    return Outcome(0, one.words, [said])


def sanitizers(folder: Path, n: int, *flags: str) -> Outcome:
    program = c_program("stress", *SANITIZED, *flags)
    return run(folder, "sanitized", program, "./sanitized", str(n))


def valgrind(folder: Path, n: int, *flags: str) -> Outcome:
    program = c_program("stress", *KNOWN, *flags)
    return run(folder, "known", program, *VALGRIND, "./known", str(n))


def twins(folder: Path, _n: int) -> Outcome:
    """Faults put in on purpose, which the other checks must see."""
    seen = {
        f"a leak of {LEAK} bytes a call": growth(folder, 20_000, f"-DLEAK={LEAK}"),
        "a read beyond an array, by sanitizers": sanitizers(folder, 100, "-DOVERRUN"),
        "the same, by valgrind": valgrind(folder, 10, "-DOVERRUN"),
    }
    said = [f"{name}: {'seen' if one.status else 'missed'}" for name, one in seen.items()]
    words = ("as above, with", f"-DLEAK={LEAK}", "or", "-DOVERRUN")
    return Outcome(int(not all(one.status for one in seen.values())), words, said)


def drawn(said: list[str]) -> str:
    """What a run of stress.c counted, with separators."""
    counted = next(line for line in said if line.endswith("refused"))
    return re.sub(r"\d+", lambda number: f"{int(number[0]):,}", counted)


def kept(said: list[str]) -> str:
    """Memory after two tenths and at the end of a run of growth.cpp."""
    sizes = resident(said)
    calls = int(next(line for line in reversed(said) if "calls" in line).split()[2])
    return f"{sizes[1]:,} KiB after a fifth, {sizes[-1]:,} at the end of {calls:,} calls"


IMPOSSIBLE = (
    "any bits as energies, NaN, infinities, energies of layers and uniform numbers at and "
    "beyond their ends"
)
CHECKS = {
    "examples": Check("", examples, "the C and the C++ example", lambda _said: "build and run"),
    "threads": Check(
        "",
        threads,
        "8 threads with a worker each against one, 1,024 showers; calls of `malloc` counted",
        lambda _said: "equal to the last bit, no memory taken",
    ),
    "sanitizers": Check(
        "sanitized",
        sanitizers,
        "{n} random and adversarial calls with AddressSanitizer and UBSan",
        lambda said: f"{drawn(said)}, nothing found",
    ),
    "valgrind": Check(
        "watched",
        valgrind,
        "{n} such calls, built for AVX2, with `--leak-check=full`",
        lambda said: f"{drawn(said)}, no error, no leak",
    ),
    "twins": Check(
        "", twins, "faults put in on purpose, which the rows beside must see", "; ".join
    ),
    "growth": Check(
        "showers", growth, "{n} showers of 1 GeV in calls of 1 to 64; resident memory", kept
    ),
    "adversarial": Check(
        "calls",
        adversarial,
        f"{{n}} calls with {IMPOSSIBLE}",
        lambda said: f"{drawn(said)} with the right code; no NaN, no negative voxel",
    ),
}

if __name__ == "__main__":
    sys.exit(main())
