"""Options and words of commands that make showers in shards: `generate` and `simulate`."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calo4pqvae._core.numbers import plain
from calo4pqvae.cli.options import COMPRESSIONS, Rule, names_of, whole
from calo4pqvae.shards.plan import MOST_SHARDS

if TYPE_CHECKING:
    from calo4pqvae.shards.folder import Job, ShardFolder, State
    from calo4pqvae.shards.making import Recipe
    from calo4pqvae.shards.run import Engine

__all__ = [
    "MOST_WORKERS",
    "RULES_OF_SHARDS",
    "add_compression",
    "add_shard_options",
    "check_output",
    "cores",
    "list_missing",
    "make_shards",
]

MOST_WORKERS = 4096
"""Processes of one machine, above the cores of any of today."""


def add_compression(parser: argparse.ArgumentParser) -> None:
    """Declare how files are compressed."""
    parser.add_argument(
        "--compression",
        choices=COMPRESSIONS,
        default="gzip",
        help="of the files (gzip); zstd is 5 %% smaller, and readers need hdf5plugin",
    )


def add_shard_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options that come with `--shards`."""
    group = parser.add_argument_group("shards", "many files in a folder, by many processes")
    group.add_argument(
        "--shards",
        type=whole(1, MOST_SHARDS),
        metavar="M",
        help="write M files into the folder -o; the same words finish what is missing",
    )
    group.add_argument(
        "--shard",
        type=whole(0, MOST_SHARDS),
        metavar="I",
        help="make this one only, counted from 0: for the arrays of batch systems",
    )
    group.add_argument(
        "--list-missing",
        nargs="?",
        const="ranges",
        choices=("ranges", "lines"),
        help="print the numbers of the shards that are missing or altered, as 0-2,7 or one a "
        "line, and end",
    )
    group.add_argument(
        "--dask", metavar="ADDRESS", help="make them on the Dask cluster of this scheduler"
    )


_NAMES = names_of(add_shard_options)

RULES_OF_SHARDS = (
    Rule(
        tuple(name for name in _NAMES if name != "shards"),
        lambda args: args.shards is not None,
        "without --shards M",
    ),
    Rule(("dask",), lambda args: args.shard is None, "beside --shard, which makes one here"),
    Rule(
        ("shard", "dask", "workers"),
        lambda args: args.list_missing is None,
        "beside --list-missing, which makes nothing",
    ),
    Rule(
        ("workers",),
        lambda args: args.dask is None and args.shard is None,
        "beside --dask or --shard, which start no processes here",
    ),
    Rule(
        ("overwrite",),
        lambda args: args.shards is None,
        "with --shards, where only what is missing or altered is written; remove the folder to "
        "start anew",
    ),
)
"""When the options of shards do something."""


def check_output(args: argparse.Namespace) -> None:
    """See that -o names what is written: a file of showers, or a folder of shards.

    Raises:
        ConfigError: it does not.
    """
    from calo4pqvae.cli.options import shower_target
    from calo4pqvae.errors import ConfigError

    if args.shards is None:
        try:
            shower_target(args.out)
        except argparse.ArgumentTypeError as error:
            raise ConfigError(f"-o: {error}, or add --shards M for a folder") from None
    elif args.out.lower().endswith((".h5", ".hdf5")):
        raise ConfigError(f"with --shards, -o names a folder, not the file {args.out}")
    if args.shard is not None and args.shards is not None and args.shard >= args.shards:
        raise ConfigError(
            f"there is no shard {args.shard}; --shards {args.shards} are 0 to {args.shards - 1}"
        )


def list_missing(args: argparse.Namespace) -> int:
    """Print which shards are missing, from the manifest and the files alone."""
    from calo4pqvae.shards.folder import ShardFolder
    from calo4pqvae.shards.run import missing_ranges

    if Path(args.out, "job.json").exists():
        numbers = [shard.number for shard in ShardFolder(args.out).state().missing]
    else:
        numbers = list(range(args.shards))
    if args.list_missing == "lines":
        print("".join(f"{number}\n" for number in numbers), end="")
    elif numbers:
        print(missing_ranges(numbers))
    return 0


def make_shards(
    args: argparse.Namespace, job: "Job", recipe: "Recipe", maker: Any, *, gpu: bool = False
) -> int:
    """Make one shard, or all that are missing, and tell what was done.

    Arguments:
        args: the options.
        job: what the folder is for.
        recipe: makes makers in other processes.
        maker: a maker of this process.
        gpu: whether each process takes a GPU.
    """
    from calo4pqvae.shards.folder import ShardFolder
    from calo4pqvae.shards.making import make_shard

    folder = ShardFolder.begin(args.out, job)
    if args.shard is not None:
        entry = make_shard(folder, maker, job.plan.shards[args.shard])
        print(
            f"{folder.shard_path(entry.shard)}: showers {entry.shard.range}, made on "
            f"{entry.host} in {plain(entry.seconds, 4)} s, sha256 {entry.sha256[:16]}"
        )
        return 0
    return _make_all(folder, recipe, _engine(args, gpu))


def _make_all(folder: "ShardFolder", recipe: "Recipe", engine: "Engine") -> int:
    """Make what is missing, showing progress."""
    from calo4pqvae.cli.console import progress
    from calo4pqvae.shards.run import Told, run_shards

    plan = folder.job.plan
    with progress(plan.n, "showers") as bar:

        def on_state(state: "State") -> None:
            for note in state.notes:
                print(f"{note}; it is made again" if note.startswith("shard") else note)
            if state.finished:
                print(f"{len(state.finished)} of {plan.count} shards are there already")
                bar.advance(sum(entry.n for entry in state.finished))

        state = run_shards(
            folder,
            recipe,
            engine,
            Told(on_state=on_state, on_showers=bar.advance, on_note=print),
        )
    size = sum(entry.size for entry in state.finished)
    merge = shlex.join(["calo4pqvae", "merge", str(folder.path), "-o", "ALL.h5"])
    print(
        f"{plan.n} showers in {plan.count} shards in {folder.path}, {plain(size / 1e6, 4)} MB; "
        f"make one file of them with: {merge}"
    )
    return 0


def _engine(args: argparse.Namespace, gpu: bool) -> "Engine":
    """Where the makers run."""
    from calo4pqvae.shards.run import by_processes

    if args.dask is not None:
        from calo4pqvae.shards.dask_engine import by_dask

        return by_dask(args.dask)
    gpus = _gpus() if gpu else ()
    return by_processes(args.workers or len(gpus) or cores(), gpus)


def _gpus() -> tuple[str, ...]:
    """GPUs that this process sees."""
    import os

    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named:
        return tuple(named.split(","))
    return tuple(str(number) for number in range(torch.cuda.device_count()))


def cores() -> int:
    """Cores that this process may use."""
    import os

    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
