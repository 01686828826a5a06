"""Response and width of `simulate --fast` beside full simulation, at equal energies.

    python scripts/fast_response.py --full FILE.h5 .. --energy-gev 8 12.5 --work FOLDER

The full showers are those of the files within the range, and their times the column that
`simulate` writes. Widths are of the response times the root of the energy in units of 10 GeV,
which does not depend on energy within a small range. Status 1 if the responses differ by 1 % or
more, or the widths by more than two errors.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np

from calo4pqvae.data.shower_file import ShowerFile, ShowerWriter
from calo4pqvae.units import GeV


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare fast with full simulation.")
    parser.add_argument("--full", nargs="+", required=True, metavar="FILE.h5")
    parser.add_argument("--energy-gev", nargs=2, type=float, default=(8.0, 12.5))
    parser.add_argument("--model", default="pretrained")
    parser.add_argument("--times", type=int, default=2, help="fast showers for each full one")
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    energies, full, spent = select(args.full, *args.energy_gev, args.work / "energies.h5")
    fast, seconds = [], []
    for seed in range(args.times):
        out = args.work / f"fast{seed}.h5"
        words = ("--energies-from", str(args.work / "energies.h5"), "--overwrite")
        command = (
            "simulate",
            "--fast",
            args.model,
            *words,
            "--seed",
            str(seed),
            "-o",
            str(out),
        )
        done = subprocess.run(
            (sys.executable, "-m", "calo4pqvae", *command),
            check=True,
            capture_output=True,
            text=True,
        )
        last = done.stdout.splitlines()[-1]
        print(last, file=sys.stderr)
        seconds.append(1e-3 * float(re.findall(r"([\d.e+-]+) CPU ms each", last)[0]))
        with ShowerFile(out) as file:
            fast.append(file.showers(slice(None)).sum(axis=1) / energies)
    rows = {"full": measure(full, energies)}
    rows["fast"] = measure(np.concatenate(fast), np.tile(energies, args.times))
    costs = {"full": float(np.mean(spent)), "fast": float(np.mean(seconds))}
    print(
        "| showers | n | response | width at 10 GeV, % | CPU ms each |\n|---|--:|--:|--:|--:|"
    )
    for name, (n, mean, error, *widths) in rows.items():
        width, spread = (100 * one for one in widths)
        shown = f"| {name} | {n} | {mean:.4f} ± {error:.4f} | {width:.2f} ± {spread:.2f} |"
        print(f"{shown} {1e3 * costs[name]:.3g} |")
    one, two = rows["full"], rows["fast"]
    off = two[1] / one[1] - 1
    error = two[1] / one[1] * np.hypot(one[2] / one[1], two[2] / two[1])
    apart = abs(two[3] - one[3]) / np.hypot(one[4], two[4])
    ratio, wide = two[3] / one[3], np.hypot(one[4] / one[3], two[4] / two[3])
    print(
        f"\nresponses differ by {100 * off:+.2f} ± {100 * error:.2f} %, widths by "
        f"{apart:.1f} errors (ratio {ratio:.3f} ± {ratio * wide:.3f}); "
        f"{costs['full'] / costs['fast']:.1f} times as fast"
    )
    return int(abs(off) >= 0.01 or apart > 2)


def select(
    names: list[str], low: float, high: float, out: Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Energies [MeV], responses, times [s] of the full showers in the range; a file of them."""
    energies, responses, spent = [], [], []
    with (
        ShowerFile(names[0]) as first,
        ShowerWriter(out, first.geometry, overwrite=True) as writer,
    ):
        for name in names:
            with ShowerFile(name) as file:
                e_inc = file.e_inc()
                rows = np.flatnonzero((e_inc[:, 0] >= low * GeV) & (e_inc[:, 0] <= high * GeV))
                showers = file.showers(rows)
                writer.append(e_inc[rows], showers)
                energies.append(e_inc[rows, 0])
                responses.append(showers.sum(axis=1) / e_inc[rows, 0])
            with h5py.File(name) as file:
                column = file.get("cpu_seconds")
                spent.append(np.full(len(rows), np.nan) if column is None else column[rows])
    return np.concatenate(energies), np.concatenate(responses), np.concatenate(spent)


def measure(
    response: np.ndarray, energies: np.ndarray
) -> tuple[int, float, float, float, float]:
    """Number, mean response and its error, width and its error."""
    n, mean = len(response), float(response.mean())
    scaled = (response - mean) * np.sqrt(energies / (10 * GeV))
    width = float(scaled.std(ddof=1))
    kurtosis = float((scaled**4).mean() / width**4)
    spread = width * np.sqrt((kurtosis - 1) / (4 * n))
    return n, mean, float(response.std(ddof=1) / np.sqrt(n)), width, float(spread)


if __name__ == "__main__":
    sys.exit(main())
