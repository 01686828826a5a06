"""From options to an annealer: real or emulated, with its limits and its journal."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calo4pqvae.cli.annealer_options import EMULATOR

if TYPE_CHECKING:
    from calo4pqvae.annealer.jobs.record import Record
    from calo4pqvae.annealer.programs.shims import Shims
    from calo4pqvae.annealer.sampler import AnnealerSampler
    from calo4pqvae.boltzmann.graph import PartiteGraph
    from calo4pqvae.boltzmann.machine import BoltzmannMachine

__all__ = ["make_sampler", "open_backend"]


def open_backend(args: argparse.Namespace, graph: "PartiteGraph | None", seed: int) -> Any:
    """Open the solver, or make the emulator.

    Raises:
        AnnealerError: the solver cannot be reached, or no chip is known.
    """
    from calo4pqvae.annealer.chip.solvers import open_solver
    from calo4pqvae.annealer.chip.working_graph import WorkingGraph, lattice_of

    if args.backend != EMULATOR:
        return open_solver(args.solver)

    from calo4pqvae.annealer.emulator.emulator import EmulatedAnnealer
    from calo4pqvae.annealer.emulator.imperfections import IMPERFECTIONS

    chip = None
    if args.graph is not None:
        chip = WorkingGraph.load(args.graph)
    elif graph is not None and lattice_of(graph) is not None:
        chip = WorkingGraph.around(graph, f"emulated {args.chip}")
    return EmulatedAnnealer(
        args.chip,
        beta=getattr(args, "hidden_beta", 8.5),
        graph=chip,
        imperfections=IMPERFECTIONS[getattr(args, "imperfections", "none")],
        seed=seed,
    )


def make_sampler(
    args: argparse.Namespace, machine: "BoltzmannMachine", out: Path
) -> "AnnealerSampler":
    """Make the sampler that the options ask for; `args.opened` will close it.

    Arguments:
        args: options, as `fill_in` leaves them; `reference` is added, what a drift monitor
            compares with.
        machine: the machine that is programmed.
        out: file that is made, which a journal is named after.

    Raises:
        ConfigError: options do not fit each other.
        AnnealerError: the chip lacks what the model needs, or the journal or the temperature
            is another one's.
    """
    from calo4pqvae._core.rng import SharedNoise
    from calo4pqvae.annealer.calibration.temperature_file import Purpose, read_temperature
    from calo4pqvae.annealer.chip.constants import first_beta
    from calo4pqvae.annealer.sampler import AnnealerSampler, Settings
    from calo4pqvae.errors import ConfigError

    if args.backend != EMULATOR and args.max_seconds is None:
        raise ConfigError("say how much of a real annealer may be spent: --max-seconds S")
    backend = open_backend(args, machine.graph, args.seed)
    args.opened.callback(getattr(backend, "close", lambda: None))
    beta, args.reference = args.beta, None
    if beta is None and getattr(args, "temperature", None) is not None:
        purpose = Purpose.of(backend, machine, args.anneal_us)
        beta, args.reference = read_temperature(args.temperature, purpose)
    settings = Settings(
        beta=first_beta(backend.properties) if beta is None else beta,
        conditioning=args.conditioning,
        mode=args.mode,
        gauges=args.gauges,
        copies=None if args.copies == "auto" else args.copies,
        out_of_range=args.out_of_range,
        holding_field=args.holding_field,
        anneal_us=args.anneal_us,
        limit_s=args.max_seconds,
        relax=args.relax,
        fields=args.fields,
    )
    record = _record(args, backend, out)
    args.opened.callback(record.close)
    return AnnealerSampler(
        machine.graph,
        backend,
        SharedNoise(args.seed),
        settings,
        record=record,
        used=machine.used_edges.cpu(),
        shims=_shims(args, backend),
    )


def _shims(args: argparse.Namespace, backend: Any) -> "Shims | None":
    """Read the shims that were named."""
    from calo4pqvae.annealer.chip.working_graph import WorkingGraph
    from calo4pqvae.annealer.jobs.backend import Backend
    from calo4pqvae.annealer.programs.shims import Shims

    if getattr(args, "shims", None) is None:
        return None
    return Shims.load(args.shims, Backend(backend).name, WorkingGraph.of(backend).fingerprint)


def _record(args: argparse.Namespace, backend: Any, out: Path) -> "Record":
    """A journal where there is something to lose, else marks in memory."""
    from calo4pqvae.annealer.jobs.journal import open_journal
    from calo4pqvae.annealer.jobs.record import Record

    run = f"emulated-{args.seed}" if args.backend == EMULATOR else None
    folder = getattr(args, "journal", None)
    if folder is None and run is None and hasattr(args, "journal"):
        folder = out.with_name(f"{out.name}.journal")
    if folder is None:
        return Record(run or "none")
    journal = open_journal(folder, backend, run, resume=getattr(args, "resume", False))
    if journal.kept:
        note = f"{folder}: {journal.kept} answers are kept and not asked for again"
        print(f"calo4pqvae: {note}", file=sys.stderr)
    return journal
