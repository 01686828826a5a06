"""Print Markdown tables of benchmarks, one for each file and graph.

    python scripts/benchmarks_table.py bench.json [OTHER.json ...]

Each file is the output of `calo4pqvae bench sampler -o FILE.json`.
"""

import json
import sys
from itertools import groupby
from pathlib import Path

from calo4pqvae.bench.harness import Result
from calo4pqvae.bench.table import COLUMNS, caption, rows


def main(arguments: list[str]) -> int:
    """Read the files and print their tables."""
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    for argument in arguments:
        content = json.loads(Path(argument).read_text(encoding="utf-8"))
        print(f"{_machine(content['machine'])}\n")
        results = [Result(**row) for row in content["results"]]
        for _, group in groupby(results, key=lambda result: result.graph):
            print_table(list(group))
    return 0


def print_table(results: list[Result]) -> None:
    """Print what was measured on one graph."""
    heads = [column.replace("\n", " ") for column in COLUMNS]
    print(f"{caption(results)}.\n")
    print(f"| {' | '.join(heads)} |")
    print(f"|---|---|---{'|--:' * (len(heads) - 3)}|")
    for cells in rows(results):
        print(f"| {' | '.join(cells)} |")
    print()


def _machine(facts: dict) -> str:
    gpu = f", {facts['gpu']}" if "gpu" in facts else ""
    return (
        f"{facts['cpu']}, {facts['cores']} cores{gpu}; {facts['platform']}; "
        f"Python {facts['python']}, torch {facts['torch']}; {facts['date']}."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
