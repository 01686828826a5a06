"""`calo4pqvae annealer`: look at a chip, plan a job, measure its temperature, check it."""

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calo4pqvae._core.numbers import plain
from calo4pqvae.cli.annealer_job import measure
from calo4pqvae.cli.annealer_options import (
    EMULATOR,
    RULES_OF_USE,
    add_annealer_options,
    add_use_options,
    fill_in,
)
from calo4pqvae.cli.annealer_rehearse import add_rehearsal_options, rehearse
from calo4pqvae.cli.annealer_repair import add_repair_options, repair_for_chip
from calo4pqvae.cli.annealer_report import time_rows
from calo4pqvae.cli.annealer_setup import make_sampler, open_backend
from calo4pqvae.cli.annealer_shim import add_shim_options, shim_chip
from calo4pqvae.cli.inputs import ONE_SOURCE
from calo4pqvae.cli.options import LARGEST_SEED, MOST_SHOWERS, Rule, number, whole
from calo4pqvae.cli.remedies import with_remedy
from calo4pqvae.pretrained import PRETRAINED_PAPER

if TYPE_CHECKING:
    from calo4pqvae.annealer.jobs.budget import Plan
    from calo4pqvae.annealer.request import Request
    from calo4pqvae.annealer.sampler import AnnealerSampler

__all__ = ["HELP", "add_arguments", "run"]

HELP = "look at a quantum annealer, plan its use, measure its temperature, check it"

TASKS = {
    "status": "what a chip is like, and whether a model fits on it",
    "repair": "lay a model on a chip with holes, and fit anew what is missing",
    "plan": "reads, programmings, seconds and joules of a job, without sending it",
    "shim": "measure the fields and couplings that a chip makes of zeros",
    "temperature": "measure the inverse temperature for a model",
    "rehearse": "the first day on a chip, from repair to showers, on one page",
    "check": "try everything that generating relies on, in a few programmings",
}


_LEAST = 16
"""Reads of a batch at least: two in each of eight programmings."""

_MOST = 10**9
"""Reads of a batch, or batches; more would take years."""


def _measures(args: argparse.Namespace) -> bool:
    """Whether the task measures at the energies of a job, or plans one."""
    told = getattr(args, "beta", None), getattr(args, "temperature", None)
    return args.task is not _check or told == (None, None)


RULES = (
    Rule(
        ("solver",),
        lambda args: args.backend in {"any", EMULATOR, args.solver},
        "beside --backend, which names another; leave out one of them",
    ),
    *RULES_OF_USE,
    Rule(
        ("seed",),
        lambda args: args.task is not _status or (args.backend == EMULATOR and not args.graph),
        "for the status of a chip whose working graph is known; leave it out",
    ),
    Rule(
        ("n", "mode", "gauges"),
        _measures,
        "in a check whose temperature is given, as it tries one energy and its own "
        "programmings; leave it out",
    ),
    Rule(
        ("out_of_range",),
        lambda args: args.task is not _plan,
        "in a plan, which tells what is out of range and changes no value; leave it out",
    ),
    ONE_SOURCE,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the tasks, each with its options."""
    tasks = parser.add_subparsers(metavar="TASK", required=True)
    for name, text in TASKS.items():
        task = tasks.add_parser(name, help=text, description=text, allow_abbrev=False)
        task.add_argument(
            "--backend",
            default=EMULATOR,
            metavar="emulator|SOLVER",
            help="the emulator (default), 'any' solver of the account, or one by name",
        )
        task.add_argument(
            "--model",
            default=None if name == "status" else PRETRAINED_PAPER,
            metavar="RUN",
            help="run or model folder (pretrained-paper, which has a clamped partition)",
        )
        task.add_argument("--seed", type=whole(0, LARGEST_SEED), default=0)
        task.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )
        sends = name in {"shim", "temperature", "check", "rehearse"}
        add_annealer_options(task, limited=name not in {"status", "repair"}, sends=sends)
        if name == "repair":
            add_repair_options(task)
        elif name == "status":
            task.add_argument(
                "--save-graph", type=Path, metavar="GRAPH.json", help="write the working graph"
            )
        elif name == "rehearse":
            add_rehearsal_options(task)
        elif name == "shim":
            add_shim_options(task)
        else:
            knows = name != "temperature"
            add_use_options(task, knows=knows, measures=sends, relaxes=False)
            _add_job(task, name)
        task.set_defaults(task=globals()[f"_{name}"])


def run(args: argparse.Namespace) -> int:
    """Run the task that was named."""
    if args.backend not in {EMULATOR, "any"}:
        args.solver = args.backend
    fill_in(args)
    with ExitStack() as args.opened:
        return args.task(args)


def _add_job(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument(
        "-n", type=whole(1, MOST_SHOWERS), default=1000, metavar="N", help="showers (1000)"
    )
    parser.add_argument(
        "--energy-gev",
        nargs="+",
        type=number("an energy"),
        metavar="E",
        help="one energy, or a range [GeV]",
    )
    parser.add_argument(
        "--energies-from", metavar="FILE.h5", help="take the incident energies of this file"
    )
    if name != "plan":
        parser.add_argument(
            "--reads",
            type=whole(_LEAST, _MOST),
            default=256 if name == "check" else 128,
            metavar="N",
            help="reads of a batch (128; 256 in a check)",
        )
    if name == "temperature":
        parser.add_argument(
            "--iterations",
            type=whole(1, _MOST),
            default=8,
            metavar="N",
            help="batches at most (8)",
        )
        parser.add_argument("-o", "--out", type=Path, metavar="FILE.json", help="file to write")


def _status(args: argparse.Namespace) -> int:
    """Describe the chip, and where a model lies on it."""
    from calo4pqvae.annealer.chip.constants import chip_of
    from calo4pqvae.annealer.chip.working_graph import WorkingGraph
    from calo4pqvae.annealer.programs.placement import place

    if args.backend == "any" and args.solver is None:
        _list_solvers()
    graph = _model(args).prior.graph if args.model else None
    backend = open_backend(args, None, args.seed)
    args.opened.callback(getattr(backend, "close", lambda: None))
    chip, known = WorkingGraph.of(backend), chip_of(backend.properties)
    p = backend.properties
    facts: dict[str, object] = {
        "chip": chip.name,
        "lattice": f"{chip.lattice}, {len(chip.qubits)} of {chip.n_places} qubits work, "
        f"{len(chip.couplers)} couplers",
        "graph id": chip.graph_id or "none stated",
        "largest model": f"4 x {chip.lay_out().sizes[0]} nodes",
        "h": p["h_range"],
        "J": p.get("extended_j_range", p["j_range"]),
        "sum of J": p.get(
            "per_group_coupling_range", p.get("per_qubit_coupling_range", "none")
        ),
        "constants": "published" if known and known.freeze_out_GHz else "not published",
    }
    for name, value in facts.items():
        print(f"{name + ':':<15} {value}")
    if args.save_graph is not None:
        chip.save(args.save_graph)
        print(f"wrote {args.save_graph}")
    if graph is not None:
        copies = place(graph, chip, None).copies
        print(f"{'model:':<15} 4 x {graph.sizes[0]} nodes fit, {copies} times side by side")
    return 0


_repair, _shim, _rehearse = repair_for_chip, shim_chip, rehearse


def _list_solvers() -> None:
    from calo4pqvae.annealer.chip.solvers import list_solvers
    from calo4pqvae.cli.console import table

    rows = [(s.name, s.num_active_qubits, s.avg_load) for s in list_solvers()]
    table("solvers of this account", ("solver", "qubits", "load"), rows)


def _plan(args: argparse.Namespace) -> int:
    """Print costs of the job on the chosen chip and, beside it, in the other mode."""
    from dataclasses import replace

    from calo4pqvae.cli.console import table

    sampler, request = _open(args)
    showers, plans = len(request.clamped), {}
    for mode in ("shared", "single"):
        sampler.settings = replace(sampler.settings, mode=mode)
        plans[mode] = request.plan(sampler)
    rows, chosen = [(mode, *_cells(plan)) for mode, plan in plans.items()], plans[args.mode]
    name = sampler.dispatcher.backend.name
    heads = (
        "mode",
        "programmings",
        "reads",
        "unused",
        "annealer s",
        "without programming s",
        "kJ",
    )
    table(f"{showers} showers on {name}", heads, rows)
    first, *others = (sampler.check_ranges(*part) for part in request.parts())
    print(f"values: {sum(others, first)}")
    table(f"per shower, mode {args.mode}", *time_rows(chosen.time, showers))
    chosen.check(args.max_seconds)
    return 0


def _temperature(args: argparse.Namespace) -> int:
    """Measure, tell, and write the result."""
    from calo4pqvae._core.atomic import write_json
    from calo4pqvae.annealer.calibration.temperature_file import Purpose, describe_temperature

    sampler, request = _open(args)
    fit = measure(args, sampler, request)
    if args.out is not None:
        backend = sampler.dispatcher.backend.sampler
        purpose = Purpose.of(backend, request.machine, args.anneal_us)
        write_json(args.out, describe_temperature(fit, purpose))
        print(f"wrote {args.out}")
    return 0 if fit.converged else 3


def _check(args: argparse.Namespace) -> int:
    """Try mapping, ranges, conditioning, temperature and memory."""
    from calo4pqvae.annealer.calibration.checkup import check_up

    sampler, request = _open(args)
    converged = True
    if args.beta is None and args.temperature is None:
        converged = measure(args, sampler, request).converged
    findings = check_up(sampler, *request.first().parts()[0], args.reads)
    for finding in findings:
        told = with_remedy(finding.text, finding.remedy)
        print(f"{'ok ' if finding.good else 'NO '} {finding.name}: {told}")
    u = sampler.usage
    print(
        f"used: {u.programmings} programmings, {u.reads} reads, {plain(1e-6 * u.time.total)} s"
    )
    return 0 if converged and all(finding.good for finding in findings) else 3


def _cells(plan: "Plan") -> tuple[str, ...]:
    return (
        f"{plan.programmings}",
        f"{plan.reads}",
        f"{plan.surplus}",
        plain(plan.seconds, 4),
        plain(1e-6 * plan.time.sampling, 4),
        plain(plan.joules / 1e3),
    )


def _model(args: argparse.Namespace) -> Any:
    from calo4pqvae.models.storage import load_model

    return load_model(args.model).model


def _open(args: argparse.Namespace) -> "tuple[AnnealerSampler, Request]":
    from calo4pqvae.cli.generate import read_energies
    from calo4pqvae.generation.request import request_of

    model = _model(args)
    request = request_of(model, read_energies(args, model))
    out = getattr(args, "out", None) or Path(f"annealer-{args.task.__name__.strip('_')}")
    if args.task is _plan and args.max_seconds is None:
        args.max_seconds = float("inf")
    return make_sampler(args, request.machine, out), request
