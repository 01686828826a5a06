"""Run the code of the pages that takes minutes, as a reader would, and say how long each took.

    python scripts/run_pages.py                               # every page with nightly code
    python scripts/run_pages.py docs/tutorials/judge.md       # these pages

A page runs in an empty folder, from its first block to its last. Status 1 if one does not work.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from pages.blocks import blocks_of
from pages.run import PageError, run_page

ROOT = Path(__file__).resolve().parent.parent


def nightly() -> list[Path]:
    """Pages with blocks that the suite does not run."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in pages if any(b.mode == "nightly" for b in blocks_of(page))]


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the code of pages.")
    parser.add_argument("pages", nargs="*", type=Path, help="pages (those with nightly code)")
    failed = 0
    print("| page | blocks | minutes | CPU minutes |\n|---|--:|--:|--:|", flush=True)
    for page in parser.parse_args().pages or nightly():
        start, cpu = time.monotonic(), sum(os.times()[:4])
        with tempfile.TemporaryDirectory() as folder:
            try:
                count = str(run_page(page.resolve(), Path(folder), ("suite", "nightly")))
            except PageError as error:
                print(error, file=sys.stderr)
                failed, count = failed + 1, "fails"
        minutes = (time.monotonic() - start) / 60, (sum(os.times()[:4]) - cpu) / 60
        print(f"| {page.name} | {count} | {minutes[0]:.1f} | {minutes[1]:.1f} |", flush=True)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
