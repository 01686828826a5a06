"""`calo4pqvae export`: a model as files that other programs load."""

import argparse
from pathlib import Path

from calo4pqvae.cli.options import LARGEST_SEED, MOST_SWEEPS, whole

__all__ = ["HELP", "add_arguments", "run"]

HELP = "write a model as C++ or ONNX, for other programs"

CPP_HELP = "one C++ header, one file of weights, examples; C interface included"
ONNX_HELP = "one ONNX graph, prior included, for ONNX Runtime and Geant4's Par04"
ONNX_FORMS = ("plain", "par04-vae", "par04-calodit")
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
    onnx = formats.add_parser("onnx", help=ONNX_HELP, description=ONNX_HELP, allow_abbrev=False)
    onnx.add_argument("file", type=Path, metavar="FILE.onnx", help="file to write")
    onnx.add_argument(
        "--form",
        choices=ONNX_FORMS,
        default=ONNX_FORMS[0],
        help="plain: noise and energy in, MeV out; or one input as Geant4's example Par04 "
        "hands it over (plain)",
    )
    onnx.add_argument(
        "--states",
        type=whole(1, MOST_STATES),
        default=256,
        metavar="N",
        help="stored states of the prior for each of its intervals of energy (256)",
    )
    onnx.add_argument(
        "--sweeps",
        type=whole(1, 1000),
        default=16,
        metavar="N",
        help="Gibbs sweeps from a stored state (16)",
    )
    onnx.set_defaults(export=_export_onnx)
    for one in (cpp, onnx):
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
    from calo4pqvae.models.export.cpp import export_cpp
    from calo4pqvae.models.export.layered import layered
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


def _export_onnx(args: argparse.Namespace) -> int:
    import numpy as np

    from calo4pqvae._core.optional import installed
    from calo4pqvae.generation.equilibrated import (
        FROM_RANDOM,
        equilibrated_states,
        measure_times,
    )
    from calo4pqvae.models.export.layered import layered
    from calo4pqvae.models.storage import load_model

    for library in ("onnx", "onnxruntime"):
        installed(library, "onnx")
    from calo4pqvae.models.export.onnx import export_onnx

    stored = load_model(args.model)
    model = layered(stored.model)
    needed = np.ceil(FROM_RANDOM * measure_times(model, seed=args.seed)).astype(int)
    states = equilibrated_states(model, needed, args.states, args.seed)
    card = export_onnx(stored, args.file, form=args.form, states=states, sweeps=args.sweeps)
    check = card["check"]
    if "showers_compared" in check:
        print(
            f"{check['showers_with_a_differing_hit']} of {check['showers_compared']} showers "
            f"differ from the model's in a hit, energies by "
            f"{check['median_relative_difference']:.1g}"
        )
    print(f"{check['ms_one_at_a_time']:.0f} ms a shower, one at a time")
    print(f"{args.file} and {args.file.with_suffix('.json')} written")
    return 0
