"""Draw response, resolution and sparsity against the incident energy.

    python scripts/energy_figure.py FIGURE.svg Geant4=FILE best=FILE ..

The first sample is the reference; the lower row is the ratio to it. Points are bins of equal
width in ln E, two to a factor of e; bars are bootstrap errors.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.measured.observables import Observables
from calo4pqvae.evaluation.plotting.style import house_style, looks, save
from calo4pqvae.units import GeV

BINS = np.exp(np.linspace(0, np.log(1000), 15)) * GeV
FEWEST, REDRAWS = 30, 100
NAMES = ("response", "resolution", "share of empty voxels")


def main(arguments: list[str]) -> int:
    """Read the samples and write the figure."""
    if len(arguments) < 3 or not all("=" in word for word in arguments[1:]):
        print(__doc__, file=sys.stderr)
        return 2
    points = {}
    for word in arguments[1:]:
        label, _, path = word.partition("=")
        with ShowerFile(path) as file:
            points[label] = measure(Measured.from_file(file).observables)
    save(draw(points), Path(arguments[0]))
    return 0


def measure(sample: Observables) -> np.ndarray:
    """Compute value and error of each quantity in each bin: (quantity, bin, 2)."""
    response = sample.e_layer.sum(axis=1) / sample.e_inc
    empty = 1 - sample.hits.sum(axis=1) / sample.geometry.n_voxels
    rng = np.random.default_rng(0)
    found = np.full((3, len(BINS) - 1, 2), np.nan)
    for k, number in enumerate(
        np.digitize(sample.e_inc, BINS)[None] - 1 == np.arange(14)[:, None]
    ):
        r, e, x = response[number], empty[number], np.log(sample.e_inc[number])
        if len(r) < FEWEST:
            continue
        rows = [np.arange(len(r)), *rng.integers(len(r), size=(REDRAWS, len(r)))]
        table = np.array([quantities(r[i], e[i], x[i]) for i in rows])
        found[:, k, 0], found[:, k, 1] = table[0], table[1:].std(axis=0)
    return found


def quantities(r: np.ndarray, empty: np.ndarray, x: np.ndarray) -> tuple[float, float, float]:
    """Mean response, its relative spread without the trend in the bin, mean share of zeros."""
    spread = (r - np.polyval(np.polyfit(x, r, 1), x)).std()
    return float(r.mean()), float(spread / r.mean()), float(empty.mean())


@house_style
def draw(points: dict[str, np.ndarray]) -> Figure:
    """Draw values above, ratios to the first sample below."""
    figure = Figure(figsize=(10.5, 4.6), layout="constrained")
    axes = figure.subplots(2, 3, sharex=True, height_ratios=(2, 1))
    centre = np.sqrt(BINS[1:] * BINS[:-1]) / GeV
    style, reference = looks(points), next(iter(points.values()))
    for q, name in enumerate(NAMES):
        for n, (label, table) in enumerate(points.items()):
            value, error = table[q].T
            look, x = style[label], centre * 1.04**n
            axes[0, q].errorbar(
                x, value, error, fmt=look.marker, ms=3.5, color=look.colour, label=label
            )
            if n:
                ratio = value / reference[q, :, 0]
                both = np.hypot(error / value, reference[q, :, 1] / reference[q, :, 0])
                axes[1, q].errorbar(
                    x, ratio, ratio * both, fmt=look.marker, ms=3.5, color=look.colour
                )
        axes[1, q].axhline(1, color="#666666", lw=0.8)
        axes[0, q].set(title=name, xscale="log")
        axes[1, q].set(xlabel="incident energy [GeV]")
    axes[0, 1].set_yscale("log")
    axes[0, 0].legend()
    axes[1, 0].set_ylabel("ratio")
    return figure


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
