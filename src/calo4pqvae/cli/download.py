"""`calo4pqvae download`: fetch public showers and check that they arrived whole."""

import argparse
import sys
from pathlib import Path

__all__ = ["HELP", "add_arguments", "run"]

HELP = "fetch the public shower files of the CaloChallenge"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `download`."""
    from calo4pqvae.data.registry import DATASETS

    parser.add_argument(
        "dataset",
        metavar="DATASET",
        help=f"one of: {', '.join(DATASETS)}; training needs layers that are alike, as in "
        "dataset-2, while dataset-1-photons can be inspected and compared",
    )
    parser.add_argument(
        "--dir",
        type=Path,
        default=Path(),
        metavar="D",
        help="folder to put the files in, made when missing (default: the current one)",
    )
    parser.add_argument(
        "--mirror",
        metavar="URL_OR_DIR",
        help="fetch the files from this address or folder in place of the publisher's",
    )


def run(args: argparse.Namespace) -> int:
    """Fetch what is not there yet, and print the path of each file."""
    from calo4pqvae.data.download import download

    for path in download(args.dataset, args.dir, args.mirror, sys.stderr.isatty()):
        print(path)
    return 0
