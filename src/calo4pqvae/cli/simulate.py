"""`calo4pqvae simulate`: energies in, showers of Geant4 out."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calo4pqvae._core.numbers import plain
from calo4pqvae.cli.energies import ONE_SOURCE, add_energies, described_energies
from calo4pqvae.cli.options import LARGEST_SEED, Rule, whole
from calo4pqvae.cli.sharding import (
    MOST_WORKERS,
    RULES_OF_SHARDS,
    add_compression,
    add_shard_options,
    check_output,
    cores,
)

if TYPE_CHECKING:
    import numpy as np

    from calo4pqvae.cli.console import Progress
    from calo4pqvae.simulation.journal import Finished
    from calo4pqvae.simulation.stack import Stack
    from calo4pqvae.simulation.tables import Tables

__all__ = ["HELP", "add_arguments", "run"]

HELP = "simulate showers with Geant4, on all cores"

RULES = (
    ONE_SOURCE,
    Rule(
        ("workers", "shards", "no_times", "compression"),
        lambda args: args.fast is None,
        "with --fast, which writes one file by itself; leave it out",
    ),
    *RULES_OF_SHARDS,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "-o",
        "--out",
        required=True,
        metavar="FILE.h5|DIR",
        help="file to write; with --shards, folder of files",
    )
    add_energies(parser)
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
        "--fast",
        metavar="MODEL",
        help="put generated showers in the place of the electrons that this model knows; what "
        "it does not know is simulated in full, and counted",
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
    add_compression(parser)
    add_shard_options(parser)


def run(args: argparse.Namespace) -> int:
    """Simulate into a file or into shards, or take up what was interrupted."""
    from calo4pqvae.cli.sharding import list_missing
    from calo4pqvae.simulation.stacks import load_stack

    check_output(args)
    if args.list_missing is not None:
        return list_missing(args)
    energies, n = described_energies(args)
    stack = load_stack(args.stack)
    if args.fast is not None:
        from calo4pqvae.cli.simulate_fast import simulate_fast

        return simulate_fast(args, stack, energies, n)
    if args.shards is not None:
        return _simulate_shards(args, stack, energies, n)
    return _simulate(args, stack, energies, n)


def _simulate(
    args: argparse.Namespace, stack: "Stack", energies: dict[str, Any], n: int
) -> int:
    """Simulate a file, showing progress."""
    from calo4pqvae.cli.console import progress
    from calo4pqvae.data.energies import EnergySequence
    from calo4pqvae.simulation.job import Progress, Simulation, simulate
    from calo4pqvae.units import GeV

    e_inc = EnergySequence.described(energies).take(args.first, n)
    simulation = Simulation(e_inc, stack, args.particle, args.seed, args.tables, args.first)
    with progress(max(1, round(float(e_inc.sum()) / GeV)), "GeV simulated") as bar:
        show = _Show(bar, e_inc, args.first)
        simulate(
            simulation,
            args.out,
            workers=cores() if args.workers is None else args.workers,
            overwrite=args.overwrite,
            times=not args.no_times,
            compression=args.compression,
            progress=Progress(show.start, show.shower, show.note),
        )
    print(f"{n} showers written to {args.out}{show.cost()}")
    return 0


def _simulate_shards(
    args: argparse.Namespace, stack: "Stack", energies: dict[str, Any], n: int
) -> int:
    """Simulate a folder of shards, or what is missing of it."""
    from calo4pqvae.cli.sharding import make_shards
    from calo4pqvae.shards.folder import Job
    from calo4pqvae.shards.making import Recipe
    from calo4pqvae.shards.plan import Plan
    from calo4pqvae.simulation.maker import SimulationMaker

    options = {
        "stack": stack.to_dict(),
        "particle": args.particle,
        "energies": energies,
        "seed": args.seed,
        "tables": args.tables,
        "tables_folder": str(
            Path(args.out).resolve().with_name(f"{Path(args.out).name}.tables")
        ),
        "times": not args.no_times,
        "compression": args.compression,
    }
    maker = SimulationMaker(**options)
    maker.check()
    print(maker.note)
    layout = {"compression": args.compression, "times": not args.no_times}
    job = Job(maker.facts, Plan(args.first, n, args.shards), layout)
    recipe = Recipe("calo4pqvae.simulation.maker:SimulationMaker", options)
    return make_shards(args, job, recipe, maker)


class _Show:
    """Shows progress in GeV, because a shower's time is as good as proportional to them."""

    def __init__(self, bar: "Progress", e_inc: "np.ndarray", first: int) -> None:
        self._bar, self._e_inc, self._first = bar, e_inc, first
        self._gev = self._shown = 0.0
        self._done = 0
        self._seconds = self._spent_on = 0.0

    def start(self, tables: "Tables", done: set[int]) -> None:
        """Say where the tables come from, and what is there already."""
        print(tables.note)
        if done:
            print(f"{len(done)} of {len(self._e_inc)} showers were finished earlier; going on")
            self._done = len(done)
            rows = [number - self._first for number in sorted(done)]
            self._advance(float(self._e_inc[rows].sum()))

    def note(self, how: str) -> None:
        """Tell of a worker that has died."""
        print(f"{how}; replaced")

    def shower(self, finished: "Finished") -> None:
        """Count a shower."""
        self._done += 1
        self._seconds += finished.cpu_seconds
        self._spent_on += finished.event.energy / 1000
        self._advance(finished.event.energy)

    def cost(self) -> str:
        """Say what this call's showers have cost."""
        if not self._spent_on:
            return ""
        per_gev = self._seconds / self._spent_on
        return f", {plain(self._seconds)} CPU seconds of Geant4, {plain(per_gev)} per GeV"

    def _advance(self, mev: float) -> None:
        self._gev += mev / 1000
        steps = round(self._gev) - round(self._shown)
        self._shown = self._gev
        self._bar.advance(steps, note=f"{self._done} of {len(self._e_inc)} showers")
