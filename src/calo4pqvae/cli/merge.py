"""`calo4pqvae merge`: one file of many shards."""

import argparse
from pathlib import Path

from calo4pqvae.cli.options import Rule, shower_target
from calo4pqvae.cli.sharding import add_compression

__all__ = ["HELP", "add_arguments", "run"]

HELP = "make one file of many shards"

RULES = (Rule(("compression",), lambda args: args.copy, "without --copy, which packs anew"),)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "parts",
        nargs="+",
        type=Path,
        metavar="DIR|FILE.h5",
        help="a folder of shards, or generated files whose showers follow one another",
    )
    parser.add_argument(
        "-o",
        "--out",
        type=shower_target,
        required=True,
        metavar="FILE.h5",
        help="file to write; it points to the shards, which must lie beside or below it",
    )
    parser.add_argument(
        "--copy", action="store_true", help="copy the showers, so that no shard is needed"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    add_compression(parser)


def run(args: argparse.Namespace) -> int:
    """Verify every shard, then merge them."""
    from calo4pqvae._core.atomic import check_target
    from calo4pqvae._core.lock import output_lock
    from calo4pqvae.cli.console import progress
    from calo4pqvae.shards.merge import find_parts, merge

    target = Path(args.out)
    check_target(target, args.overwrite)
    with output_lock(target, "merge"):
        parts = find_parts(args.parts)
        n = sum(part.n for part in parts)
        with progress(n, "showers") as bar:
            merge(
                parts,
                target,
                copy=args.copy,
                overwrite=args.overwrite,
                compression=args.compression,
                on_showers=bar.advance,
            )
    how = "" if args.copy else ", which it points to"
    print(
        f"showers {parts[0].first} to {parts[0].first + n - 1} of {len(parts)} shards{how} in "
        f"{target}, {target.stat().st_size / 1e3:,.0f} kB"
    )
    return 0
