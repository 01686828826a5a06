"""Input that several commands take: shower files with an optional geometry."""

import argparse
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import calo4pqvae
from calo4pqvae.cli.options import Rule, number

if TYPE_CHECKING:
    import numpy as np

    from calo4pqvae.data.shower_file import ShowerFile
    from calo4pqvae.evaluation.classifiers.kinds import Kind
    from calo4pqvae.evaluation.metrics.metric import Options, Windows
    from calo4pqvae.geometry import CylindricalGeometry

__all__ = [
    "ONE_SOURCE",
    "RULES_OF_GEOMETRY",
    "RULES_OF_REFERENCE",
    "add_geometry",
    "add_preset",
    "add_reference",
    "add_settings",
    "evaluation_options",
    "open_showers",
    "read_geometry",
    "reference_rows",
]


ONE_SOURCE = Rule(
    ("energy_gev",),
    lambda args: args.energies_from is None,
    "beside --energies-from, as they exclude each other; leave out one of them",
)
"""Energies come from one place."""

RULES_OF_GEOMETRY = (
    Rule(
        ("particle", "threshold_kev"),
        lambda args: args.binning is not None,
        "without --binning FILE.xml",
    ),
)
"""When the options of `add_geometry` do something."""

RULES_OF_REFERENCE = (
    Rule(
        ("reference_split",),
        lambda args: args.split is not None,
        "without a split, of which it names a part; add --split FILE.json",
    ),
    Rule(
        ("classifier_inputs",),
        lambda args: args.classifiers != "none",
        "with --classifiers none; leave it out",
    ),
)
"""When the options of `add_reference` do something."""


def add_geometry(parser: argparse.ArgumentParser) -> None:
    """Declare the options that describe the cylinder of a file which does not say it itself."""
    group = parser.add_argument_group(
        "geometry", "for shower files that do not describe theirs (datasets 2 and 3 are known)"
    )
    group.add_argument("--binning", metavar="FILE.xml", help="binning XML of the challenge")
    group.add_argument("--particle", metavar="NAME", help="particle to take from the XML")
    group.add_argument(
        "--threshold-kev",
        type=number("an energy", least=True),
        metavar="E",
        help="readout threshold of a voxel [keV]",
    )


def add_reference(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say which Geant4 showers to compare with, and how thoroughly."""
    parser.add_argument(
        "--reference", type=Path, required=True, metavar="FILE", help="showers of Geant4"
    )
    parser.add_argument(
        "--split", type=Path, metavar="FILE.json", help="take rows of the reference by a split"
    )
    parser.add_argument(
        "--reference-split",
        choices=("train", "validation", "test"),
        help="the part of the split to take (default: test)",
    )
    parser.add_argument(
        "--classifiers",
        choices=("none", "quick", "official"),
        default="quick",
        help="set-up of the classifiers; 'official' takes hours on a CPU (default: quick)",
    )
    parser.add_argument(
        "--classifier-inputs",
        nargs="+",
        choices=("high", "low", "resnet"),
        metavar="KIND",
        help="what they are given: high-level features, voxels ('low'), voxels in space "
        "('resnet') (default: high)",
    )


def evaluation_options(args: argparse.Namespace, windows: "Windows | None" = None) -> "Options":
    """Gather how showers are to be compared; each kind of classifier once."""
    from calo4pqvae.cli.console import progress, say
    from calo4pqvae.evaluation.metrics.metric import WINDOWS, Options

    given: list[Kind] = args.classifier_inputs or ["high"]
    inputs = tuple(dict.fromkeys(given))
    chosen = WINDOWS if windows is None else windows
    return Options(args.classifiers, inputs, chosen, progress=progress, say=say)


def reference_rows(args: argparse.Namespace) -> "np.ndarray | None":
    """Read the rows of the reference that a split names, or None for all."""
    if args.split is None:
        return None
    from calo4pqvae.data.splits import Split

    return getattr(Split.load(args.split), args.reference_split or "test")


def add_preset(parser: argparse.ArgumentParser, default: str) -> None:
    """Declare the option that chooses a preset; the names are those of the files.

    They are listed without `calo4pqvae.config`, so that help comes without its libraries.
    """
    folder = Path(calo4pqvae.__file__).parent / "config" / "presets"
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    parser.add_argument("--preset", help=f"{', '.join(names)} (default: {default})")


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Declare the option that changes single settings of a preset."""
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="section.key=value",
        help="settings on top of the preset, such as training.epochs=20",
    )


def read_geometry(args: argparse.Namespace) -> "CylindricalGeometry | None":
    """Build the geometry that the options describe, or None to let the file say it.

    Raises:
        GeometryError: the XML cannot be read or does not hold the particle.
    """
    from calo4pqvae.geometry import CylindricalGeometry
    from calo4pqvae.units import keV

    if args.binning is None:
        return None
    threshold = (args.threshold_kev or 0.0) * keV
    return CylindricalGeometry.from_xml(args.binning, args.particle, threshold)


def open_showers(
    paths: Iterable[str | Path], args: argparse.Namespace, stack: ExitStack
) -> "list[ShowerFile]":
    """Open shower files for as long as the stack lasts."""
    from calo4pqvae.data.shower_file import ShowerFile

    geometry = read_geometry(args)
    return [stack.enter_context(ShowerFile(path, geometry)) for path in paths]
