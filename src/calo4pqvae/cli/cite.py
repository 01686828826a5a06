"""`calo4pqvae cite`: BibTeX of what a result was made with."""

import argparse
from pathlib import Path

__all__ = ["HELP", "add_arguments", "run"]

HELP = "print BibTeX entries for what a run, a sample or an evaluation used"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `cite`."""
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="run folders, models, shower files or metrics; without any, the software and the "
        "papers of its model",
    )


def run(args: argparse.Namespace) -> int:
    """Print the entries, those of the software and of the model first."""
    from calo4pqvae import __version__
    from calo4pqvae.cli.inspect import describe
    from calo4pqvae.literature import bibtex, cited, software

    facts = [f"{name}: {value}" for path in args.files for name, value in describe(path)]
    print("\n\n".join(bibtex(work) for work in [software(__version__), *cited(facts)]))
    return 0
