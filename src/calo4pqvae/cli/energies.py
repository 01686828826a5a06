"""Options that say which incident energies showers have, and how many there are."""

import argparse
from pathlib import Path
from typing import Any

from calo4pqvae.cli.inputs import ONE_SOURCE
from calo4pqvae.cli.options import MOST_SHOWERS, number, whole

__all__ = ["ONE_SOURCE", "add_energies", "described_energies"]


def add_energies(parser: argparse.ArgumentParser, default: str = "") -> None:
    """Declare the options.

    Arguments:
        parser: of the command.
        default: what is taken without any, for the help.
    """
    parser.add_argument(
        "-n", type=whole(1, MOST_SHOWERS), metavar="N", help="number of showers"
    )
    parser.add_argument(
        "--first",
        type=whole(0, MOST_SHOWERS),
        default=0,
        metavar="K",
        help="number of the first shower in the sequence that the seed defines (0)",
    )
    parser.add_argument(
        "--energy-gev",
        nargs="+",
        type=number("an energy"),
        metavar="E",
        help=f"one energy, or a range for log-uniform ones [GeV]{default}",
    )
    parser.add_argument(
        "--energies-from",
        metavar="FILE.h5",
        help="take the incident energies of this file, in order; -n repeats or shortens them",
    )


def described_energies(
    args: argparse.Namespace, default_mev: tuple[float, float] | None = None
) -> tuple[dict[str, Any], int]:
    """Say as JSON which energies the options ask for, and how many showers.

    Arguments:
        args: the options.
        default_mev: range that is taken without any.

    Raises:
        ConfigError: they do not say it.
    """
    from calo4pqvae.data.shower_file import ShowerFile
    from calo4pqvae.errors import ConfigError
    from calo4pqvae.units import GeV

    if args.energies_from:
        with ShowerFile.for_energies(args.energies_from) as file:
            return {"file": str(Path(args.energies_from).resolve())}, args.n or len(file)
    if args.energy_gev is not None:
        if len(args.energy_gev) > 2:
            raise ConfigError("--energy-gev takes one energy or the two ends of a range")
        low, high = args.energy_gev[0] * GeV, args.energy_gev[-1] * GeV
    elif default_mev is not None:
        low, high = default_mev
    else:
        raise ConfigError("give the energies by either --energy-gev or --energies-from")
    if args.n is None:
        raise ConfigError("say how many showers: -n N, or --energies-from FILE.h5")
    return {"low_mev": low, "high_mev": high, "seed": args.seed}, args.n
