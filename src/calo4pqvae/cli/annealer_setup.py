"""From options to an annealer: real or emulated, with its limits and its journal."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calo4pqvae.cli.annealer_options import EMULATOR

if TYPE_CHECKING:
    import numpy as np

    from calo4pqvae.annealer.calibration.temperature_file import Purpose
    from calo4pqvae.annealer.jobs.budget import Plan
    from calo4pqvae.annealer.sampler import AnnealerSampler
    from calo4pqvae.boltzmann.graph import PartiteGraph

__all__ = ["make_sampler", "open_backend", "parts_of", "plan_of", "purpose_of"]


def open_backend(args: argparse.Namespace, graph: "PartiteGraph | None", seed: int) -> Any:
    """Open the solver, or make the emulator.

    Raises:
        AnnealerError: the solver cannot be reached, or no chip is known.
    """
    if args.backend == EMULATOR:
        from calo4pqvae.annealer.emulator.emulator import EmulatedAnnealer
        from calo4pqvae.annealer.emulator.imperfections import IMPERFECTIONS

        return EmulatedAnnealer(
            args.chip,
            beta=getattr(args, "hidden_beta", 8.5),
            graph=_emulated_graph(args, graph),
            imperfections=IMPERFECTIONS[getattr(args, "imperfections", "none")],
            seed=seed,
        )
    from calo4pqvae.annealer.chip.solvers import open_solver

    return open_solver(args.solver)


def make_sampler(
    args: argparse.Namespace, model: Any, seed: int, out: Path
) -> "AnnealerSampler":
    """Make the sampler that the options ask for; `args.opened` will close it.

    Arguments:
        args: options, as `fill_in` leaves them.
        model: the model whose prior is programmed.
        seed: seed of the spin reversals, and of the emulator.
        out: file that is made, which a journal is named after.

    Raises:
        ConfigError: options do not fit each other.
        AnnealerError: the chip lacks what the model needs, or the journal or the temperature
            is another one's.
    """
    from calo4pqvae._core.rng import SharedNoise
    from calo4pqvae.annealer.sampler import AnnealerSampler, Settings
    from calo4pqvae.errors import ConfigError

    if args.backend != EMULATOR and args.max_seconds is None:
        raise ConfigError("say how much of a real annealer may be spent: --max-seconds S")
    backend = open_backend(args, model.prior.graph, seed)
    args.opened.callback(getattr(backend, "close", lambda: None))
    settings = Settings(
        beta=_first_beta(args, backend, model),
        conditioning=args.conditioning,
        mode=args.mode,
        gauges=args.gauges,
        copies=None if args.copies == "auto" else args.copies,
        out_of_range=args.out_of_range,
        holding_field=args.holding_field,
        anneal_us=args.anneal_us,
        limit_s=args.max_seconds,
    )
    record = _record(args, backend, seed, out)
    args.opened.callback(record.close)
    return AnnealerSampler(
        model.prior.graph, backend, SharedNoise(seed), settings, record=record
    )


def parts_of(model: Any, e_inc: "np.ndarray") -> list[tuple[Any, Any]]:
    """State the problems of a job, one for each set of couplings, with their codes."""
    import torch

    t, code = model.condition(torch.from_numpy(e_inc))
    return [(model.prior.problem(t[rows]), code[rows]) for rows in model.prior.groups(t)]


def plan_of(sampler: "AnnealerSampler", model: Any, e_inc: "np.ndarray") -> "Plan":
    """Add up what all parts of a job cost."""
    first, *others = (sampler.plan(*part) for part in parts_of(model, e_inc))
    return sum(others, first)


def purpose_of(args: argparse.Namespace, backend: Any, model: Any) -> "Purpose":
    """Say what a temperature is measured for: this annealer, and this model's machine."""
    import hashlib

    from calo4pqvae.annealer.calibration.temperature_file import Purpose
    from calo4pqvae.annealer.chip.working_graph import WorkingGraph
    from calo4pqvae.annealer.jobs.backend import Backend

    digest = hashlib.sha256()
    graph, tensors = model.prior.graph, model.prior.state_dict()
    for tensor in (graph.edges, graph.labels, *(tensors[name] for name in sorted(tensors))):
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    solver, chip = Backend(backend).name, WorkingGraph.of(backend)
    return Purpose(solver, chip.fingerprint, digest.hexdigest()[:16], args.anneal_us)


def _emulated_graph(args: argparse.Namespace, graph: "PartiteGraph | None") -> Any:
    """The working graph that was named; else all of the model's lattice."""
    from calo4pqvae.annealer.chip.working_graph import WorkingGraph, lattice_of

    if args.graph is not None:
        return WorkingGraph.load(args.graph)
    lattice = None if graph is None else lattice_of(graph)
    if lattice is None:
        return None
    return WorkingGraph.perfect(*lattice, f"emulated {args.chip}")


def _first_beta(args: argparse.Namespace, backend: Any, model: Any) -> float:
    """The inverse temperature given, or where to begin measuring it."""
    from calo4pqvae.annealer.calibration.temperature_file import read_temperature
    from calo4pqvae.annealer.chip.constants import chip_of

    args.reference = None
    if args.beta is not None:
        return args.beta
    if getattr(args, "temperature", None) is None:
        chip = chip_of(backend.properties)
        return 8.5 if chip is None else chip.single_qubit_beta
    purpose = purpose_of(args, backend, model)
    beta, args.reference = read_temperature(args.temperature, purpose)
    return beta


def _record(args: argparse.Namespace, backend: Any, seed: int, out: Path) -> Any:
    """A journal where there is something to lose, else marks in memory."""
    import uuid

    from calo4pqvae.annealer.chip.working_graph import WorkingGraph
    from calo4pqvae.annealer.jobs.backend import Backend
    from calo4pqvae.annealer.jobs.journal import Journal
    from calo4pqvae.annealer.jobs.record import Record

    emulated = args.backend == EMULATOR
    folder, resume = getattr(args, "journal", None), getattr(args, "resume", False)
    if folder is None and not emulated and hasattr(args, "journal"):
        folder = out.with_name(f"{out.name}.journal")
    if folder is None:
        return Record(f"emulated-{seed}")
    run = f"emulated-{seed}" if emulated else uuid.uuid4().hex[:12]
    about = {"solver": Backend(backend).name, "graph": WorkingGraph.of(backend).fingerprint}
    journal = Journal(folder, run, about, resume=resume)
    if journal.kept:
        note = f"{folder}: {journal.kept} answers are kept and not asked for again"
        print(f"calo4pqvae: {note}", file=sys.stderr)
    return journal
