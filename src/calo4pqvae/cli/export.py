"""`calo4pqvae export`: a model as files that other programs load."""

import argparse
from pathlib import Path

from calo4pqvae.cli.options import LARGEST_SEED, MOST_SWEEPS, whole

__all__ = ["HELP", "add_arguments", "run"]

HELP = "write a model as C++ or ONNX, for other programs"

CPP_HELP = "one C++ header, one file of weights, examples; C interface included"
MOST_STATES = 4096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the formats, each with its options."""
    formats = parser.add_subparsers(metavar="FORMAT", required=True)
    cpp = formats.add_parser("cpp", help=CPP_HELP, description=CPP_HELP, allow_abbrev=False)
    cpp.add_argument("folder", type=Path, metavar="DIR", help="folder to write")
    cpp.add_argument(
        "--states",
        type=whole(0, MOST_STATES),
        default=64,
        metavar="N",
        help="equilibrated states of the prior that are stored for each of its intervals of "
        "energy; 0: chains start from random bits (64)",
    )
    cpp.add_argument(
        "--sweeps",
        type=whole(0, MOST_SWEEPS),
        metavar="N",
        help="Gibbs sweeps for each shower (measured for each energy)",
    )
    cpp.set_defaults(export=_export_cpp)
    for one in (cpp,):
        one.add_argument(
            "--model", default="pretrained", metavar="RUN", help="run or model folder"
        )
        one.add_argument("--seed", type=whole(0, LARGEST_SEED), default=0)
        one.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )


def run(args: argparse.Namespace) -> int:
    """Write the format that was named."""
    return args.export(args)


def _export_cpp(args: argparse.Namespace) -> int:
    import numpy as np

    from calo4pqvae.generation.equilibrated import (
        FROM_RANDOM,
        FROM_STATES,
        equilibrated_states,
        measure_times,
    )
    from calo4pqvae.models.export.cpp import export_cpp, layered
    from calo4pqvae.models.storage import load_model

    stored = load_model(args.model)
    model, bins = layered(stored.model), stored.model.prior.coupling_bins
    times = None if args.sweeps is not None else measure_times(model, seed=args.seed)
    if times is None:
        sweeps = needed = np.full(bins, args.sweeps)
    else:
        needed = np.ceil(FROM_RANDOM * times).astype(int)
        sweeps = np.ceil((FROM_STATES if args.states else FROM_RANDOM) * times).astype(int)
    states = equilibrated_states(model, needed, args.states, args.seed) if args.states else None
    written = export_cpp(stored, args.folder, sweeps=sweeps, states=states)
    print(f"{sweeps.min()} to {sweeps.max()} sweeps a shower, by its energy")
    print(f"{len(written)} files written to {args.folder}")
    return 0
