"""Run the code of the pages that takes minutes, as a reader would, and say how long each took.

    python scripts/run_pages.py                               # every page with nightly code
    python scripts/run_pages.py docs/tutorials/judge.md       # these pages
    python scripts/run_pages.py --table docs/checks/pages.md  # and note how long each took

A page runs in an empty folder, from its first block to its last. Status 1 if one does not work.
The table keeps the rows of pages that were not run, and gets none for a page that fails.
"""

import argparse
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from pages.blocks import blocks_of
from pages.run import PageError, run_page

ROOT = Path(__file__).resolve().parent.parent


def nightly() -> list[Path]:
    """Pages with blocks that the suite does not run."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in pages if any(b.mode == "nightly" for b in blocks_of(page))]


HEAD = """# Minutes of each page

What `make pages` took: all code of a page, from top to bottom, in an empty folder, on two cores
of an AMD EPYC (Zen 4) that had much other work: minutes of the clock are upper bounds, CPU
minutes what the page needs. The page that runs first compiles loops, once for an installation.

"""
COLUMNS = "| page | blocks | minutes | CPU minutes | on |\n|---|--:|--:|--:|---|"


def note(table: Path, page: Path, row: str) -> None:
    """Put the row of a page in the place of its old one, or behind all others."""
    name = Path(os.path.relpath(page, table.parent)).as_posix()
    rows = {}
    if table.is_file():
        lines = [line for line in table.read_text("utf-8").splitlines() if "](" in line]
        rows = {line.partition("](")[2].partition(")")[0]: line for line in lines}
    rows[name] = f"| [{page.name}]({name}) {row}"
    table.write_text("\n".join([HEAD + COLUMNS, *rows.values(), ""]), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the code of pages.")
    parser.add_argument("pages", nargs="*", type=Path, help="pages (those with nightly code)")
    parser.add_argument("--table", type=Path, help="file that keeps how long each page took")
    args = parser.parse_args()
    failed = 0
    print(COLUMNS, flush=True)
    for page in map(Path.resolve, args.pages or nightly()):
        start, cpu = time.monotonic(), sum(os.times()[:4])
        with tempfile.TemporaryDirectory() as folder:
            try:
                count = str(run_page(page, Path(folder), ("suite", "nightly")))
            except PageError as error:
                print(error, file=sys.stderr)
                failed, count = failed + 1, "fails"
        minutes = (time.monotonic() - start) / 60, (sum(os.times()[:4]) - cpu) / 60
        row = (
            f"| {count} | {minutes[0]:.1f} | {minutes[1]:.1f} | {datetime.now(UTC):%Y-%m-%d} |"
        )
        print(f"| {page.name} {row}", flush=True)
        if args.table and count != "fails":
            note(args.table.resolve(), page, row)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
