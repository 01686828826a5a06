"""Options about annealers, and which of them mean something together."""

import argparse
from pathlib import Path

__all__ = [
    "CHIPS",
    "EMULATOR",
    "add_annealer_options",
    "add_use_options",
    "settle_options",
]

EMULATOR = "emulator"
CHIPS = ("system1", "system2", "system4", "prototype2.6")

DEFAULTS = {
    "chip": "system4",
    "hidden_beta": 8.5,
    "imperfections": "typical",
    "rule": "energy",
    "conditioning": "fold",
    "mode": "shared",
    "gauges": 0,
    "copies": 1,
    "out_of_range": "refuse",
    "anneal_us": 20.0,
}
"""What options are when they are not given; until `settle_options` they are None."""

_EMULATED = ("chip", "graph", "hidden_beta", "imperfections")


def add_annealer_options(
    parser: argparse.ArgumentParser, *, limited: bool = True, sends: bool = True
) -> None:
    """Declare what concerns the chip.

    Arguments:
        parser: parser of the command.
        limited: whether the command counts the annealer's time.
        sends: whether it sends anything.
    """
    group = parser.add_argument_group("annealer", "which chip, real or emulated")
    group.add_argument("--solver", metavar="NAME", help="name of a D-Wave solver")
    group.add_argument("--chip", choices=CHIPS, help="chip that is emulated (system4)")
    group.add_argument(
        "--graph",
        type=Path,
        metavar="GRAPH.json",
        help="working graph of the emulated chip; default: the model's lattice, all of it",
    )
    if limited:
        group.add_argument(
            "--max-seconds", type=float, metavar="S", help="annealer time that may be spent [s]"
        )
    if not sends:
        return
    group.add_argument(
        "--hidden-beta",
        type=float,
        metavar="B",
        help="inverse temperature of the emulated chip, which is then measured (8.5)",
    )
    group.add_argument(
        "--imperfections",
        choices=("none", "typical"),
        help="errors of the emulated chip's control, flux and readout (typical)",
    )
    group.add_argument(
        "--journal",
        type=Path,
        metavar="DIR",
        help="folder that keeps every answer; a real annealer needs one (OUT.journal)",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="insist on a journal to go on with; one that is there is always used",
    )


def add_use_options(
    parser: argparse.ArgumentParser, *, knows: bool = True, measures: bool = True
) -> None:
    """Declare how the chip is used.

    Arguments:
        parser: parser of the command.
        knows: whether it can be told a temperature that was measured before.
        measures: whether it may measure the temperature.
    """
    group = parser.add_argument_group("use of the annealer")
    group.add_argument(
        "--beta", type=float, metavar="B", help="inverse temperature; measured when absent"
    )
    if knows:
        group.add_argument(
            "--temperature",
            type=Path,
            metavar="FILE.json",
            help="take the inverse temperature that 'annealer temperature' has measured",
        )
    if measures:
        group.add_argument(
            "--rule",
            choices=("energy", "likelihood", "paper"),
            help="how to measure it: equal mean energies (energy), pseudo-likelihood, or the "
            "paper's scaling",
        )
    group.add_argument(
        "--conditioning",
        choices=("fold", "flux"),
        help="hold the energy's bits in the fields of the others, or by flux biases (paper)",
    )
    group.add_argument(
        "--mode",
        choices=("shared", "single"),
        help="many reads per programming where energies agree, or a programming for each "
        "shower (paper)",
    )
    group.add_argument(
        "--gauges",
        type=int,
        metavar="K",
        help="programmings with reversed spins (0)",
    )
    group.add_argument(
        "--copies",
        type=_copies,
        metavar="N",
        help="copies of the model, or 'auto' (1)",
    )
    group.add_argument(
        "--out-of-range",
        choices=("refuse", "rescale", "clip"),
        help="what to do with values that the chip cannot hold (refuse)",
    )
    group.add_argument(
        "--holding-field",
        type=float,
        metavar="H",
        help="field of the flux biases (recommended)",
    )
    group.add_argument("--anneal-us", type=float, metavar="T", help="annealing time [us] (20)")


def settle_options(args: argparse.Namespace, *, emulated: bool, fits: bool = False) -> None:
    """Refuse options that do nothing beside the others, then fill in what was not given.

    Arguments:
        args: options; changed in place.
        emulated: whether the annealer is the emulator.
        fits: whether the temperature is measured in any case, ``--beta`` being a first guess.

    Raises:
        ConfigError: an option would do nothing, or two exclude each other.
    """
    from functools import partial

    from calo4pqvae.errors import ConfigError

    given = partial(_given, args)
    if not emulated:
        for name in filter(given, _EMULATED):
            raise ConfigError(
                f"{_typed(name)} is about the emulated chip and does nothing on a real "
                "annealer; leave it out"
            )
    elif given("solver"):
        raise ConfigError(
            "--solver names a real annealer and does nothing on the emulator; leave it out, or "
            "choose the real one"
        )
    if given("beta") and given("temperature"):
        raise ConfigError("--beta and --temperature exclude each other")
    if given("rule") and not fits and (given("beta") or given("temperature")):
        raise ConfigError(
            "--rule does nothing where the temperature is given; leave out one of them"
        )
    if given("holding_field") and args.conditioning != "flux":
        raise ConfigError("--holding-field does nothing without --conditioning flux")
    for name, value in DEFAULTS.items():
        if getattr(args, name, None) is None:
            setattr(args, name, value)


def _given(args: argparse.Namespace, name: str) -> bool:
    value = getattr(args, name, None)
    return value is not None and value is not False


def _typed(name: str) -> str:
    return "--" + name.replace("_", "-")


def _copies(word: str) -> int | str:
    """Read a number of copies, or 'auto' for as many as fit."""
    if word == "auto":
        return word
    if not word.isdecimal() or not 1 <= int(word[:9]) == int(word):
        raise argparse.ArgumentTypeError(f"a number above zero or 'auto', not {word!r}")
    return int(word)
