"""Print the scores of evaluations beside their floors, as Markdown.

    python scripts/scores_table.py best=results/metrics.json quick=other/metrics.json

Two columns for each `metrics.json` of `calo4pqvae evaluate`: the score on all showers, and the
matched value against its floor (as many showers on both sides). `comparison.json#SYSTEM` takes
a system of `calo4pqvae compare`.
"""

import json
import sys
from pathlib import Path

ROWS = (
    ("fpd", "FPD, official 362", 1e3),
    ("kpd", "KPD, official 362", 1e3),
    ("fpd.legacy", "FPD, legacy 226", 1e3),
    ("kpd.legacy", "KPD, legacy 226", 1e3),
    ("separation.e_tot", "separation, total energy", 1e3),
    ("separation.e_layer", "separation, layer energies", 1e3),
    ("separation.ec_eta", "separation, centre eta", 1e3),
    ("separation.ec_phi", "separation, centre phi", 1e3),
    ("separation.ec_r", "separation, centre r", 1e3),
    ("separation.width_eta", "separation, width eta", 1e3),
    ("separation.width_phi", "separation, width phi", 1e3),
    ("separation.width_r", "separation, width r", 1e3),
    ("separation.sparsity", "separation, sparsity", 1e3),
    ("separation.voxel", "separation, voxel energy", 1e3),
    ("auc.trees", "trees on features and structure, area under the curve", 1),
    ("auc.high", "classifier, area under the curve", 1),
    ("worth", "worth in showers of Geant4", 1),
)


def main(arguments: list[str]) -> int:
    """Read the named files and print the table."""
    columns = {}
    for word in arguments:
        name, _, path = word.partition("=")
        path, _, system = path.partition("#")
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        block = content["systems"][system] if system else content["generated"]
        columns[name] = block["metrics"]
    if not columns:
        print(__doc__, file=sys.stderr)
        return 2
    heads = [part for name in columns for part in (name, f"{name}, matched (floor)")]
    print("| score | " + " | ".join(heads) + " |")
    print("|---" + "|--:" * len(heads) + "|")
    for key, label, factor in ROWS:
        cells = [text for one in columns.values() for text in pair(one.get(key), factor)]
        print(f"| {label}{' [10⁻³]' if factor == 1e3 else ''} | " + " | ".join(cells) + " |")
    return 0


def pair(entry: dict | None, factor: float) -> tuple[str, str]:
    """Format a score, and its matched value beside the floor."""
    if entry is None or entry.get("value") is None:
        return "-", "-"
    matched, floor = entry.get("matched"), entry.get("floor")
    if not matched or not floor:
        return show(entry, factor), "-"
    return show(entry, factor), f"{show(matched, factor)} ({show(floor, factor)})"


def show(entry: dict, factor: float) -> str:
    """Format value and error."""
    value, error = factor * entry["value"], factor * (entry.get("error") or 0)
    return f"{value:.3g} ± {error:.2g}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
