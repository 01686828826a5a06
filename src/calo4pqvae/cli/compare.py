"""`calo4pqvae compare`: any number of systems scored against one Geant4 sample."""

import argparse
from contextlib import ExitStack
from pathlib import Path

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
from calo4pqvae.cli.verdicts import (
    COLUMNS,
    print_on_all,
    quantity,
    score_cells,
    tally_sentence,
)

__all__ = ["HELP", "add_arguments", "run"]

HELP = "score several systems against one Geant4 sample and rank them"

RULES = (*RULES_OF_GEOMETRY, *RULES_OF_REFERENCE)

SHOWN = (
    "worth",
    "auc.trees",
    "structure.beyond",
    "fpd",
    "kpd",
    "separation.e_tot",
    "separation.voxel",
    "auc.high",
    "recall",
)

PLACES = (
    "every system is ranked on all its showers; those that differ by less than three errors "
    "of their difference are held against the next score, and share a place if none tells "
    "them apart"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compare`."""
    parser.add_argument("systems", nargs="+", metavar="NAME=FILE", help="showers of a system")
    add_reference(parser)
    add_geometry(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")


def run(args: argparse.Namespace) -> int:
    """Write comparison.json, then the figures and the page, and print the tables."""
    from calo4pqvae._core.lock import output_lock
    from calo4pqvae.evaluation.report.folder import compare_to_folder

    named, options = _names(args.systems), evaluation_options(args)
    rows = reference_rows(args)
    with ExitStack() as files:
        reference, *opened = open_showers([args.reference, *named.values()], args, files)
        systems = dict(zip(named, opened, strict=True))
        files.enter_context(output_lock(args.output, "compare", folder=True))
        result = compare_to_folder(systems, reference, args.output, rows, options)
    _print(result)
    made = [args.output / f"comparison.{kind}" for kind in ("json", "html")]
    print(f"wrote {' and '.join(str(path) for path in made if path.exists())}")
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
    """Print the places, the scores that tell most, and what chance explains."""
    from calo4pqvae.evaluation.report.cards import summarise
    from calo4pqvae.evaluation.report.rows import metric_rows
    from calo4pqvae.evaluation.verdict import RULE

    _print_places(result)
    order = [place["name"] for place in result["ranking"]] or list(result["systems"])
    rows = {name: metric_rows(result["systems"][name]["metrics"]) for name in order}
    shown = [
        (name, row) for key in SHOWN for name in order for row in rows[name] if row.name == key
    ]
    caption = f"scores against {result['reference']['n']} showers of Geant4"
    cells = [(quantity(row), name, *score_cells(row)) for name, row in shown]
    table(caption, ("quantity", "system", *COLUMNS), cells, texts=2)
    print_on_all(f"{result['reference']['n']} of Geant4", shown)
    for name, row in shown:
        if row.drawn is None and row.note:
            print(f"{name}, {row.label}: {row.note}")
    for name in order:
        print_lead(name, result["systems"][name])
        print(f"{name}: {tally_sentence(summarise(rows[name]))}")
    print(f"the rule: {RULE}")


def _print_places(result: dict) -> None:
    """Print the places, and by how much each system is behind the first."""
    from calo4pqvae.evaluation.report.rows import plus_minus

    if not result["ranking"]:
        print("no score has a floor for every system, so that none is ranked")
        return
    rows = []
    for place in result["ranking"]:
        shown = result["systems"][place["name"]]["metrics"][place["by"]]
        behind = plus_minus(place["behind"], place["behind_error"], shown["scale"])
        rows.append(
            (
                place["name"],
                f"{shown['label']} [{shown['unit'].removeprefix('× ')}]",
                place["place"],
                f"{place['n']:,}",
                plus_minus(place["value"], place["error"], shown["scale"]),
                behind if place["behind_error"] else "",
            )
        )
    heads = ("system", "by", "place", "showers", "above its floor", "behind the first")
    table("places", heads, rows, texts=2)
    print(PLACES)
