"""Options about annealers, and which of them mean something together."""

import argparse
from pathlib import Path

from calo4pqvae.cli.options import MOST_SWEEPS, Rule, number, whole

__all__ = [
    "CHIPS",
    "EMULATOR",
    "RULES_OF_USE",
    "add_annealer_options",
    "add_use_options",
    "fill_in",
]

EMULATOR = "emulator"
CHIPS = ("system1", "system2", "system4", "prototype2.6")

DEFAULTS = {
    "chip": "system4",
    "hidden_beta": 8.5,
    "imperfections": "typical",
    "rule": "energy",
    "conditioning": "fold",
    "fields": "h",
    "mode": "shared",
    "gauges": 0,
    "relax": 0,
    "copies": 1,
    "out_of_range": "refuse",
    "anneal_us": 20.0,
}
"""What options are when they are not given; until `fill_in` they are None."""

MOST_GAUGES = 10**6
"""More programmings than any account pays for."""


MOST_COPIES = 10**6
"""More than the smallest model fits side by side on any chip."""


def _emulated(args: argparse.Namespace) -> bool:
    return EMULATOR in {getattr(args, "sampler", None), getattr(args, "backend", None)}


def _knows_beta(args: argparse.Namespace) -> bool:
    """Whether the temperature is given; to `annealer temperature` --beta is a first guess."""
    told = getattr(args, "beta", None), getattr(args, "temperature", None)
    return hasattr(args, "temperature") and told != (None, None)


RULES_OF_USE = (
    Rule(
        ("chip", "graph", "hidden_beta", "imperfections"),
        _emulated,
        "on a real annealer, being about the emulated chip; leave it out",
    ),
    Rule(
        ("solver",),
        lambda args: not _emulated(args),
        "on the emulator, naming a real annealer; leave it out, or choose the real one",
    ),
    Rule(
        ("temperature",),
        lambda args: args.beta is None,
        "beside --beta, which tells the temperature already; leave out one of them",
    ),
    Rule(
        ("rule",),
        lambda args: not _knows_beta(args),
        "where the temperature is given; leave it out, or --beta and --temperature",
    ),
    Rule(
        ("holding_field",),
        lambda args: args.conditioning == "flux",
        "without --conditioning flux",
    ),
    Rule(
        ("resume",),
        lambda args: args.journal is not None or not _emulated(args),
        "on the emulator without the journal of the earlier run; name it with --journal DIR",
    ),
)
"""When options about annealers do something beside each other."""


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
            "--max-seconds",
            type=number("a time"),
            metavar="S",
            help="annealer time that may be spent [s]",
        )
    if not sends:
        return
    group.add_argument(
        "--hidden-beta",
        type=number("an inverse temperature"),
        metavar="B",
        help="inverse temperature of the emulated chip, which is then measured (8.5)",
    )
    group.add_argument(
        "--imperfections",
        choices=("none", "typical", "twice"),
        help="errors of the emulated chip's control, flux and readout: typical ones (typical), "
        "or twice as large",
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
    parser: argparse.ArgumentParser,
    *,
    knows: bool = True,
    measures: bool = True,
    relaxes: bool = True,
) -> None:
    """Declare how the chip is used.

    Arguments:
        parser: parser of the command.
        knows: whether it can be told a temperature that was measured before.
        measures: whether it may measure the temperature.
        relaxes: whether states are relaxed.
    """
    group = parser.add_argument_group("use of the annealer")
    group.add_argument(
        "--beta",
        type=number("an inverse temperature"),
        metavar="B",
        help="inverse temperature; measured when absent",
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
            "--shims",
            type=Path,
            metavar="FILE.json",
            help="correct programs by the lasting errors that 'annealer shim' has measured",
        )
    if relaxes:
        group.add_argument(
            "--relax",
            type=whole(0, MOST_SWEEPS),
            metavar="K",
            help="classical sweeps from each state that was read (0)",
        )
    group.add_argument(
        "--conditioning",
        choices=("fold", "flux"),
        help="hold the energy's bits in the fields of the others, or by flux biases (paper)",
    )
    group.add_argument(
        "--fields",
        choices=("h", "flux"),
        help="program fields as such, or all as flux biases under a fast anneal, where no h is "
        "allowed; with --anneal-us in its range (h)",
    )
    group.add_argument(
        "--mode",
        choices=("shared", "single"),
        help="many reads per programming where energies agree, or a programming for each "
        "shower (paper)",
    )
    group.add_argument(
        "--gauges",
        type=whole(0, MOST_GAUGES),
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
        type=number("a field"),
        metavar="H",
        help="field of the flux biases (recommended)",
    )
    group.add_argument(
        "--anneal-us",
        type=number("a time"),
        metavar="T",
        help="annealing time [us] (20)",
    )


def fill_in(args: argparse.Namespace) -> None:
    """Give options that were not given their values, in place."""
    for name, value in DEFAULTS.items():
        if getattr(args, name, None) is None:
            setattr(args, name, value)


def _copies(word: str) -> int | str:
    """Read a number of copies, or 'auto' for as many as fit."""
    if word == "auto":
        return word
    return whole(1, MOST_COPIES, "'auto', or a number of copies")(word)
