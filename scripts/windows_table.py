"""Print figure 6 of the paper as numbers: total energy in windows of the incident energy.

    python scripts/windows_table.py best=GENERATED.h5 .. --reference FILE.h5

The generated files hold showers at the energies of the reference, in its order, once or
several times over (`generate --energies-from`). Mean and width of the total energy are compared
with the reference's, then the width of the response, in which the spread of the incident energy
is taken out. Errors by bootstrap over showers of the reference, the generated ones of the same
energy with each.
"""

import argparse

import numpy as np

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.units import GeV

WINDOWS_GEV = ((5, 10), (40, 50), (80, 100), (150, 200))
REDRAWS = 500


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("generated", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--reference", required=True)
    args = parser.parse_args()
    e_inc, real = totals(args.reference)
    print("| sample | window, GeV | showers | mean, % | width, % | width of the response, % |")
    print("|---|---|--:|--:|--:|--:|")
    for pair in args.generated:
        name, _, path = pair.partition("=")
        energies, made = totals(path)
        if not np.array_equal(energies, np.tile(e_inc, len(energies) // len(e_inc))):
            raise SystemExit(f"{path}: not at the energies of {args.reference}, in its order")
        made = made.reshape(-1, len(e_inc))
        for low, high in WINDOWS_GEV:
            inside = np.flatnonzero((e_inc >= low * GeV) & (e_inc < high * GeV))
            if len(inside) > 20:
                cells = compare(e_inc[inside], real[inside], made[:, inside])
                print(f"| {name} | {low}-{high} | {len(inside)} | {' | '.join(cells)} |")


def totals(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Read incident and total energies [MeV]."""
    with ShowerFile(path) as file:
        parts = [(e[:, 0], x.sum(axis=1, dtype=np.float64)) for e, x in file.chunks(1024)]
    e_inc, total = (np.concatenate(part) for part in zip(*parts, strict=True))
    return e_inc, total


def compare(e_inc: np.ndarray, real: np.ndarray, made: np.ndarray) -> list[str]:
    """Deviations of mean, width and width of the response, with errors [%]."""
    rng = np.random.default_rng(0)
    everything = np.arange(len(e_inc))
    draws = [rng.integers(len(e_inc), size=len(e_inc)) for _ in range(REDRAWS)]
    values = np.array([deviations(e_inc, real, made, rows) for rows in (everything, *draws)])
    errors = values[1:].std(axis=0)
    return [f"{v:+.2f} ± {e:.2f}" for v, e in zip(values[0], errors, strict=True)]


def deviations(
    e_inc: np.ndarray, real: np.ndarray, made: np.ndarray, rows: np.ndarray
) -> tuple[float, float, float]:
    """Mean, width and width of the response, generated over real less one [%]."""
    x, y, e = real[rows], made[:, rows], e_inc[rows]
    pairs = ((y.mean(), x.mean()), (y.std(), x.std()), ((y / e).std(), (x / e).std()))
    mean, width, resolution = (100 * (a / b - 1) for a, b in pairs)
    return mean, width, resolution


if __name__ == "__main__":
    main()
