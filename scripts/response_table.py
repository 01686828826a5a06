"""Compare the mean response of a run's model with that of its training showers.

    python scripts/response_table.py RUN .. [--showers 3000] [--require 5]

The range of energies is divided into three windows of equal width in ln E. In each the model
makes showers at the energies of the training showers, so that the spectra agree. With
`--require P` the status is 1 if a mean is off by more than P per cent.
"""

import argparse
import sys
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from calo4pqvae._core.rng import RowNoise, SharedNoise
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.splits import Split
from calo4pqvae.models.storage import StoredModel, load_model
from calo4pqvae.training.folder import read_run
from calo4pqvae.units import GeV

WINDOWS, BATCH = 3, 256


def main() -> int:
    """Print a table for each run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--showers", type=int, default=3000, help="made by the model, in all")
    parser.add_argument("--require", type=float, metavar="P", help="largest deviation [%%]")
    args = parser.parse_args()
    worst = max(show(run, args.showers) for run in args.runs)
    return int(args.require is not None and worst > args.require)


def show(run: Path, n_showers: int) -> float:
    """Print the table of one run; return the largest deviation [%]."""
    stored = load_model(run)
    e_inc, real = training_showers(run)
    low, high = stored.config.data.energy_gev
    edges = np.geomspace(low * GeV, high * GeV, WINDOWS + 1)
    print(f"\n{run}: {len(e_inc)} training showers of {low:g} to {high:g} GeV\n")
    print("| window, GeV | training showers | their response | of the model | deviation, % |")
    print("|---|--:|--:|--:|--:|")
    deviations = []
    for first, last in pairwise(edges):
        inside = (e_inc >= first) & (e_inc <= last)
        if not inside.any():
            continue
        wanted = np.resize(e_inc[inside], max(n_showers // WINDOWS, int(inside.sum())))
        made = responses(stored, wanted.astype(np.float32))
        (x, dx), (y, dy) = (mean(values) for values in (real[inside], made))
        deviation = 100 * (y / x - 1)
        error = 100 * y / x * float(np.hypot(dx / x, dy / y))
        deviations.append(abs(deviation))
        cells = [f"{first / GeV:.3g}-{last / GeV:.3g}", str(int(inside.sum()))]
        cells += [f"{x:.4f} ± {dx:.4f}", f"{y:.4f} ± {dy:.4f}"]
        print(f"| {' | '.join(cells)} | {deviation:+.2f} ± {error:.2f} |")
    return max(deviations)


def training_showers(run: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read incident energies [MeV] and responses of the rows that a run trained on."""
    rows = Split.load(run / "split.json").train
    energies, totals = [], []
    with ExitStack() as stack:
        for file in read_run(run).files:
            showers = stack.enter_context(ShowerFile(file["path"]))
            for e, x in showers.chunks(1024):
                energies.append(e[:, 0])
                totals.append(x.sum(axis=1, dtype=np.float64))
    e_inc, total = np.concatenate(energies)[rows], np.concatenate(totals)[rows]
    return e_inc, total / e_inc


@torch.no_grad()
def responses(stored: StoredModel, e_inc: np.ndarray) -> np.ndarray:
    """Make showers at these energies [MeV] and give their responses."""
    model, made = stored.model, []
    energies = torch.from_numpy(e_inc)[:, None]
    t, code = model.condition(energies)
    sampler = choose_sampler(model.prior.graph, SharedNoise(1))
    bits = sample_machine(model.prior, sampler, t, code, stored.config.prior.burn_in)
    for start in range(0, len(energies), BATCH):
        rows = slice(start, start + BATCH)
        showers = model.decode(bits[rows], energies[rows], RowNoise(2, start))
        made.append(showers.double().sum(dim=(1, 2, 3)).numpy())
    return np.concatenate(made) / e_inc


def mean(values: np.ndarray) -> tuple[float, float]:
    """Mean and its error."""
    return float(values.mean()), float(values.std() / np.sqrt(len(values)))


if __name__ == "__main__":
    sys.exit(main())
