"""Run the checks that take too long for the tests, and write their results into docs/checks/.

    python scripts/check_long.py            # all, or what is left of them
    python scripts/check_long.py kills      # one

Each check is a script that notes what it has done and goes on where it was broken off, and that
prints a table when it is done. Notes lie in build/check-long/DIGEST, where the digest is that
of the sources: after a change of the program everything is checked anew. A check that has
failed makes this script end with 1, when all others have run.
"""

import argparse
import hashlib
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "checks"
SOURCES = (".py", ".h", ".hpp", ".cpp", ".c")


class Check(NamedTuple):
    """A script with its words; ``{work}`` stands for a folder of its own.

    Attributes:
        about: heading of its page.
        run: words that do the work, or what is left of it.
        report: words that print the result as Markdown.
    """

    about: str
    run: tuple[str, ...]
    report: tuple[str, ...]


CHECKS = {
    "inputs": Check(
        "20,000 damaged files of each reader",
        ("mutate_inputs.py", "--state", "{work}/inputs.json"),
        ("mutate_inputs.py", "--state", "{work}/inputs.json", "--report"),
    ),
    "kills": Check(
        "100 kills at random moments",
        ("kill_campaign.py", "--fork", "--kills", "100", "--work", "{work}"),
        ("kill_campaign.py", "--work", "{work}", "--report"),
    ),
    "drift": Check(
        "False alarms of the drift monitor, and changes that it sees",
        ("drift_campaign.py", "--out", "{work}/jobs.jsonl"),
        ("drift_campaign.py", "--out", "{work}/jobs.jsonl", "--report"),
    ),
    "export": Check(
        "Exported C++ for long",
        ("export_checks.py", "{work}/cpp", "--notes", "{work}/notes.json"),
        ("export_checks.py", "{work}/cpp", "--notes", "{work}/notes.json", "--report"),
    ),
    "power": Check(
        "Errors that the conformance suite of samplers sees",
        ("sampler_power.py", "--runs", "100", "--notes", "{work}/runs.jsonl"),
        ("sampler_power.py", "--notes", "{work}/runs.jsonl", "--report"),
    ),
}


def digest() -> str:
    """Name of the present state of the program and of the checks."""
    files = [path for path in (ROOT / "src").rglob("*") if path.suffix in SOURCES]
    files += (ROOT / "scripts").glob("*.py")
    content = hashlib.sha256()
    for path in sorted(files):
        content.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return content.hexdigest()[:12]


def check(name: str, state: str) -> bool:
    """Run one check, or what is left of it, and write its page; whether it holds."""
    work = ROOT / "build" / "check-long" / state / name
    work.mkdir(parents=True, exist_ok=True)
    about, *words = CHECKS[name]
    run, report = (
        [
            sys.executable,
            str(ROOT / "scripts" / line[0]),
            *(w.format(work=work) for w in line[1:]),
        ]
        for line in words
    )
    print(f"{name}: {' '.join(run)}", flush=True)
    status = subprocess.run(run, check=False, cwd=ROOT).returncode
    told = subprocess.run(report, check=False, cwd=ROOT, capture_output=True, text=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    said = f"`python scripts/{' '.join(CHECKS[name].run).format(work='WORK')}`"
    head = f"# {about}\n\n{datetime.now(UTC):%Y-%m-%d}, sources {state}, {said}.\n\n"
    (RESULTS / f"{name}.md").write_text(head + told.stdout, encoding="utf-8")
    return status == 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Run the long checks, or what is left of them."
    )
    parser.add_argument("names", nargs="*", help=f"checks: {', '.join(CHECKS)} (all)")
    names = parser.parse_args().names or list(CHECKS)
    if unknown := set(names) - set(CHECKS):
        parser.error(f"there is no check {', '.join(sorted(unknown))}")
    state = digest()
    failed = [name for name in names if not check(name, state)]
    print(f"failed: {', '.join(failed)}" if failed else "all hold")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
