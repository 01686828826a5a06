"""Print a Markdown table of several evaluations side by side.

    python scripts/results_table.py quick=demo/metrics.json paper=other/metrics.json

Each column is the `metrics.json` of `calo4pqvae evaluate` or `calo4pqvae demo`; a name with
`:reconstructed` takes the block of the reconstructed showers. Value and floor are taken on
equally many showers.
"""

import json
import sys
from pathlib import Path

ROWS = {
    "response": ("mean response / Geant4 - 1", 100, "%"),
    "sparsity": ("mean sparsity - Geant4", 1, ""),
    "profile.longitudinal": ("longitudinal profile, largest deviation", 100, "%"),
    "profile.radial": ("radial profile, largest deviation", 100, "%"),
    "separation.e_tot": ("separation power, response", 1e3, "10⁻³"),
    "separation.sparsity": ("separation power, sparsity", 1e3, "10⁻³"),
    "separation.voxel": ("separation power, voxel energy", 1e3, "10⁻³"),
    "separation.e_layer": ("separation power, layer energies", 1e3, "10⁻³"),
}
WINDOWS = {
    "resolution": ("resolution", 100, "%"),
    "depth_spread": ("spread of the depth", 100, "%"),
}


def main(arguments: list[str]) -> int:
    """Read the named files and print the table."""
    columns = {}
    for argument in arguments:
        name, _, path = argument.partition("=")
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        block = "reconstructed" if name.endswith(":reconstructed") else "generated"
        columns[name.replace(":", ", ")] = content[block]["metrics"]
    if not columns:
        print(__doc__, file=sys.stderr)
        return 2
    print("| quantity | " + " | ".join(columns) + " | floor |")
    print("|---" * (len(columns) + 2) + "|")
    first = next(iter(columns.values()))
    for key, (label, factor, unit) in _rows(first):
        cells = [_cell(metrics[key], factor) for metrics in columns.values()]
        cells.append(_cell(first[key]["floor"], factor))
        print(f"| {label}{unit and f' [{unit}]'} | " + " | ".join(cells) + " |")
    return 0


def _rows(metrics: dict) -> list[tuple[str, tuple[str, float, str]]]:
    rows = list(ROWS.items())
    for kind, (label, factor, unit) in WINDOWS.items():
        names = [key for key in metrics if key.startswith(f"{kind}.")]
        rows += [(key, (f"{label}, {key.partition('.')[2]}", factor, unit)) for key in names]
    return rows


def _cell(entry: dict, factor: float) -> str:
    entry = entry.get("matched") or entry
    value, error = factor * entry["value"], factor * entry["error"]
    return f"{value:.3g} ± {error:.2g}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
