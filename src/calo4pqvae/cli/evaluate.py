"""`calo4pqvae evaluate`: compare generated showers with Geant4."""

import argparse
from contextlib import ExitStack
from pathlib import Path

__all__ = ["HELP", "add_arguments", "run"]

HELP = "compare generated showers with Geant4: numbers and figures"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `evaluate`."""
    parser.add_argument("--generated", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--reference", type=Path, required=True, metavar="FILE", help="showers of Geant4"
    )
    parser.add_argument(
        "--reconstructed",
        type=Path,
        metavar="FILE",
        help="the reference showers after encoder and decoder",
    )
    parser.add_argument(
        "--split", type=Path, metavar="FILE.json", help="take rows of the reference by a split"
    )
    parser.add_argument(
        "--reference-split",
        choices=("train", "validation", "test"),
        default="test",
        help="the part of the split to take (default: test)",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")


def run(args: argparse.Namespace) -> int:
    """Write metrics.json and the figures, and print the numbers."""
    from calo4pqvae.data.shower_file import ShowerFile
    from calo4pqvae.report.folder import evaluate_to_folder

    rows = None
    if args.split is not None:
        from calo4pqvae.data.splits import Split

        rows = getattr(Split.load(args.split), args.reference_split)
    with ExitStack() as files:
        generated = files.enter_context(ShowerFile(args.generated))
        reference = files.enter_context(ShowerFile(args.reference))
        reconstructed = None
        if args.reconstructed is not None:
            reconstructed = files.enter_context(ShowerFile(args.reconstructed))
        metrics = evaluate_to_folder(generated, reference, args.output, reconstructed, rows)
    print_metrics(metrics)
    print(f"wrote {args.output / 'metrics.json'} and {args.output / 'figures'}")
    return 0


def print_metrics(metrics: dict) -> None:
    """Print the numbers of an evaluation as tables on stdout."""
    from calo4pqvae.cli.console import table
    from calo4pqvae.report.rows import metric_rows

    blocks = {"generated": metrics, "reconstructed": metrics.get("reconstructed")}
    for name, block in blocks.items():
        if block is None:
            continue
        count = f"{metrics[f'n_{name}']} {name} showers, {metrics['n_reference']} of Geant4"
        rows = [
            (row.label, row.value, row.floor, row.unit, row.verdict)
            for row in metric_rows(block["metrics"])
        ]
        table(count, ("quantity", "value", "floor", "unit", "verdict"), rows)
        for window in block["omitted"]:
            print(f"left out: {window['window']}, {window['reason']}")
