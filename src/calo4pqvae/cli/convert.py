"""`calo4pqvae convert`: showers from one format into another, without losing a bit."""

import argparse
from pathlib import Path

from calo4pqvae.cli.inputs import RULES_OF_GEOMETRY, add_geometry
from calo4pqvae.cli.options import Rule
from calo4pqvae.cli.sharding import add_compression

__all__ = ["HELP", "add_arguments", "run"]

HELP = "write showers in another format: dense, hits, ROOT, ShowerData"

FORMATS = ("dense", "sparse", "ttree", "rntuple", "showerdata")
"""Those of `data.formats.convert`, which is not imported for `--help`."""


def _packs(args: argparse.Namespace) -> bool:
    to = args.to or ("ttree" if args.out.suffix.lower() == ".root" else "dense")
    return to in {"dense", "sparse"}


RULES = (
    Rule(("compression",), _packs, "with --to ttree, rntuple or showerdata; leave it out"),
    *RULES_OF_GEOMETRY,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", type=Path, metavar="FILE", help="showers in any of the formats")
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="FILE.h5|FILE.root",
        help="file to write",
    )
    parser.add_argument(
        "--to",
        choices=FORMATS,
        help="all voxels or their hits as HDF5, a tree or an RNTuple of ROOT, point clouds of "
        "ShowerData (default: by the name, dense or ttree)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    add_compression(parser)
    add_geometry(parser)


def run(args: argparse.Namespace) -> int:
    """Convert, showing progress."""
    from dataclasses import replace

    from calo4pqvae._core.atomic import check_target
    from calo4pqvae._core.lock import output_lock
    from calo4pqvae.cli.console import progress
    from calo4pqvae.cli.inputs import read_geometry
    from calo4pqvae.data.formats.convert import convert, format_for, open_any

    wanted = format_for(args.out, args.to)
    check_target(args.out, args.overwrite)
    with (
        output_lock(args.out, "convert"),
        open_any(args.file, read_geometry(args)) as source,
        progress(source.n, "showers") as bar,
    ):

        def chunks(size: int):  # noqa: ANN202 - as those of the source
            for hits in source.chunks(size):
                yield hits
                bar.advance(len(hits.counts))

        convert(
            replace(source, chunks=chunks),
            args.out,
            wanted,
            overwrite=args.overwrite,
            compression=args.compression,
        )
    print(
        f"{source.n} showers written to {args.out} ({wanted}), "
        f"{args.out.stat().st_size / max(1, source.n):,.0f} bytes each"
    )
    return 0
