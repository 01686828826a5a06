"""Which score sees which structural twin of Geant4, and what each twin is worth.

    python scripts/twins_table.py FILE.h5 [--showers 1600 3200] [--only NAME ..] [--structure]

For each number of showers, as many are the reference and as many others are spoilt, by each of
the twins of `calo4pqvae.evaluation.power.twins`. Cells are excesses over the floor in errors,
as the verdict counts them; beyond 3 the score sees the defect. The worth is in showers of
Geant4.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.evaluation.features.measured import Measured
from calo4pqvae.evaluation.power.twins import KINDS, spoilt
from calo4pqvae.evaluation.scores import Scores
from calo4pqvae.evaluation.sight import Sight

SHOWN = {
    "auc.trees": "trees, both", "auc.trees_structure": "trees, structure",
    "auc.trees_features": "trees, features", "structure.beyond": "pulls",
    "structure.largest": "largest pull",
    "structure.correlations": "correlations", "fpd": "FPD", "fpd.trimmed": "FPD trimmed",
    "auc.high": "network", "separation.e_layer": "layers", "separation.ec_r": "centre in r",
    "separation.width_r": "width in r", "separation.sparsity": "sparsity",
    "separation.voxel": "voxels", "recall": "recall", "coverage": "coverage",
}  # fmt: skip


def write(path, e_inc, showers, geometry):
    with ShowerWriter(path, geometry, {"sampler": "twin of Geant4"}, overwrite=True) as writer:
        writer.append(e_inc, showers)


def print_twin(name, path, scores, sight, shown):
    with ShowerFile(path) as file:
        sample = scores.reference.like(file)
        entries = sight.of(file, sample.features)
        if set(shown) - set(entries):
            entries |= scores.of(sample)
    value = entries["worth"]["value"]
    worth = "reference ends" if value is None else f"{value:,.0f}"
    cells = [
        "-" if entries[key]["excess"] is None else f"{entries[key]['excess']:+.1f}"
        for key in shown
    ]
    print(f"| {name} | {worth} | {' | '.join(cells)} |", flush=True)


def print_table(source, n, twins, path, shown):
    rows = np.arange(n, 2 * n)
    e_inc, showers = source.e_inc(rows), source.showers(rows)
    scores = Scores(Measured.reference(source, np.arange(n)), batches=1)
    sight = Sight(source, np.arange(n), scores.reference.features)
    print(f"\n{n:,} against {n:,} showers\n")
    print(f"| twin | worth | {' | '.join(shown.values())} |")
    print(f"|---|--:|{'--:|' * len(shown)}", flush=True)
    write(path, e_inc, showers, source.geometry)
    print_twin("none", path, scores, sight, shown)
    for twin in twins:
        size = twin.sizes[0]
        write(path, e_inc, spoilt(twin, size, showers, source.geometry), source.geometry)
        print_twin(twin.describe(size), path, scores, sight, shown)


def main():
    """Print one table for each number of showers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--showers", type=int, nargs="+", default=[1600, 3200])
    parser.add_argument("--only", nargs="+", help="names of twins")
    parser.add_argument("--structure", action="store_true", help="no scores but these")
    args = parser.parse_args()
    shown = dict(list(SHOWN.items())[:6]) if args.structure else SHOWN
    twins = [twin for twin in KINDS if args.only is None or twin.name in args.only]
    with ShowerFile(args.file) as source, tempfile.TemporaryDirectory() as folder:
        for n in args.showers:
            print_table(source, n, twins, Path(folder) / "twin.h5", shown)


if __name__ == "__main__":
    main()
