"""`calo4pqvae simulate`: energies in, showers of Geant4 out."""

import argparse
from typing import TYPE_CHECKING

from calo4pqvae.cli.inputs import ONE_SOURCE
from calo4pqvae.cli.options import (
    LARGEST_SEED,
    MOST_SHOWERS,
    number,
    shower_target,
    whole,
)

if TYPE_CHECKING:
    import numpy as np

    from calo4pqvae.cli.console import Progress
    from calo4pqvae.simulate.journal import Finished
    from calo4pqvae.simulate.tables import Tables

__all__ = ["HELP", "add_arguments", "run"]

MOST_WORKERS = 4096
"""Processes of one simulation, above the cores of any machine of today."""

HELP = "simulate showers with Geant4, on all cores"

RULES = (ONE_SOURCE,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "-o",
        "--out",
        type=shower_target,
        required=True,
        metavar="FILE.h5",
        help="file to write",
    )
    parser.add_argument(
        "-n", type=whole(1, MOST_SHOWERS), metavar="N", help="number of showers"
    )
    parser.add_argument(
        "--energy-gev",
        nargs="+",
        type=number("an energy"),
        metavar="E",
        help="one energy, or a range for log-uniform ones [GeV]",
    )
    parser.add_argument(
        "--energies-from",
        metavar="FILE.h5",
        help="take the incident energies of this file, in order; -n repeats or shortens them",
    )
    parser.add_argument(
        "--particle",
        choices=["electron", "photon", "positron"],
        default="electron",
        help="what comes in along the axis",
    )
    parser.add_argument(
        "--stack",
        default="dataset-2",
        metavar="NAME|FILE.yaml",
        help="detector: dataset-2, dataset-3, lead-scintillator, or a file like theirs",
    )
    parser.add_argument(
        "--tables",
        choices=["auto", "official", "built"],
        default="auto",
        help="atomic data: Geant4's own, or made here; auto takes its own where there are any",
    )
    parser.add_argument(
        "--workers",
        type=whole(1, MOST_WORKERS),
        metavar="N",
        help="processes (default: one for each core)",
    )
    parser.add_argument(
        "--seed",
        type=whole(0, LARGEST_SEED),
        default=0,
        help="seed of the energies and of all showers",
    )
    parser.add_argument(
        "--no-times",
        action="store_true",
        help="leave out the column cpu_seconds; the file is then the same to the last byte "
        "whenever it is simulated",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def run(args: argparse.Namespace) -> int:
    """Simulate, or take up what was interrupted."""
    from calo4pqvae.cli.console import progress
    from calo4pqvae.simulate.job import Progress, Simulation, simulate
    from calo4pqvae.simulate.stacks import load_stack
    from calo4pqvae.units import GeV

    stack = load_stack(args.stack)
    e_inc = _energies(args)
    simulation = Simulation(e_inc, stack, args.particle, args.seed, args.tables)
    with progress(max(1, round(float(e_inc.sum()) / GeV)), "GeV simulated") as bar:
        show = _Show(bar, e_inc)
        simulate(
            simulation,
            args.out,
            workers=_cores() if args.workers is None else args.workers,
            overwrite=args.overwrite,
            times=not args.no_times,
            progress=Progress(show.start, show.shower),
        )
    print(f"{len(e_inc)} showers written to {args.out}{show.cost()}")
    return 0


class _Show:
    """Shows progress in GeV, because a shower's time is as good as proportional to them."""

    def __init__(self, bar: "Progress", e_inc: "np.ndarray") -> None:
        self._bar, self._e_inc = bar, e_inc
        self._gev = self._shown = 0.0
        self._done = 0
        self._seconds = self._spent_on = 0.0

    def start(self, tables: "Tables", done: set[int]) -> None:
        """Say where the tables come from, and what is there already."""
        print(tables.note)
        if done:
            print(f"{len(done)} of {len(self._e_inc)} showers were finished earlier; going on")
            self._done = len(done)
            self._advance(float(self._e_inc[sorted(done)].sum()))

    def shower(self, finished: "Finished") -> None:
        """Count a shower."""
        self._done += 1
        self._seconds += finished.cpu_seconds
        self._spent_on += finished.shot.energy / 1000
        self._advance(finished.shot.energy)

    def cost(self) -> str:
        """Say what this call's showers have cost."""
        if not self._spent_on:
            return ""
        per_gev = self._seconds / self._spent_on
        return f", {self._seconds:.3g} CPU seconds of Geant4, {per_gev:.3g} per GeV"

    def _advance(self, mev: float) -> None:
        self._gev += mev / 1000
        steps = round(self._gev) - round(self._shown)
        self._shown = self._gev
        self._bar.advance(steps, note=f"{self._done} of {len(self._e_inc)} showers")


def _cores() -> int:
    import os

    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _energies(args: argparse.Namespace) -> "np.ndarray":
    import numpy as np

    from calo4pqvae.data.energies import draw_energies
    from calo4pqvae.data.shower_file import ShowerFile
    from calo4pqvae.errors import ConfigError
    from calo4pqvae.units import GeV

    if args.energies_from is None and args.energy_gev is None:
        raise ConfigError("give the energies by either --energy-gev or --energies-from")
    if args.energies_from:
        with ShowerFile(args.energies_from) as file:
            given = file.e_inc()
        return np.resize(given, (args.n or len(given), 1))
    if args.n is None:
        raise ConfigError("say how many showers: -n N")
    if len(args.energy_gev) > 2:
        raise ConfigError("--energy-gev takes one energy or the two ends of a range")
    low, high = args.energy_gev[0] * GeV, args.energy_gev[-1] * GeV
    return draw_energies(args.n, low, high, args.seed)
