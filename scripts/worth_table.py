"""How many showers of Geant4 samples are worth, Geant4 itself among them.

    python scripts/worth_table.py GEANT4.h5 NAME=FILE.h5 .. --geant4 OTHER.h5

`OTHER.h5` holds showers of Geant4 that are not in the reference: samples of them of several
sizes must come out as their size. The last column is the AUC of trees on structure.
"""

import argparse

import numpy as np

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.classifiers.trees import separate
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.worth import worth

REPEATS = 20


def measured(path):
    with ShowerFile(path) as file:
        return Measured.from_file(file).structure


def interval(found):
    low, high = (f"{end:,.0f}" if np.isfinite(end) else "more" for end in found[1:3])
    value = f"{found.showers:,.0f}" if np.isfinite(found.showers) else "reference ends"
    return f"{value} ({low} to {high})"


def print_row(name, sample, reference, *more):
    found = worth(sample, reference)
    windows = " / ".join(
        f"{value:,.0f}" if np.isfinite(value) else "-" for value in found.by_window.values()
    )
    auc = separate(reference.values, sample.values, reference.e_inc, sample.e_inc)
    print(
        f"| {name} | {len(sample):,} | {interval(found)} | {windows} | {found.distance:.4f} "
        f"| {auc.value:.3f} ± {auc.error:.3f} | {' | '.join(more)}",
        flush=True,
    )


def main():
    """Print one row for each sample, and for three sizes of Geant4."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference")
    parser.add_argument("systems", nargs="*", metavar="NAME=FILE")
    parser.add_argument("--geant4", help="other showers of Geant4")
    parser.add_argument("--sizes", type=int, nargs="+", default=[300, 800, 2000])
    args = parser.parse_args()
    reference = measured(args.reference)
    print("| sample | showers | worth (two deviations) | by window | mean distance | AUC |")
    print("|---|--:|--:|--:|--:|--:|")
    for word in args.systems:
        name, _, path = word.partition("=")
        print_row(name, measured(path), reference)
    if args.geant4 is None:
        return
    other, rng = measured(args.geant4), np.random.default_rng(0)
    for size in args.sizes:
        order = rng.permutation(len(other))
        print_row("Geant4 itself", other.take(order[:size]), reference)
        found = [
            worth(other.take(rng.permutation(len(other))[:size]), reference)
            for _ in range(REPEATS)
        ]
        inside = sum(one.low <= size <= one.high for one in found)
        middle = np.median([one.showers for one in found])
        print(f"{size} of Geant4, {REPEATS} times: median {middle:,.0f}, {inside} inside")


if __name__ == "__main__":
    main()
