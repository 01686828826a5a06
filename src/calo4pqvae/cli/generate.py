"""`calo4pqvae generate`: a trained model and energies in, a shower file out."""

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from calo4pqvae.boltzmann.samplers.registry import SAMPLERS
from calo4pqvae.cli.annealer_options import (
    EMULATOR,
    RULES_OF_USE,
    add_annealer_options,
    add_use_options,
)
from calo4pqvae.cli.energies import ONE_SOURCE, add_energies, described_energies
from calo4pqvae.cli.options import (
    LARGEST_SEED,
    MOST_SHOWERS,
    MOST_SWEEPS,
    Rule,
    names_of,
    whole,
)
from calo4pqvae.cli.sharding import (
    MOST_WORKERS,
    RULES_OF_SHARDS,
    add_compression,
    add_shard_options,
    check_output,
)

if TYPE_CHECKING:
    import numpy as np
    import torch

    from calo4pqvae.models.base import ShowerModel
    from calo4pqvae.models.storage import StoredModel
    from calo4pqvae.shards.making import Recipe

HELP = "generate showers with a trained model"

ANNEALER, AUTO = "annealer", "auto"

LIMIT = 131_072
"""Sweeps after which a measurement of sweeps gives up; the pretrained model needs half of them
at its highest energies."""


def _anneals(args: argparse.Namespace) -> bool:
    return args.sampler in {EMULATOR, ANNEALER}


RULES = (
    Rule(
        ("resume",),
        _anneals,
        "with a classical sampler, which keeps no showers of a job that was broken off; leave "
        "it out, or add --shards M, which goes on when the same words are given again",
    ),
    Rule(
        names_of(add_annealer_options, add_use_options),
        _anneals,
        "with a classical sampler; leave it out, or choose --sampler emulator or annealer",
    ),
    Rule(
        ("sweeps", "most_sweeps"),
        lambda args: not _anneals(args),
        "with an annealer, which makes no sweeps; leave it out",
    ),
    Rule(("most_sweeps",), lambda args: args.sweeps == AUTO, "without --sweeps auto"),
    ONE_SOURCE,
    Rule(
        ("first", *names_of(add_shard_options)),
        lambda args: not _anneals(args),
        "with an annealer, whose reads are drawn for one job; leave it out",
    ),
    Rule(("workers",), lambda args: args.shards is not None, "without --shards M"),
    *RULES_OF_SHARDS,
    *RULES_OF_USE,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--model",
        required=True,
        metavar="RUN",
        help="run or model folder, 'pretrained', 'pretrained-cells', 'pretrained-paper', or hf://OWNER/NAME",
    )
    parser.add_argument(
        "-o",
        "--out",
        required=True,
        metavar="FILE.h5|DIR",
        help="file to write; with --shards, folder of files",
    )
    add_energies(parser, "; default: the model's range")
    parser.add_argument(
        "--sweeps",
        type=_sweeps,
        default=None,
        metavar="N",
        help="Gibbs sweeps per shower (what the model asks for), or 'auto': measured on the "
        "energies of the job",
    )
    parser.add_argument(
        "--most-sweeps",
        type=whole(64, MOST_SWEEPS),
        default=LIMIT,
        metavar="N",
        help=f"sweeps after which '--sweeps auto' gives up ({LIMIT})",
    )
    parser.add_argument(
        "--values",
        choices=["drawn", "point", "literal"],
        help="of models that have all: voxels drawn from measured distributions (default), "
        "single values with measured distributions of hits and totals, or the paper's, "
        "nothing measured",
    )
    parser.add_argument("--seed", type=whole(0, LARGEST_SEED), default=0)
    parser.add_argument(
        "--batch-size",
        type=whole(1, MOST_SHOWERS),
        default=1024,
        help="showers in memory together, which changes no shower (1024)",
    )
    parser.add_argument(
        "--sampler",
        choices=["auto", *SAMPLERS, EMULATOR, ANNEALER],
        default="auto",
        help="sampler of the prior; auto takes the fastest that fits the device, the last two "
        "are a quantum annealer, emulated or real",
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    add_compression(parser)
    add_shard_options(parser)
    parser.add_argument(
        "--workers",
        type=whole(1, MOST_WORKERS),
        metavar="N",
        help="processes for --shards (default: one for each core, or GPU)",
    )
    add_annealer_options(parser)
    add_use_options(parser)


def run(args: argparse.Namespace) -> int:
    """Generate into a file or into shards, then close what was opened for it."""
    from calo4pqvae._core.atomic import check_target
    from calo4pqvae._core.lock import output_lock
    from calo4pqvae.cli.sharding import list_missing

    check_output(args)
    if args.list_missing is not None:
        return list_missing(args)
    if args.shards is not None:
        return _generate_shards(args)
    check_target(Path(args.out), args.overwrite)
    with output_lock(args.out, "generate"), ExitStack() as args.opened:
        n = _anneal(args) if _anneals(args) else _generate(args)
    print(f"{n} showers written to {args.out}")
    return 0


def _generate(args: argparse.Namespace) -> int:
    """Generate a file with a Gibbs sampler, showing progress; return the number of showers."""
    from calo4pqvae.cli.console import progress
    from calo4pqvae.generation.maker import ShowerMaker
    from calo4pqvae.shards.plan import Shard

    recipe, n, stored = _recipe(args)
    maker = ShowerMaker(**recipe.options, stored=stored)
    with progress(n, "showers") as bar:
        shard = Shard(0, args.first, n)
        maker.make(shard, Path(args.out), overwrite=args.overwrite, on_batch=bar.advance)
    return n


def _generate_shards(args: argparse.Namespace) -> int:
    """Generate a folder of shards, or what is missing of it."""
    from calo4pqvae.cli.sharding import make_shards
    from calo4pqvae.generation.maker import ShowerMaker
    from calo4pqvae.shards.folder import Job
    from calo4pqvae.shards.plan import Plan, Shard

    recipe, n, stored = _recipe(args)
    plan = Plan(args.first, n, args.shards)
    maker = ShowerMaker(**recipe.options, stored=stored)
    maker.check(Shard(0, args.first, n))
    job = Job(maker.facts, plan, {"compression": args.compression})
    gpu = recipe.options["device"] == "cuda"
    return make_shards(args, job, recipe, maker, gpu=gpu)


def _recipe(args: argparse.Namespace) -> "tuple[Recipe, int, StoredModel]":
    """Put in words how the showers are made: for this process and for others."""
    from calo4pqvae.data.energies import EnergySequence
    from calo4pqvae.models.storage import load_model
    from calo4pqvae.shards.making import Recipe
    from calo4pqvae.training.processes import choose_device

    device = choose_device(args.device)
    stored = load_model(args.model)
    energies, n = described_energies(args, _range(stored.model))
    sweeps = stored.config.prior.burn_in if args.sweeps is None else args.sweeps
    if sweeps == AUTO:
        sweeps = _measure(args, stored.model, EnergySequence.described(energies).ends(), device)
    options = {
        "model": str(stored.folder.resolve()),
        "energies": energies,
        "sweeps": sweeps,
        "seed": args.seed,
        "sampler": args.sampler,
        "values": args.values,
        "device": device.type,
        "batch_size": args.batch_size,
        "compression": args.compression,
    }
    return Recipe("calo4pqvae.generation.maker:ShowerMaker", options), n, stored


def _anneal(args: argparse.Namespace) -> int:
    """Generate a file with an annealer, showing progress; return the number of showers."""
    import json

    import torch

    from calo4pqvae.annealer.usage import describe_usage
    from calo4pqvae.cli.annealer_job import prepare_job
    from calo4pqvae.cli.annealer_report import tell_usage
    from calo4pqvae.cli.console import progress
    from calo4pqvae.data.shower_writer import ShowerWriter
    from calo4pqvae.generation.annealed import generate_annealed
    from calo4pqvae.generation.maker import provenance
    from calo4pqvae.generation.request import request_of
    from calo4pqvae.models.storage import load_model
    from calo4pqvae.training.processes import choose_device

    device = choose_device(args.device)
    stored = load_model(args.model)
    if args.values is not None:
        stored.model.choose_values(args.values)
    e_inc = read_energies(args, stored.model)
    stored.model.scale.check(torch.from_numpy(e_inc))
    sampler = prepare_job(args, request_of(stored.model, e_inc))
    name = sampler.dispatcher.backend.name
    attrs = provenance(stored.provenance, name, sweeps=0, seed=args.seed, values=args.values)
    writer = ShowerWriter(
        args.out,
        stored.model.geometry,
        attrs,
        overwrite=args.overwrite,
        compression=args.compression,
    )
    with writer, progress(len(e_inc), "showers") as bar:
        seconds = generate_annealed(
            stored.model,
            e_inc,
            writer,
            sampler,
            seed=args.seed,
            batch_size=args.batch_size,
            device=device,
            on_batch=bar.advance,
        )
        writer.note(annealer=json.dumps(describe_usage(sampler)))
    tell_usage(sampler, len(e_inc), seconds)
    return len(e_inc)


def _sweeps(word: str) -> int | str:
    """Read a number of sweeps, or 'auto'."""
    if word == AUTO:
        return word
    return whole(0, MOST_SWEEPS, "'auto', or a number of sweeps")(word)


def _measure(
    args: argparse.Namespace, model: "ShowerModel", e_inc: "np.ndarray", device: "torch.device"
) -> int:
    """Measure how many sweeps are needed, and say what was found."""
    from calo4pqvae.boltzmann.diagnostics.equilibrium import R_HAT
    from calo4pqvae.generation.bulk import measure_sweeps

    mixing = measure_sweeps(
        model,
        e_inc,
        seed=args.seed,
        device=device,
        sampler=args.sampler,
        limit=args.most_sweeps,
    )
    slowest = max(condition.tau for condition in mixing.conditions)
    print(
        f"{mixing.burn_in} sweeps, ten times the longest autocorrelation time ({slowest:.1f}); "
        f"{mixing.chains} chains at each of {len(mixing.conditions)} energies agree after "
        f"{mixing.sweeps} sweeps (split R-hat below {R_HAT})"
    )
    return mixing.burn_in


def read_energies(args: argparse.Namespace, model: "ShowerModel") -> "np.ndarray":
    """Read or draw the incident energies that the options ask for [MeV]."""
    from calo4pqvae.data.energies import EnergySequence

    energies, n = described_energies(args, _range(model))
    return EnergySequence.described(energies).take(0, n)


def _range(model: "ShowerModel") -> tuple[float, float]:
    return model.scale.low, model.scale.high
