"""What an option may be, and whether it does anything beside the others.

A command lists its `RULES`; `main` checks them before the command runs, so that no option is
accepted and then ignored.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

__all__ = [
    "COMPRESSIONS",
    "LARGEST_SEED",
    "MOST_SHOWERS",
    "MOST_SWEEPS",
    "Rule",
    "given_options",
    "names_of",
    "number",
    "refuse_idle",
    "shower_target",
    "whole",
]

COMPRESSIONS = ("gzip", "zstd", "lzf")
"""Those of `data.shower_writer`, which is not imported for `--help`."""

LARGEST_SEED = 2**63 - 1
"""What HDF5 attributes, numpy and torch all hold."""

MOST_SHOWERS = 10**9
"""Showers of one file; so many of dataset 2 would fill some terabytes."""

MOST_SWEEPS = 10**9
"""Sweeps of one chain; more would take years."""


class Rule(NamedTuple):
    """When options do something.

    Attributes:
        names: the options, as attributes of the parsed arguments.
        applies: says of the parsed arguments whether the options do anything.
        otherwise: why they do nothing and what to do, after "does nothing".
    """

    names: tuple[str, ...]
    applies: Callable[[argparse.Namespace], bool]
    otherwise: str


def refuse_idle(
    rules: Sequence[Rule], args: argparse.Namespace, given: dict[str, str]
) -> str | None:
    """Find options that were given and do nothing; say so in one sentence, or None.

    Arguments:
        rules: rules of the command.
        args: the parsed arguments.
        given: options that were given, by attribute, as they are typed.
    """
    for rule in rules:
        idle = [given[name] for name in rule.names if name in given]
        if idle and not rule.applies(args):
            verb = "does" if len(idle) == 1 else "do"
            return f"{', '.join(idle)} {verb} nothing {rule.otherwise}"
    return None


def given_options(parser: argparse.ArgumentParser, words: Sequence[str]) -> dict[str, str]:
    """Find the options that were given, by attribute, as they are typed.

    An option that was given its default counts as well.
    """
    with _without_defaults(parser):
        given = vars(parser.parse_args(words))
    actions = [action for p in _all_parsers(parser) for action in p._actions]
    return {
        a.dest: max(a.option_strings, key=len)
        for a in actions
        if a.dest in given and a.option_strings
    }


def names_of(*declare: Callable[[argparse.ArgumentParser], object]) -> tuple[str, ...]:
    """List the attributes of the options that functions declare."""
    parser = argparse.ArgumentParser(add_help=False)
    for function in declare:
        function(parser)
    return tuple(a.dest for p in _all_parsers(parser) for a in p._actions)


def whole(low: int, high: int, what: str = "a whole number") -> Callable[[str], int]:
    """Make a reader of whole numbers between two ends."""

    def read(word: str) -> int:
        try:
            value = int(word)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(
                f"takes {what} from {low} to {high}, not {_short(word)}"
            )
        return value

    return read


def number(what: str, above: float = 0.0, *, least: bool = False) -> Callable[[str], float]:
    """Make a reader of finite numbers above an end, or from it on."""

    def read(word: str) -> float:
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not (above <= value if least else above < value) or math.isinf(value):
            which = "of at least" if least else "above"
            raise argparse.ArgumentTypeError(
                f"takes {what} {which} {above:g}, not {_short(word)}"
            )
        return value

    return read


def shower_target(word: str) -> str:
    """Read the name of a shower file to write."""
    if not word.lower().endswith((".h5", ".hdf5")):
        raise argparse.ArgumentTypeError(
            f"showers are written as HDF5; name a file .h5 or .hdf5, not {_short(word)}"
        )
    return word


def _short(word: str) -> str:
    return repr(word if len(word) <= 40 else f"{word[:37]}...")


@contextmanager
def _without_defaults(parser: argparse.ArgumentParser) -> Iterator[None]:
    """Let options that are not given leave no trace, while it lasts."""
    actions = [action for p in _all_parsers(parser) for action in p._actions]
    before = [(action, action.default) for action in actions]
    try:
        for action in actions:
            action.default = argparse.SUPPRESS
        yield
    finally:
        for action, default in before:
            action.default = default


def _all_parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and those of its subcommands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _all_parsers(inner)
