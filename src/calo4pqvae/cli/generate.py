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
from calo4pqvae.cli.inputs import ONE_SOURCE
from calo4pqvae.cli.options import (
    LARGEST_SEED,
    MOST_SHOWERS,
    MOST_SWEEPS,
    Rule,
    names_of,
    number,
    shower_target,
    whole,
)

if TYPE_CHECKING:
    import numpy as np
    import torch

    from calo4pqvae.models.base import ShowerModel

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
        "it out and the job starts anew",
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
    *RULES_OF_USE,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--model",
        required=True,
        metavar="RUN",
        help="run or model folder, 'pretrained', 'pretrained-paper', or hf://OWNER/NAME",
    )
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
        help="one energy, or a range for log-uniform ones [GeV]; default: the model's range",
    )
    parser.add_argument(
        "--energies-from",
        metavar="FILE.h5",
        help="take the incident energies of this file, in order; -n repeats or shortens them",
    )
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
        choices=["drawn", "point"],
        help="of models that have both: voxels drawn from measured laws (default), or the "
        "paper's point values",
    )
    parser.add_argument("--seed", type=whole(0, LARGEST_SEED), default=0)
    parser.add_argument(
        "--batch-size",
        type=whole(1, MOST_SHOWERS),
        default=1024,
        help="showers decoded together (1024)",
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
    add_annealer_options(parser)
    add_use_options(parser)


def run(args: argparse.Namespace) -> int:
    """Generate, then close what was opened for it."""
    from calo4pqvae._core.atomic import check_target
    from calo4pqvae._core.lock import output_lock

    check_target(Path(args.out), args.overwrite)
    with output_lock(args.out, "generate"), ExitStack() as args.opened:
        return _generate(args)


def _generate(args: argparse.Namespace) -> int:
    """Generate, showing progress."""
    import json

    from calo4pqvae.annealer.usage import describe_usage
    from calo4pqvae.cli.annealer_job import prepare_job
    from calo4pqvae.cli.annealer_report import tell_usage
    from calo4pqvae.cli.console import progress
    from calo4pqvae.data.shower_writer import ShowerWriter
    from calo4pqvae.generation.bulk import generate
    from calo4pqvae.generation.request import request_of
    from calo4pqvae.models.storage import load_model
    from calo4pqvae.training.processes import choose_device

    device = choose_device(args.device)
    stored = load_model(args.model)
    if args.values is not None:
        stored.model.choose_values(args.values)
    e_inc = read_energies(args, stored.model)
    stored.model.scale.check(_tensor(e_inc))
    sampler, name = args.sampler, "block Gibbs"
    if sampler in {EMULATOR, ANNEALER}:
        sampler, sweeps = prepare_job(args, request_of(stored.model, e_inc)), 0
        name = sampler.dispatcher.backend.name
    elif args.sweeps == AUTO:
        sweeps = _measure(args, stored.model, e_inc, device)
    else:
        sweeps = stored.config.prior.burn_in if args.sweeps is None else args.sweeps
    attrs = provenance(stored.provenance, name, sweeps=sweeps, seed=args.seed)
    if args.values is not None:
        attrs["values"] = args.values
    writer = ShowerWriter(
        args.out,
        stored.model.geometry,
        attrs,
        overwrite=args.overwrite,
    )
    with writer, progress(len(e_inc), "showers") as bar:
        seconds = generate(
            stored.model,
            e_inc,
            writer,
            sweeps=sweeps,
            seed=args.seed,
            batch_size=args.batch_size,
            device=device,
            sampler=sampler,
            on_batch=bar.advance,
        )
        if not isinstance(sampler, str):
            writer.note(annealer=json.dumps(describe_usage(sampler)))
    if not isinstance(sampler, str):
        tell_usage(sampler, len(e_inc), seconds.decoding)
    print(f"{len(e_inc)} showers written to {args.out}")
    return 0


def provenance(model: dict, sampler: str, *, sweeps: int, seed: int) -> dict[str, str | int]:
    """Say in a generated file's attributes how it was made."""
    import json

    from calo4pqvae import __version__

    return {
        "generator": f"calo4pqvae {__version__}",
        "sampler": sampler,
        "sweeps": sweeps,
        "seed": seed,
        "model": json.dumps(model),
    }


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
    import numpy as np

    from calo4pqvae.data.shower_file import ShowerFile
    from calo4pqvae.errors import ConfigError
    from calo4pqvae.generation.bulk import draw_energies
    from calo4pqvae.units import GeV

    if args.energies_from:
        with ShowerFile(args.energies_from) as file:
            given = file.e_inc()
        return np.resize(given, (args.n or len(given), 1))
    if args.n is None:
        raise ConfigError("say how many showers: -n N, or --energies-from FILE.h5")
    range_gev = args.energy_gev or [model.scale.low / GeV, model.scale.high / GeV]
    if len(range_gev) > 2:
        raise ConfigError("--energy-gev takes one energy or the two ends of a range")
    return draw_energies(args.n, range_gev[0] * GeV, range_gev[-1] * GeV, args.seed)


def _tensor(values: "np.ndarray"):  # noqa: ANN202
    import torch

    return torch.from_numpy(values)
