"""`calo4pqvae export`: a model as files that other programs load."""

import argparse
from pathlib import Path

from calo4pqvae.cli.console import say
from calo4pqvae.cli.options import LARGEST_SEED, MOST_SWEEPS, whole

__all__ = ["HELP", "add_arguments", "run"]

HELP = "write a model as C++, ONNX or a web page"

CPP_HELP = "one C++ header, one file of weights, examples; C interface included"
ONNX_HELP = "one ONNX graph, prior included, for ONNX Runtime and Geant4's Par04"
WEB_HELP = "one page that draws showers in a browser, by WebAssembly, without network"
ONNX_FORMS = ("plain", "par04-vae", "par04-calodit")
MOST_STATES = 4096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the formats, each with its options."""
    formats = parser.add_subparsers(metavar="FORMAT", required=True)
    cpp = formats.add_parser("cpp", help=CPP_HELP, description=CPP_HELP, allow_abbrev=False)
    cpp.set_defaults(export=_export_cpp)
    web = formats.add_parser("web", help=WEB_HELP, description=WEB_HELP, allow_abbrev=False)
    web.add_argument(
        "--beside",
        nargs="+",
        metavar="FILE.h5",
        help="Geant4 showers of which a few are shown beside (the bundled sample)",
    )
    web.set_defaults(export=_export_web)
    for one in (cpp, web):
        one.add_argument("folder", type=Path, metavar="DIR", help="folder to write")
        one.add_argument(
            "--states",
            type=whole(0, MOST_STATES),
            default=64,
            metavar="N",
            help="equilibrated states of the prior that are stored for each of its intervals "
            "of energy; 0: chains start from random bits (64)",
        )
        one.add_argument(
            "--sweeps",
            type=whole(0, MOST_SWEEPS),
            metavar="N",
            help="Gibbs sweeps for each shower (measured for each energy)",
        )
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
    for one in (cpp, web, onnx):
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


def _announce(model: str, *, measures: bool) -> None:
    """Say which model is exported, and what takes the time."""
    waits = ": measuring how many sweeps each energy needs, about a minute" if measures else ""
    say(f"exporting {model}{waits}")


def _export_cpp(args: argparse.Namespace) -> int:
    from calo4pqvae.generation.equilibrated import equilibrate
    from calo4pqvae.models.export.cpp import export_cpp
    from calo4pqvae.models.export.layered import layered
    from calo4pqvae.models.storage import load_model

    stored = load_model(args.model)
    model = layered(stored.model)
    _announce(args.model, measures=args.sweeps is None)
    prior = equilibrate(model, args.states, sweeps=args.sweeps, seed=args.seed)
    written = export_cpp(stored, args.folder, sweeps=prior.sweeps, states=prior.states)
    print(f"{prior.sweeps.min()} to {prior.sweeps.max()} sweeps a shower, by its energy")
    print(f"{len(written)} files written to {args.folder}")
    return 0


def _export_web(args: argparse.Namespace) -> int:
    from calo4pqvae._core.optional import installed
    from calo4pqvae.data.sample import sample_path
    from calo4pqvae.generation.equilibrated import equilibrate
    from calo4pqvae.models.export.layered import layered
    from calo4pqvae.models.export.web import export_web
    from calo4pqvae.models.storage import load_model

    installed("ziglang", "web")
    stored = load_model(args.model)
    model = layered(stored.model)
    beside = args.beside or [sample_path()]
    _announce(args.model, measures=args.sweeps is None)
    prior = equilibrate(model, args.states, sweeps=args.sweeps, seed=args.seed)
    export_web(stored, args.folder, beside=beside, sweeps=prior.sweeps, states=prior.states)
    page = args.folder / "index.html"
    print(f"{page} written, {page.stat().st_size / 1e6:.1f} MB; open it in a browser")
    return 0


def _export_onnx(args: argparse.Namespace) -> int:
    from calo4pqvae._core.optional import installed
    from calo4pqvae.generation.equilibrated import stored_states
    from calo4pqvae.models.export.layered import layered
    from calo4pqvae.models.storage import load_model

    for library in ("onnx", "onnxruntime"):
        installed(library, "onnx")
    from calo4pqvae.models.export.onnx import export_onnx

    stored = load_model(args.model)
    model = layered(stored.model)
    _announce(args.model, measures=True)
    states = stored_states(model, args.states, args.seed)
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
