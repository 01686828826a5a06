"""`calo4pqvae bench generate`: time and energy of a shower, beside Geant4 and the paper."""

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calo4pqvae.cli.options import LARGEST_SEED, MOST_SWEEPS, number, whole

if TYPE_CHECKING:
    from calo4pqvae.bench.cost import ShowerCost
    from calo4pqvae.bench.latency import Latency
    from calo4pqvae.bench.table_2 import Plan, Ratio

__all__ = ["GENERATE_HELP", "add_generate_arguments", "bench_generate"]

GENERATE_HELP = (
    "time and energy per shower of Geant4 and of a model: table 2 of the paper, measured"
)


def add_generate_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    numbers = {"type": whole(1, 2**31), "metavar": "N"}
    watts = {"type": number("a power"), "metavar": "W"}
    parser.add_argument("--model", required=True, metavar="RUN", help="run or model folder")
    parser.add_argument(
        "--geant4-showers",
        type=whole(0, 2**31),
        metavar="N",
        default=12,
        help="showers of Geant4 per sample and repeat (12); 0 leaves it out",
    )
    parser.add_argument("--repeats", default=5, help="timed repeats (5)", **numbers)
    parser.add_argument(
        "--sweeps",
        type=whole(0, MOST_SWEEPS),
        metavar="N",
        help="Gibbs sweeps (what the model asks for)",
    )
    parser.add_argument(
        "--largest", default=1024, help="bound of the largest batch (1024)", **numbers
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--chip", default="prototype2.6", help="annealer (prototype2.6)")
    parser.add_argument(
        "--anneal-us",
        type=number("a time"),
        default=20.0,
        metavar="T",
        help="annealing time [us] (20)",
    )
    parser.add_argument(
        "--core-watts",
        default=8.0,
        help="power of a core without RAPL (8, the paper's)",
        **watts,
    )
    parser.add_argument(
        "--gpu-watts",
        default=400.0,
        help="power of a GPU without NVML (400, the paper's)",
        **watts,
    )
    parser.add_argument(
        "--geant4-times",
        nargs="+",
        metavar="FILE.h5",
        help="files of simulate: their times stand beside those of single showers",
    )
    parser.add_argument("--seed", type=whole(0, LARGEST_SEED), default=0)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="file to write")


def bench_generate(args: argparse.Namespace) -> int:
    """Measure everything, show it, write the file."""
    from calo4pqvae.annealer.chip.constants import find_chip
    from calo4pqvae.bench.latency import Geant4Times, measure_latency
    from calo4pqvae.bench.table_2 import measure, published_rows, ratios, steps
    from calo4pqvae.cli.console import progress
    from calo4pqvae.models.storage import load_model

    plan, times = _plan(args), Geant4Times(args.geant4_times or [])
    find_chip(plan.chip)
    stored = load_model(args.model)
    if args.sweeps is None:
        plan = replace(plan, sweeps=stored.config.prior.burn_in)
    with progress(steps(stored.model, plan), "showers and repeats") as bar:
        rows = measure(stored.model, plan, lambda note: bar.advance(note=note))
    quotients = ratios(rows)
    _show(rows, published_rows(), quotients)
    single, first = measure_latency(stored.model.to("cpu"), plan.sweeps, times, seed=plan.seed)
    _show_single(single, first)
    if args.output is not None:
        latency = {"energies": [asdict(one) for one in single], **first}
        _write(args.output, plan, rows, quotients, latency)
    return 0


def _plan(args: argparse.Namespace) -> "Plan":
    """Refuse what makes no sense before anything is measured."""
    import torch

    from calo4pqvae.bench.table_2 import Plan
    from calo4pqvae.cli.bench import check_output
    from calo4pqvae.errors import ConfigError

    has_cuda = torch.cuda.is_available()
    if args.device == "cuda" and not has_cuda:
        raise ConfigError("torch finds no CUDA device here; take --device cpu or auto")
    if args.output is not None:
        check_output(args.output)
    both = ("cpu", "cuda") if has_cuda else ("cpu",)
    return Plan(
        devices=both if args.device == "auto" else (args.device,),
        sweeps=args.sweeps or 0,
        repeats=args.repeats,
        geant4_showers=args.geant4_showers,
        largest=args.largest,
        chip=args.chip,
        anneal_us=args.anneal_us,
        core_watts=args.core_watts,
        gpu_watts=args.gpu_watts,
        seed=args.seed,
    )


def _show(
    rows: "list[ShowerCost]", published: "list[ShowerCost]", quotients: "list[Ratio]"
) -> None:
    """Print the tables and, below them, the notes."""
    from calo4pqvae.bench.cost_rows import (
        COST_COLUMNS,
        PUBLISHED_COLUMNS,
        RATIO_COLUMNS,
        cost_rows,
        notes,
        published_cost_rows,
        ratio_rows,
    )
    from calo4pqvae.cli.console import table

    texts = notes(rows + published)
    title = "one shower: measured here, and by the annealer's timing model"
    table(title, COST_COLUMNS, cost_rows(rows, texts))
    table("published", PUBLISHED_COLUMNS, published_cost_rows(published, texts))
    for place, text in enumerate(texts, 1):
        print(f"{place:>3}  {text}")
    if quotients:
        table("how many times faster", RATIO_COLUMNS, ratio_rows(quotients))


def _show_single(single: "list[Latency]", first: dict[str, float | None]) -> None:
    """Print what one shower at a time takes."""
    from calo4pqvae.bench.latency import LATENCY_COLUMNS, latency_rows
    from calo4pqvae.cli.console import table

    table("one shower at a time, one thread", LATENCY_COLUMNS, latency_rows(single))
    words = f"the first call took {1e3 * (first['first_s'] or 0):.3g} ms"
    if first["resident_mib"] is not None:
        words += (
            f" and added {first['added_mib']:.1f} MiB to a process that then had "
            f"{first['resident_mib']:.0f}"
        )
    print(words)


def _write(
    path: Path,
    plan: "Plan",
    rows: "list[ShowerCost]",
    quotients: "list[Ratio]",
    latency: dict[str, Any],
) -> None:
    """Write machine, settings and rows, whole or not at all."""
    from calo4pqvae._core.atomic import write_json
    from calo4pqvae.bench.machine import describe_machine
    from calo4pqvae.bench.table_2 import published_rows

    content = {
        "machine": describe_machine(),
        "plan": asdict(plan),
        "rows": [asdict(row) for row in rows],
        "published": [asdict(row) for row in published_rows()],
        "ratios": [asdict(quotient) for quotient in quotients],
        "latency": latency,
    }
    write_json(path, content)
    print(f"wrote {path}")
