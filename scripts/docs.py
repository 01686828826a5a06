"""Build the documentation site in build/site, and let no warning and no broken link pass.

    python scripts/docs.py                  # all; executes notebooks that have changed
    python scripts/docs.py --no-notebooks   # seconds: notebooks are not executed

Gather, build, look at every link.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from pages.links import broken_links
from pages.notebooks import notebook_pages
from pages.stage import stage

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"


def build(program: str) -> list[str]:
    """Run the site generator; return its complaints."""
    words = {
        "zensical": ["zensical", "build", "--clean", "--strict"],
        "mkdocs": ["mkdocs", "build", "--clean", "--strict"],
    }[program]
    paths = [str(ROOT / "scripts"), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", *words, "-f", str(ROOT / "mkdocs.yml")],
        check=False,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "NO_MKDOCS_2_WARNING": "1"},
    )
    wrong = [line for line in done.stdout.splitlines() if re.search(r"(?i)warning|error", line)]
    if done.returncode and not wrong:
        wrong = done.stdout.splitlines()
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the site in build/site.")
    parser.add_argument("--no-notebooks", action="store_true", help="do not execute notebooks")
    parser.add_argument(
        "--with", dest="program", choices=("zensical", "mkdocs"), default="zensical"
    )
    args = parser.parse_args()
    pages = BUILD / "pages"
    stage(ROOT, pages)
    notebook_pages(
        ROOT / "docs" / "notebooks",
        pages / "notebooks",
        BUILD / "notebooks",
        execute=not args.no_notebooks,
    )
    wrong = build(args.program) or broken_links(BUILD / "site")
    for line in wrong:
        print(line, file=sys.stderr)
    if not wrong:
        count = sum(1 for _ in (BUILD / "site").rglob("*.html"))
        print(f"{count} pages; open {(BUILD / 'site' / 'index.html').relative_to(ROOT)}")
        print("the search needs a server: python -m http.server -d build/site")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
