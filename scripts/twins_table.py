"""Which score sees which structural twin of Geant4, and what each twin is worth.

    python scripts/twins_table.py FILE.h5 [--showers 1600 3200] [--only NAME ..] [--structure]

For each number of showers, as many are the reference and as many others are spoilt, by each of
the twins of `calo4pqvae.evaluation.power.twins`. Cells are excesses over the floor in errors,
as the verdict counts them; beyond 3 the score sees the defect. The worth is in showers of
Geant4.
"""

import argparse
from dataclasses import replace

import numpy as np

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.metric import Options
from calo4pqvae.evaluation.metrics.registry import metric_classes
from calo4pqvae.evaluation.power.twins import KINDS, spoilt

SHOWN = {
    "auc.trees": "trees, both", "auc.trees_structure": "trees, structure",
    "auc.trees_features": "trees, features", "structure.beyond": "pulls",
    "structure.largest": "largest pull",
    "structure.correlations": "correlations", "fpd": "FPD", "fpd.trimmed": "FPD trimmed",
    "auc.high": "network", "separation.e_layer": "layers", "separation.ec_r": "centre in r",
    "separation.width_r": "width in r", "separation.sparsity": "sparsity",
    "separation.voxel": "voxels", "recall": "recall", "coverage": "coverage",
}  # fmt: skip


def print_twin(name, sample, metrics, shown):
    found = {k: v for metric in metrics for k, v in metric.of(sample).items()}
    value = found["worth"].value
    worth = f"{value:,.0f}" if np.isfinite(value) else "reference ends"
    excesses = (found[key].excess for key in shown)
    cells = ("-" if excess is None else f"{excess:+.1f}" for excess in excesses)
    print(f"| {name} | {worth} | {' | '.join(cells)} |", flush=True)


def print_table(source, n, twins, shown):
    rows, options = np.arange(n, 2 * n), Options(batches=1)
    e_inc, showers, geometry = source.e_inc(rows), source.showers(rows), source.geometry
    reference = replace(Measured.from_file(source, np.arange(n)), file=None)
    wanted = {"worth", *shown}
    metrics = [
        made(reference, options)
        for made in metric_classes()
        if set(made.names(options)) & wanted
    ]
    print(f"\n{n:,} against {n:,} showers\n")
    print(f"| twin | worth | {' | '.join(shown.values())} |")
    print(f"|---|--:|{'--:|' * len(shown)}", flush=True)
    sample = Measured.from_showers(e_inc, showers, geometry, like=reference)
    print_twin("none", sample, metrics, shown)
    for twin in twins:
        made = spoilt(twin, twin.sizes[0], showers, geometry)
        sample = Measured.from_showers(e_inc, made, geometry, like=reference)
        print_twin(twin.describe(twin.sizes[0]), sample, metrics, shown)


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
    with ShowerFile(args.file) as source:
        for n in args.showers:
            print_table(source, n, twins, shown)


if __name__ == "__main__":
    main()
