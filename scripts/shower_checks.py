"""Print a Markdown table of physics checks, a row for each file of showers at one energy.

    python scripts/shower_checks.py FILE.h5 [OTHER.h5 ...]

The files are the output of `calo4pqvae simulate --energy-gev E`.
"""

import sys

import numpy as np
from scipy import stats

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.units import GeV

COLUMNS = (
    "energy, GeV",
    "showers",
    "response",
    "resolution, %",
    "peak layer",
    "non-zero voxels, %",
    "shares of the rings, %",
    "azimuth, p",
    "CPU s / GeV",
)


def main(arguments: list[str]) -> int:
    """Read the files and print the table."""
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    print(f"| {' | '.join(COLUMNS)} |")
    print(f"|{'--:|' * len(COLUMNS)}")
    for path in arguments:
        print(f"| {' | '.join(row(path))} |")
    return 0


def row(path: str) -> list[str]:
    """Check one file; errors are standard errors from the spread between showers."""
    with ShowerFile(path) as file:
        showers = file.showers(slice(None)).reshape(-1, *file.geometry.shape).astype(float)
        e_inc, seconds = float(file.e_inc()[0, 0]), file.column("cpu_seconds")
    n, root = len(showers), len(showers) ** 0.5
    response = showers.sum(axis=(1, 2, 3)) / e_inc
    resolution = 100 * response.std(ddof=1) / response.mean()
    hits = 100 * (showers > 0).mean(axis=(1, 2, 3))
    rings = 100 * showers.sum(axis=(0, 1, 2)) / showers.sum()
    cost = "-" if seconds is None else f"{seconds.mean() / e_inc * GeV:.4f}"
    return [
        f"{e_inc / GeV:g}",
        str(n),
        f"{response.mean():.4f} ± {response.std(ddof=1) / root:.4f}",
        f"{resolution:.2f} ± {resolution / (2 * n) ** 0.5:.2f}",
        str(showers.sum(axis=(0, 2, 3)).argmax()),
        f"{hits.mean():.2f} ± {hits.std(ddof=1) / root:.2f}",
        " ".join(f"{share:.1f}" for share in rings),
        azimuth(showers),
        cost,
    ]


def azimuth(showers: np.ndarray) -> str:
    """Hotelling's test that all azimuth bins have equal shares: its p-value."""
    bins = showers.sum(axis=(1, 3))
    shares = (bins / bins.sum(axis=1, keepdims=True))[:, 1:]
    n, p = shares.shape
    if n <= p + 1:
        return "-"
    away = shares.mean(axis=0) - 1 / (p + 1)
    t_squared = n * away @ np.linalg.solve(np.cov(shares.T), away)
    return f"{stats.f.sf(t_squared * (n - p) / (p * (n - 1)), p, n - p):.2f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
