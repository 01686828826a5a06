"""Print Markdown tables of what a shower costs.

    python scripts/costs_table.py costs.json

The file is the output of `calo4pqvae bench generate -o FILE.json`.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from calo4pqvae.bench.cost import ShowerCost, Value
from calo4pqvae.bench.cost_rows import (
    COST_COLUMNS,
    PUBLISHED_COLUMNS,
    RATIO_COLUMNS,
    cost_rows,
    notes,
    published_cost_rows,
    ratio_rows,
)
from calo4pqvae.bench.table_2 import Ratio


def main(arguments: list[str]) -> int:
    """Read the file and print its tables."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    content = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    rows, published = ([_cost(row) for row in content[key]] for key in ("rows", "published"))
    quotients = [Ratio(r["sample"], r["batch"], Value(**r["times"])) for r in content["ratios"]]
    texts = notes(rows + published)
    machine = content["machine"]
    gpu = f", {machine['gpu']}" if "gpu" in machine else ""
    print(f"{machine['cpu']}, {machine['cores']} cores{gpu}; {machine['date']}.\n")
    _table(COST_COLUMNS, cost_rows(rows, texts))
    _table(PUBLISHED_COLUMNS, published_cost_rows(published, texts))
    for number, text in enumerate(texts, 1):
        print(f"{number}. {text}")
    print()
    _table(RATIO_COLUMNS, ratio_rows(quotients))
    return 0


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    print(f"| {' | '.join(columns)} |")
    print(f"|---|{'--:|' * (len(columns) - 1)}")
    for cells in rows:
        print(f"| {' | '.join(cells)} |")
    print()


def _cost(row: dict) -> ShowerCost:
    """Rebuild a row from JSON."""
    parts = {name: Value(**value) for name, value in row["parts"].items()}
    seconds, joules = (
        None if row[key] is None else Value(**row[key]) for key in ("seconds", "joules")
    )
    return ShowerCost(**{**row, "parts": parts, "seconds": seconds, "joules": joules})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
