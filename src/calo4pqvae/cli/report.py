"""`calo4pqvae report`: make one page of an evaluation."""

import argparse
from pathlib import Path

__all__ = ["HELP", "add_arguments", "run"]

HELP = "make one self-contained HTML page of an evaluation"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `report`."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="written by 'evaluate'")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE.html",
        help="the page (default: DIR/report.html)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the page."""
    from calo4pqvae.evaluation.report.pages import build_report

    print(f"wrote {build_report(args.folder, args.output or args.folder / 'report.html')}")
    return 0
