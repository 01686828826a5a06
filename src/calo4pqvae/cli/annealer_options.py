"""Options about annealers, and from options to a sampler: real or emulated."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from calo4pqvae.annealer.calibration.matching import Fit
    from calo4pqvae.annealer.jobs.budget import Plan
    from calo4pqvae.annealer.sampler import AnnealerSampler
    from calo4pqvae.boltzmann.graph import PartiteGraph
    from calo4pqvae.models.base import ShowerModel

__all__ = [
    "BATCH",
    "BATCHES",
    "CHIPS",
    "EMULATOR",
    "add_annealer_options",
    "add_use_options",
    "batch_of",
    "calibrate",
    "make_sampler",
    "open_backend",
    "parts_of",
    "plan_of",
]

EMULATOR = "emulator"
CHIPS = ("system1", "system2", "system4", "prototype2.6")

BATCH, BATCHES = 128, 8
"""Reads of a batch that measures the temperature, and batches at most."""

_CONDITIONS = 8
"""Different incident energies in a batch that measures the temperature."""


def add_annealer_options(parser: argparse.ArgumentParser) -> None:
    """Declare what concerns the chip."""
    group = parser.add_argument_group("annealer", "which chip, real or emulated")
    group.add_argument("--solver", metavar="NAME", help="name of a D-Wave solver")
    group.add_argument(
        "--chip", choices=CHIPS, default="system4", help="chip that is emulated (system4)"
    )
    group.add_argument(
        "--graph",
        type=Path,
        metavar="GRAPH.json",
        help="working graph of the emulated chip; default: the model's lattice, all of it",
    )
    group.add_argument(
        "--hidden-beta",
        type=float,
        default=8.5,
        metavar="B",
        help="inverse temperature of the emulated chip, which is then measured (8.5)",
    )
    group.add_argument(
        "--imperfections",
        choices=("none", "typical"),
        default="typical",
        help="errors of the emulated chip's control, flux and readout (typical)",
    )
    group.add_argument(
        "--max-seconds", type=float, metavar="S", help="annealer time that may be spent [s]"
    )
    group.add_argument(
        "--journal",
        type=Path,
        metavar="DIR",
        help="folder that keeps every answer; a real annealer needs one (OUT.journal)",
    )
    group.add_argument(
        "--resume", action="store_true", help="send only what is not in the journal"
    )


def add_use_options(parser: argparse.ArgumentParser) -> None:
    """Declare how the chip is used."""
    group = parser.add_argument_group("use of the annealer")
    group.add_argument(
        "--beta", type=float, metavar="B", help="inverse temperature; measured when absent"
    )
    group.add_argument(
        "--temperature",
        type=Path,
        metavar="FILE.json",
        help="take the inverse temperature that 'annealer temperature' has measured",
    )
    group.add_argument(
        "--rule",
        choices=("energy", "likelihood", "paper"),
        default="energy",
        help="how to measure it: equal mean energies (energy), pseudo-likelihood, or the "
        "paper's scaling",
    )
    group.add_argument(
        "--conditioning",
        choices=("fold", "flux"),
        default="fold",
        help="hold the energy's bits in the fields of the others, or by flux biases (paper)",
    )
    group.add_argument(
        "--mode",
        choices=("shared", "single"),
        default="shared",
        help="many reads per programming where energies agree, or a programming for each "
        "shower (paper)",
    )
    group.add_argument(
        "--gauges",
        type=int,
        default=0,
        metavar="K",
        help="programmings with reversed spins (0)",
    )
    group.add_argument(
        "--copies",
        type=_copies,
        default=1,
        metavar="N",
        help="copies of the model, or 'auto' (1)",
    )
    group.add_argument(
        "--out-of-range",
        choices=("refuse", "rescale", "clip"),
        default="refuse",
        help="what to do with values that the chip cannot hold (refuse)",
    )
    group.add_argument(
        "--holding-field",
        type=float,
        metavar="H",
        help="field of the flux biases (recommended)",
    )
    group.add_argument(
        "--anneal-us", type=float, default=20.0, metavar="T", help="annealing time [us] (20)"
    )


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
            beta=args.hidden_beta,
            graph=_emulated_graph(args, graph),
            imperfections=IMPERFECTIONS[args.imperfections],
            seed=seed,
        )
    from calo4pqvae.annealer.chip.solvers import open_solver

    return open_solver(args.solver)


def make_sampler(
    args: argparse.Namespace, graph: "PartiteGraph", seed: int, out: Path
) -> "AnnealerSampler":
    """Make the sampler that the options ask for; `args.opened` will close it.

    Raises:
        ConfigError: options do not fit each other.
        AnnealerError: the chip lacks what the model needs, or the journal is another one's.
    """
    from calo4pqvae._core.rng import SharedNoise
    from calo4pqvae.annealer.sampler import AnnealerSampler, Settings
    from calo4pqvae.errors import ConfigError

    if args.backend != EMULATOR and args.max_seconds is None:
        raise ConfigError("say how much of a real annealer may be spent: --max-seconds S")
    if args.beta is not None and args.temperature is not None:
        raise ConfigError("--beta and --temperature exclude each other")
    backend = open_backend(args, graph, seed)
    args.opened.callback(getattr(backend, "close", lambda: None))
    settings = Settings(
        beta=_first_beta(args, backend),
        conditioning=args.conditioning,
        mode=args.mode,
        gauges=args.gauges,
        copies=args.copies,
        out_of_range=args.out_of_range,
        holding_field=args.holding_field,
        anneal_us=args.anneal_us,
        limit_s=args.max_seconds,
    )
    record = _record(args, backend, seed, out)
    args.opened.callback(record.close)
    return AnnealerSampler(graph, backend, SharedNoise(seed), settings, record=record)


def calibrate(
    args: argparse.Namespace,
    sampler: "AnnealerSampler",
    model: "ShowerModel",
    e_inc: "np.ndarray",
    *,
    reads: int = BATCH,
    iterations: int = BATCHES,
    sweeps: int = 500,
) -> "Fit":
    """Measure the annealer's temperature at energies of the job, telling each step."""
    from calo4pqvae._core.rng import SharedNoise, derive_seed
    from calo4pqvae.annealer.calibration.matching import match_temperature
    from calo4pqvae.annealer.calibration.temperature import Reference
    from calo4pqvae.boltzmann.samplers.choose import choose_sampler

    problem, code = batch_of(args, model, e_inc, reads)
    noise = SharedNoise(derive_seed(args.seed, 7))
    classical = choose_sampler(model.prior.graph, noise)
    reference = Reference.sample(problem, code, classical, sweeps)
    return match_temperature(
        sampler,
        problem,
        code,
        reference,
        rule=args.rule,
        iterations=iterations,
        on_step=lambda step: print(
            f"  at {step.tried:.4g}: energy {step.energy} above the classical one; beta "
            f"{step.by_energy} by energies, {step.by_likelihood or 'none'} by likelihood"
        ),
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


def batch_of(
    args: argparse.Namespace, model: "ShowerModel", e_inc: "np.ndarray", reads: int
) -> tuple[Any, Any]:
    """State the problem of a batch that measures the temperature, over energies of the job.

    Where couplings depend on the energy, the batch stays with those of most showers.
    """
    import numpy as np
    import torch

    groups = model.prior.groups(model.scale(torch.from_numpy(e_inc)))
    mine = np.sort(e_inc[max(groups, key=len).numpy(), 0])
    distinct = reads if args.mode == "single" else _CONDITIONS
    place = np.linspace(0, len(mine) - 1, distinct).round().astype(int)
    energies = mine[place][np.arange(reads) % distinct]
    t, code = model.condition(torch.from_numpy(energies)[:, None])
    return model.prior.problem(t), code


def _copies(word: str) -> int | None:
    """Read a number of copies; None for as many as fit."""
    if word == "auto":
        return None
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"a number above zero or 'auto', not {word!r}")
    return int(word)


def _emulated_graph(args: argparse.Namespace, graph: "PartiteGraph | None") -> Any:
    """The working graph that was named; else all of the model's lattice."""
    from calo4pqvae.annealer.chip.working_graph import WorkingGraph, lattice_of

    if args.graph is not None:
        return WorkingGraph.load(args.graph)
    lattice = None if graph is None else lattice_of(graph)
    if lattice is None:
        return None
    return WorkingGraph.perfect(*lattice, f"emulated {args.chip}")


def _first_beta(args: argparse.Namespace, backend: Any) -> float:
    """The inverse temperature given, or where to begin measuring it."""
    from calo4pqvae.annealer.sampler import chip_of
    from calo4pqvae.errors import ConfigError

    if args.beta is not None:
        return args.beta
    if args.temperature is None:
        chip = chip_of(backend.properties)
        return 8.5 if chip is None else chip.single_qubit_beta
    import json

    try:
        return float(json.loads(args.temperature.read_text(encoding="utf-8"))["beta"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{args.temperature}: holds no measured temperature; make it with "
            "'calo4pqvae annealer temperature -o FILE.json'"
        ) from error


def _record(args: argparse.Namespace, backend: Any, seed: int, out: Path) -> Any:
    """A journal where there is something to lose, else marks in memory."""
    import uuid

    from calo4pqvae.annealer.chip.working_graph import WorkingGraph
    from calo4pqvae.annealer.jobs.backend import Backend
    from calo4pqvae.annealer.jobs.journal import Journal, Record
    from calo4pqvae.errors import ConfigError

    emulated = args.backend == EMULATOR
    folder = args.journal
    if folder is None and not emulated:
        folder = out.with_name(f"{out.name}.journal")
    if folder is None:
        if args.resume:
            raise ConfigError("--resume needs the journal of the earlier run: --journal DIR")
        return Record(f"emulated-{seed}")
    run = f"emulated-{seed}" if emulated else uuid.uuid4().hex[:12]
    about = {"solver": Backend(backend).name, "graph": WorkingGraph.of(backend).fingerprint}
    return Journal(folder, run, about, resume=args.resume)
