"""`calo4pqvae bench`: measure this package beside other people's software."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from calo4pqvae.bench import SAMPLERS
from calo4pqvae.cli.bench_generate import (
    GENERATE_HELP,
    add_generate_arguments,
    bench_generate,
)
from calo4pqvae.cli.options import LARGEST_SEED, Rule, whole

if TYPE_CHECKING:
    from calo4pqvae.bench.harness import BenchConfig, Result
    from calo4pqvae.bench.samplers import Contender

__all__ = ["HELP", "add_arguments", "check_output", "require_range", "run"]

RULES = (
    Rule(
        ("core_watts",),
        lambda args: args.device != "cuda" or args.geant4_showers > 0,
        "where neither Geant4 nor the model runs on the processor; leave it out",
    ),
    Rule(
        ("threads",),
        lambda args: args.device != "cuda",
        "on a GPU alone; leave it out, or choose --device cpu or auto",
    ),
    Rule(
        ("gpu_watts",),
        lambda args: args.device != "cpu",
        "with --device cpu; leave it out, or choose --device cuda or auto",
    ),
)

HELP = "measure samplers beside other people's, and showers beside Geant4"

SAMPLER_HELP = "spin updates per second of our samplers and of every installed peer"

LARGEST_GRID = 20
FEWEST_STATES = 32
"""Chains times rounds below which errors of mean energies mean little."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the benchmarks, each with its options."""
    benches = parser.add_subparsers(metavar="BENCH", required=True)
    sampler = benches.add_parser(
        "sampler", help=SAMPLER_HELP, description=SAMPLER_HELP, allow_abbrev=False
    )
    _add_sampler_arguments(sampler)
    sampler.set_defaults(bench=_bench_samplers)
    generate = benches.add_parser(
        "generate", help=GENERATE_HELP, description=GENERATE_HELP, allow_abbrev=False
    )
    add_generate_arguments(generate)
    generate.set_defaults(bench=bench_generate)
    for bench in (sampler, generate):
        bench.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )


def run(args: argparse.Namespace) -> int:
    """Run the benchmark that was named."""
    return args.bench(args)


def _add_sampler_arguments(parser: argparse.ArgumentParser) -> None:
    numbers = {"type": whole(1, 2**31), "metavar": "N"}
    parser.add_argument(
        "--grid",
        nargs="+",
        default=[6, 12],
        help="sizes m of the Zephyr lattices, 16 m (2m + 1) nodes each (6 12)",
        **numbers,
    )
    parser.add_argument("--chains", default=256, help="chains run together (256)", **numbers)
    parser.add_argument("--sweeps", default=200, help="sweeps of each chain (200)", **numbers)
    parser.add_argument(
        "--threads", nargs="+", help="numbers of threads (1 2, as far as there are)", **numbers
    )
    parser.add_argument("--repeats", default=5, help="timed rounds (5)", **numbers)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=SAMPLERS,
        default=SAMPLERS,
        metavar="NAME",
        help=f"samplers to measure (all): {', '.join(SAMPLERS)}",
    )
    parser.add_argument(
        "--seed", type=whole(0, LARGEST_SEED), default=0, help="seed of the samplers (0)"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="file to write")


def _bench_samplers(args: argparse.Namespace) -> int:
    """Measure on each lattice, show it, refuse disagreement, write the file."""
    from calo4pqvae.bench.harness import BenchConfig
    from calo4pqvae.bench.samplers import contenders

    threads = _check(args)
    rows, left_out = contenders(args.only, args.device, threads)
    config = BenchConfig(args.chains, args.sweeps, args.repeats, args.seed)
    everything: list[Result] = []
    for m in args.grid:
        results, unable = _race(rows, m, config)
        left_out |= unable
        everything += results
        if results:
            _show(results)
    _tell_left_out(left_out, everything)
    if args.output is not None:
        _write(everything, args.output)
    return 0


def _race(
    rows: "Sequence[Contender]", m: int, config: "BenchConfig"
) -> "tuple[list[Result], dict[str, str]]":
    """Run the race under a progress bar, a step per call of a sampler."""
    from calo4pqvae.bench.harness import race
    from calo4pqvae.bench.lattice_problem import lattice_problem
    from calo4pqvae.cli.console import progress

    lattice = lattice_problem(m)
    with progress(len(rows) * (1 + config.repeats), lattice.whole.graph.lattice) as bar:
        found = race(rows, lattice, config, on_turn=lambda label: bar.advance(note=label))
        bar.advance(0, "all have run")
    return found


def _show(results: "list[Result]") -> None:
    """Print the table, then refuse it if the samplers do not agree."""
    from calo4pqvae.bench.agreement import check_agreement
    from calo4pqvae.bench.table import COLUMNS, caption, rows
    from calo4pqvae.cli.console import table

    table(caption(results), COLUMNS, rows(results))
    check_agreement(results)


def _tell_left_out(left_out: Mapping[str, str], results: "Sequence[Result]") -> None:
    """List who did not take part; that is an error if nobody did."""
    from calo4pqvae.errors import ConfigError

    reasons = [f"{name}, {reason}" for name, reason in left_out.items()]
    if not results:
        raise ConfigError(f"no sampler is left to measure: {'; '.join(reasons)}")
    for reason in reasons:
        print(f"left out: {reason}")
    if len({result.name for result in results}) == 1:
        print("only one sampler has run, so that its mean energy was compared with no other")


def _write(results: "Sequence[Result]", path: Path) -> None:
    """Write machine and results, whole or not at all."""
    from dataclasses import asdict

    from calo4pqvae._core.atomic import write_json
    from calo4pqvae.bench.machine import describe_machine

    content = {"machine": describe_machine(), "results": [asdict(r) for r in results]}
    write_json(path, content)
    print(f"wrote {path}")


def _check(args: argparse.Namespace) -> list[int]:
    """Refuse numbers out of range; return the numbers of threads."""
    from calo4pqvae.bench.machine import available_cores
    from calo4pqvae.errors import ConfigError

    cores = available_cores()
    threads = args.threads or [n for n in (1, 2) if n <= cores]
    require_range("--grid", args.grid, 1, LARGEST_GRID)
    require_range("--threads", threads, 1, cores)
    if args.chains * args.repeats < FEWEST_STATES:
        raise ConfigError(
            f"{args.chains} chains in {args.repeats} rounds are too few to compare energies; "
            f"their product must be at least {FEWEST_STATES}"
        )
    if args.output is not None:
        check_output(args.output)
    return threads


def require_range(
    option: str, values: Sequence[int], low: int, high: int | None = None
) -> None:
    """Refuse numbers out of range.

    Raises:
        ConfigError: naming the option and its limits.
    """
    from calo4pqvae.errors import ConfigError

    for value in values:
        if value < low or (high is not None and value > high):
            limits = f"at least {low}" if high is None else f"between {low} and {high}"
            raise ConfigError(f"{option} must be {limits}, not {value}")


def check_output(path: Path) -> None:
    """Refuse before the work what could not be written after it.

    Raises:
        OutputError: saying why.
    """
    import os

    from calo4pqvae._core.atomic import check_target
    from calo4pqvae.errors import OutputError

    check_target(path, overwrite=True)
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path}: its folder cannot be written to; name another file")
