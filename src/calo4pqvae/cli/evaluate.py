"""`calo4pqvae evaluate`: compare generated showers with Geant4."""

import argparse
import math
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from calo4pqvae.cli.console import table
from calo4pqvae.cli.inputs import (
    RULES_OF_GEOMETRY,
    RULES_OF_REFERENCE,
    add_geometry,
    add_reference,
    evaluation_options,
    open_showers,
    reference_rows,
)
from calo4pqvae.cli.lead import print_lead
from calo4pqvae.cli.options import Rule
from calo4pqvae.cli.verdicts import (
    COLUMNS,
    print_on_all,
    quantity,
    score_cells,
    tally_sentence,
)
from calo4pqvae.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

    from calo4pqvae.data.shower_file import ShowerFile
    from calo4pqvae.evaluation.metrics.metric import Options, Windows
    from calo4pqvae.evaluation.requirements import Requirement

__all__ = ["HELP", "add_arguments", "run"]

HELP = "compare generated showers with Geant4: numbers and figures"

RULES = (
    *RULES_OF_GEOMETRY,
    *RULES_OF_REFERENCE,
    Rule(
        ("reconstructed",),
        lambda args: args.model is None,
        "beside --model, which makes these showers, as they exclude each other; leave out one "
        "of them",
    ),
)


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
    """Write the numbers, then histograms and figures, and print the numbers."""
    from calo4pqvae._core.lock import output_lock
    from calo4pqvae.evaluation.report.folder import evaluate_to_folder

    options = evaluation_options(args, read_windows(args.windows_gev))
    requirements = _requirements(args, options)
    rows = reference_rows(args)
    with ExitStack() as files:
        generated, reference = open_showers([args.generated, args.reference], args, files)
        files.enter_context(output_lock(args.output, "evaluate", folder=True))
        path = args.reconstructed
        if args.model is not None:
            path = _reconstruct(args, generated, reference, rows)
        reconstructed = None if path is None else open_showers([path], args, files)[0]
        metrics = evaluate_to_folder(
            generated, reference, args.output, reconstructed, rows, options
        )
    print_metrics(metrics)
    print(f"wrote metrics.json, histograms.json and figures into {args.output}")
    return _judge(requirements, metrics)


def _requirements(args: argparse.Namespace, options: "Options") -> "list[Requirement]":
    """Read what is required, and refuse what will not be measured, before the work."""
    from calo4pqvae.evaluation.metrics.registry import metric_names
    from calo4pqvae.evaluation.requirements import Requirement

    if not args.require:
        return []
    known = list(metric_names(options))
    return [Requirement.parse(text, known) for text in args.require]


def _judge(requirements: "list[Requirement]", metrics: dict) -> int:
    """Say which requirements fail; status 3 if any does."""
    failed = [requirement for requirement in requirements if not requirement.holds(metrics)]
    for requirement in failed:
        print(f"required {requirement}, but it is {requirement.value(metrics)}")
    return 3 if failed else 0


def read_windows(words: list[str] | None) -> "Windows":
    """Read windows of incident energy such as 5-10 [GeV]; those of the paper by default."""
    from calo4pqvae.evaluation.metrics.metric import WINDOWS, window_name
    from calo4pqvae.units import GeV

    windows: dict[str, tuple[float, float]] = {}
    for word in words or []:
        low, _, high = word.partition("-")
        try:
            window = (float(low) * GeV, float(high) * GeV)
        except ValueError:
            window = (0.0, 0.0)
        if not 0 <= window[0] < window[1] < math.inf:
            raise ConfigError(f"a window reads E1-E2 with two rising energies, not {word!r}")
        if window_name(window) in windows:
            raise ConfigError(f"the window {window_name(window)} is asked for twice")
        windows[window_name(window)] = window
    return list(windows.values()) or WINDOWS


def _reconstruct(
    args: argparse.Namespace,
    generated: "ShowerFile",
    reference: "ShowerFile",
    rows: "np.ndarray | None",
) -> Path:
    """Pass the reference through encoder and decoder, with values made as in the sample."""
    from calo4pqvae.data.shower_writer import ShowerWriter
    from calo4pqvae.generation.bulk import reconstruct
    from calo4pqvae.generation.maker import provenance
    from calo4pqvae.models.storage import load_model

    stored, values = load_model(args.model), generated.attrs.get("values")
    if values in {"drawn", "point", "literal"}:
        stored.model.choose_values(values)
    path = args.output / "reconstructed.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    attrs = provenance(stored.provenance, "none: encoded from Geant4 showers", sweeps=0, seed=0)
    with ShowerWriter(path, stored.model.geometry, attrs, overwrite=True) as writer:
        reconstruct(stored.model, reference, writer, rows=rows)
    return path


def print_metrics(metrics: dict) -> None:
    """Print the numbers of an evaluation as tables on stdout."""
    from calo4pqvae.evaluation.report.cards import summarise
    from calo4pqvae.evaluation.report.rows import metric_rows
    from calo4pqvae.evaluation.verdict import RULE

    for name in ("generated", "reconstructed"):
        if name not in metrics:
            continue
        block = metrics[name]
        count = f"{block['n']} {name} showers, {metrics['reference']['n']} of Geant4"
        print_lead(count, block)
        rows = metric_rows(block["metrics"])
        cells = [(quantity(row), *score_cells(row)) for row in rows]
        table(count, ("quantity", *COLUMNS), cells)
        print_on_all(count, [(name, row) for row in rows])
        print(tally_sentence(summarise(rows)))
        for window in block["omitted"]:
            print(f"left out: {window['window']}, {window['reason']}")
    print(f"the rule: {RULE}")
