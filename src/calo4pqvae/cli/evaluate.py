"""`calo4pqvae evaluate`: compare generated showers with Geant4."""

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from calo4pqvae.cli.inputs import add_geometry, add_reference, open_showers, reference_rows

if TYPE_CHECKING:
    import numpy as np

    from calo4pqvae.data.shower_file import ShowerFile
    from calo4pqvae.evaluation.requirements import Requirement

__all__ = ["HELP", "add_arguments", "run"]

HELP = "compare generated showers with Geant4: numbers and figures"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `evaluate`."""
    parser.add_argument("--generated", type=Path, required=True, metavar="FILE")
    add_reference(parser)
    parser.add_argument(
        "--reconstructed",
        type=Path,
        metavar="FILE",
        help="the reference showers after encoder and decoder",
    )
    parser.add_argument(
        "--model",
        metavar="RUN",
        help="make the reconstructed showers with this model, into DIR/reconstructed.h5",
    )
    parser.add_argument(
        "--windows-gev",
        nargs="+",
        metavar="E1-E2",
        help="windows of incident energy [GeV] (default: 5-10 40-50 80-100 150-200)",
    )
    parser.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="'NAME<X'",
        help="end with status 3 unless this holds, such as 'fpd<0.1'; may be repeated",
    )
    add_geometry(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")


def run(args: argparse.Namespace) -> int:
    """Write metrics.json and the figures, and print the numbers."""
    from calo4pqvae.evaluation.comparison import WINDOWS
    from calo4pqvae.evaluation.report.folder import evaluate_to_folder
    from calo4pqvae.evaluation.requirements import Requirement

    requirements = [Requirement.parse(text) for text in args.require]
    windows = _windows(args.windows_gev) if args.windows_gev else WINDOWS
    rows = reference_rows(args)
    with ExitStack() as files:
        generated, reference = open_showers([args.generated, args.reference], args, files)
        path = args.reconstructed
        if args.model is not None:
            path = _reconstruct(args, reference, rows)
        reconstructed = None if path is None else open_showers([path], args, files)[0]
        metrics = evaluate_to_folder(
            generated,
            reference,
            args.output,
            reconstructed,
            rows,
            windows,
            args.classifiers,
            args.classifier_inputs,
        )
    print_metrics(metrics)
    print(f"wrote {args.output / 'metrics.json'} and {args.output / 'figures'}")
    return _judge(requirements, metrics)


def _judge(requirements: "list[Requirement]", metrics: dict) -> int:
    """Say which requirements fail; status 3 if any does."""
    failed = [requirement for requirement in requirements if not requirement.holds(metrics)]
    for requirement in failed:
        print(f"required {requirement}, but it is {requirement.value(metrics)}")
    return 3 if failed else 0


def _windows(words: list[str]) -> list[tuple[float, float]]:
    from calo4pqvae.errors import ConfigError
    from calo4pqvae.units import GeV

    windows = []
    for word in words:
        low, _, high = word.partition("-")
        try:
            window = (float(low) * GeV, float(high) * GeV)
        except ValueError:
            window = (0.0, 0.0)
        if not 0 <= window[0] < window[1]:
            raise ConfigError(f"a window reads E1-E2 with two rising energies, not {word!r}")
        windows.append(window)
    return windows


def _reconstruct(
    args: argparse.Namespace, reference: "ShowerFile", rows: "np.ndarray | None"
) -> Path:
    from calo4pqvae.cli.generate import provenance
    from calo4pqvae.data.shower_writer import ShowerWriter
    from calo4pqvae.errors import ConfigError
    from calo4pqvae.generation.bulk import reconstruct
    from calo4pqvae.models.storage import load_model

    if args.reconstructed is not None:
        raise ConfigError("--model and --reconstructed exclude each other")
    stored = load_model(args.model)
    path = args.output / "reconstructed.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    attrs = provenance(stored.provenance, "none: encoded from Geant4 showers", sweeps=0, seed=0)
    with ShowerWriter(path, stored.model.geometry, attrs, overwrite=True) as writer:
        reconstruct(stored.model, reference, writer, rows=rows)
    return path


def print_metrics(metrics: dict) -> None:
    """Print the numbers of an evaluation as tables on stdout."""
    from calo4pqvae.cli.console import table
    from calo4pqvae.evaluation.report.rows import entries_of, metric_rows

    blocks = {"generated": metrics, "reconstructed": metrics.get("reconstructed")}
    for name, block in blocks.items():
        if block is None:
            continue
        count = f"{metrics[f'n_{name}']} {name} showers, {metrics['n_reference']} of Geant4"
        rows = [
            (row.label, row.value, row.floor, row.unit, row.verdict)
            for row in metric_rows(entries_of(block))
        ]
        table(count, ("quantity", "value", "floor", "unit", "verdict"), rows)
        for window in block["omitted"]:
            print(f"left out: {window['window']}, {window['reason']}")
