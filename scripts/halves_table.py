"""Print what sampling adds to the mismatch, on halves that share no shower.

    python scripts/halves_table.py sampled=FILE.h5 reconstructed=FILE.h5 --reference FILE.h5

Files hold showers at the energies of the reference, in its order. The reference is cut in two
at random; showers made at the energies of one half (from its own bits, if reconstructed) are
compared with Geant4's of the other half, and the halves with each other: the floor. Plain
squared Frechet distance of the official 362 features [10^-3], without extrapolation, both ways
round, mean and spread over the cuts. The ratio is that of the first to the second excess.
"""

import argparse

import numpy as np
import torch

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.metrics.features import Features
from calo4pqvae.metrics.frechet import Gaussian, frechet_distance


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("samples", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--reference", required=True)
    parser.add_argument("--cuts", type=int, default=20)
    args = parser.parse_args()
    real = read(args.reference)
    scale = np.abs(real).max(axis=0)
    scale[scale == 0] = 1
    samples = {pair.partition("=")[0]: read(pair.partition("=")[2]) for pair in args.samples}
    rng = np.random.default_rng(0)
    rows = {"Geant4": [], **{name: [] for name in samples}}
    for _ in range(args.cuts):
        halves = np.array_split(rng.permutation(len(real)), 2)
        for mine, other in (halves, halves[::-1]):
            target = gaussian(real[other] / scale)
            for name, values in {"Geant4": real, **samples}.items():
                made = gaussian(values[: len(real)][mine] / scale)
                rows[name].append(1e3 * frechet_distance(target, made))
    show({name: np.array(found).reshape(-1, 2).mean(axis=1) for name, found in rows.items()})


def read(path: str) -> np.ndarray:
    """Read the official features of a file."""
    with ShowerFile(path) as file:
        return Features.from_file(file).values


def gaussian(values: np.ndarray) -> Gaussian:
    """Mean and covariance of features."""
    x = torch.from_numpy(values.astype(np.float64))
    return Gaussian(x.mean(dim=0), torch.cov(x.T))


def show(found: dict[str, np.ndarray]):
    """Print distances and excesses."""
    floor = found["Geant4"]
    print("| showers | distance | excess over Geant4 |")
    print("|---|--:|--:|")
    for name, values in found.items():
        excess = values - floor
        print(
            f"| {name} | {values.mean():.1f} ± {values.std():.1f} | "
            f"{excess.mean():.1f} ± {excess.std():.1f} |"
        )
    first, second = [values for name, values in found.items() if name != "Geant4"][:2]
    ratio = (first - floor).mean() / (second - floor).mean()
    spread = np.std([(a - f) / (b - f) for a, b, f in zip(first, second, floor, strict=True)])
    print(f"\nratio of the excesses {ratio:.2f} ± {spread:.2f} (spread of a single cut)")


if __name__ == "__main__":
    main()
