"""`calo4pqvae compare`: any number of systems scored against one Geant4 sample."""

import argparse
from contextlib import ExitStack
from pathlib import Path

from calo4pqvae.cli.inputs import add_geometry, add_reference, open_showers, reference_rows

__all__ = ["HELP", "add_arguments", "run"]

HELP = "score several systems against one Geant4 sample and rank them"

SHOWN = ("fpd", "kpd", "separation.e_tot", "separation.voxel", "auc.high", "recall")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compare`."""
    parser.add_argument("systems", nargs="+", metavar="NAME=FILE", help="showers of a system")
    add_reference(parser)
    add_geometry(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")


def run(args: argparse.Namespace) -> int:
    """Write comparison.json, the figures and the page, and print the table."""
    from calo4pqvae.evaluation.report.comparison import compare_to_folder

    named = _names(args.systems)
    rows = reference_rows(args)
    with ExitStack() as files:
        reference, *opened = open_showers([args.reference, *named.values()], args, files)
        systems = dict(zip(named, opened, strict=True))
        result = compare_to_folder(
            systems, reference, args.output, rows, args.classifiers, args.classifier_inputs
        )
    _print(result)
    print(f"wrote {args.output / 'comparison.json'} and {args.output / 'comparison.html'}")
    return 0


def _names(words: list[str]) -> dict[str, str]:
    from calo4pqvae.errors import ConfigError

    named: dict[str, str] = {}
    for word in words:
        name, separator, path = word.partition("=")
        if not (name and separator and path):
            raise ConfigError(f"a system reads NAME=FILE, not {word!r}")
        if name in named:
            raise ConfigError(f"two systems have the name {name!r}; give each its own")
        named[name] = path
    return named


def _print(result: dict) -> None:
    from calo4pqvae.cli.console import table
    from calo4pqvae.evaluation.report.rows import cell

    places = {place["name"]: str(place["place"]) for place in result["ranking"]}
    order = [place["name"] for place in result["ranking"]] or list(result["systems"])
    rows = [
        (
            places.get(name, "-"),
            name,
            *(cell(result["systems"][name].get(key)) for key in SHOWN),
        )
        for name in order
    ]
    first = next(iter(result["systems"].values()))
    floors = [cell((first.get(key) or {}).get("floor")) for key in SHOWN]
    caption = f"{result['n_reference']} showers of Geant4; places by {result['ranked_by']}"
    table(caption, ("place", "system", *SHOWN), [*rows, ("", "Geant4 itself", *floors)])
    for name, entries in result["systems"].items():
        for key in SHOWN:
            reason = (entries.get(key) or {}).get("reason")
            if reason:
                print(f"{name}, {key}: {reason}")
