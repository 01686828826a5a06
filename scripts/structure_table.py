"""Set the structure of generated showers beside Geant4's, window by window.

    python scripts/structure_table.py GENERATED.h5 GEANT4.h5

Prints means with their pulls, the correlation of layers' centres and of hits, and how many
pulls lie beyond three errors, beside two halves of Geant4.
"""

import argparse

import numpy as np

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.structure.correlations import FUNCTIONS
from calo4pqvae.evaluation.structure.names import OBSERVABLES
from calo4pqvae.evaluation.structure.pulls import BEYOND, CHANCE, pulls
from calo4pqvae.evaluation.structure.windows import windows_of

SHOWN = (
    "axis_distance", "hit_distance", "tilt", "alignment", "memory_4", "ellipticity",
    "neighbour_alpha", "neighbour_r", "neighbour_depth", "isolated", "pairs_alpha_1",
    "pairs_alpha_opposite", "pairs_depth_1", "soft_energy", "soft_hits", "hard_energy",
    "largest", "largest_in_layers", "roughness", "empty_runs",
)  # fmt: skip
LAGS = {
    "centres": (1, 2, 4, 8, 12),
    "pairs_in_azimuth": (1, 2, 4, 8),
    "pairs_in_depth": (1, 2, 4),
}


def row(*cells):
    print(f"| {' | '.join(cells)} |")


def print_means(sample, reference):
    found = {
        (one.observable, one.window): one
        for one in pulls(sample, reference)
        if one.kind == "mean"
    }
    windows = list(dict.fromkeys(window for _, window in found))
    row("mean, generated / Geant4 (pull)", *windows)
    row("---", *("--:" for _ in windows))
    for known in OBSERVABLES:
        if known.name in SHOWN:
            cells = [found.get((known.name, window)) for window in windows]
            unit = f" [{known.unit}]" if known.unit else ""
            texts = (
                "-" if one is None
                else f"{one.generated:.4g} / {one.reference:.4g} ({one.pull:+.1f})"
                for one in cells
            )  # fmt: skip
            row(f"{known.label}{unit}", *texts)


def print_functions(sample, reference):
    windows = windows_of(sample, reference)
    print()
    row("correlation, generated / Geant4", *(window.name for window in windows))
    row("---", *("--:" for _ in windows))
    for name, lags in LAGS.items():
        sides = [
            [FUNCTIONS[name](side) for side in (window.sample, window.reference)]
            for window in windows
        ]
        for lag in lags:
            cells = []
            for pair in sides:
                at = np.flatnonzero(pair[0].lags == lag)
                texts = [f"{one.values[at[0]]:.3f}" if len(at) else "-" for one in pair]
                error = f" ± {pair[1].errors[at[0]]:.3f}" if len(at) else ""
                cells.append(" / ".join(texts) + error)
            row(f"{name.replace('_', ' ')}, {lag} apart", *cells)


def count(one, other):
    found = pulls(one, other)
    beyond = sum(abs(pull.pull) > BEYOND for pull in found)
    return f"{beyond} of {len(found)}, {CHANCE * len(found):.1f} expected by chance"


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("generated")
    parser.add_argument("reference")
    parser.add_argument("--splits", type=int, default=10, help="pairs of halves of Geant4")
    args = parser.parse_args()
    with ShowerFile(args.generated) as file:
        sample = Measured.from_file(file).structure
    with ShowerFile(args.reference) as file:
        reference = Measured.from_file(file).structure
    print(f"{len(sample)} generated showers, {len(reference)} of Geant4\n")
    print_means(sample, reference)
    print_functions(sample, reference)
    print(f"\nbeyond three errors: {count(sample, reference)}")
    rng, half = np.random.default_rng(0), len(reference) // 2
    beyond = total = 0
    for _ in range(args.splits):
        order = rng.permutation(len(reference))
        found = pulls(reference.take(order[:half]), reference.take(order[half : 2 * half]))
        beyond += sum(abs(pull.pull) > BEYOND for pull in found)
        total += len(found)
    share = f"{beyond} of {total} ({beyond / total:.2%})"
    print(f"in {args.splits} pairs of halves of Geant4: {share}")


if __name__ == "__main__":
    main()
