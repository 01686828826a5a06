"""Print what sampling adds to the mismatch, on halves that share no shower.

    python scripts/halves_table.py sampled=FILE.h5,FILE.h5,.. reconstructed=FILE.h5,.. \
        --reference FILE.h5

Files hold showers at the energies of the reference, in its order; files of one name differ in
the seed. The reference is cut in two at random; showers made at the energies of one half
(from its own bits, if reconstructed) are compared with Geant4's of the other half, and the
halves with each other: the floor. Plain squared Frechet distance of the official 362 features
[10^-3], without extrapolation, both ways round, mean over the cuts. Errors are those of the
mean over the seeds.
"""

import argparse

import numpy as np
import torch

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.distances.frechet import Gaussian, frechet_distance
from calo4pqvae.evaluation.measured.measured import Measured


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("samples", nargs=2, metavar="NAME=FILE,..")
    parser.add_argument("--reference", required=True)
    parser.add_argument("--cuts", type=int, default=20)
    args = parser.parse_args()
    real = read(args.reference)
    scale = np.abs(real).max(axis=0)
    scale[scale == 0] = 1
    rng = np.random.default_rng(0)
    cuts = [np.array_split(rng.permutation(len(real)), 2) for _ in range(args.cuts)]
    cuts += [halves[::-1] for halves in cuts]
    targets = [gaussian(real[other] / scale) for _, other in cuts]

    def mean_distance(values: np.ndarray) -> float:
        made = (gaussian(values[mine] / scale) for mine, _ in cuts)
        pairs = zip(targets, made, strict=True)
        return 1e3 * float(np.mean([frechet_distance(*pair) for pair in pairs]))

    floor = mean_distance(real)
    names, files = zip(*(pair.split("=", 1) for pair in args.samples), strict=True)
    found = [
        np.array([mean_distance(read(path)[: len(real)]) - floor for path in listed.split(",")])
        for listed in files
    ]
    show(floor, dict(zip(names, found, strict=True)))


def read(path: str) -> np.ndarray:
    """Read the official features of a file."""
    with ShowerFile(path) as file:
        return Measured.from_file(file).features.values


def gaussian(values: np.ndarray) -> Gaussian:
    """Mean and covariance of features."""
    x = torch.from_numpy(values.astype(np.float64))
    return Gaussian(x.mean(dim=0), torch.cov(x.T))


def show(floor: float, found: dict[str, np.ndarray]):
    """Print distances and excesses."""
    print("| showers | distance | excess over Geant4 | of each seed |")
    print("|---|--:|--:|---|")
    print(f"| Geant4, half against half | {floor:.1f} | | |")
    for name, excess in found.items():
        seeds = ", ".join(f"{value:.1f}" for value in excess)
        print(
            f"| {name} | {floor + excess.mean():.1f} | "
            f"{excess.mean():.1f} ± {error(excess):.1f} | {seeds} |"
        )
    first, second = found.values()
    ratio = first.mean() / second.mean()
    spread = ratio * np.hypot(error(first) / first.mean(), error(second) / second.mean())
    print(f"\nratio of the excesses {ratio:.2f} ± {spread:.2f}")


def error(values: np.ndarray) -> float:
    """Standard error of a mean; not a number for a single value."""
    return float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else float("nan")


if __name__ == "__main__":
    main()
