"""Every option tells its default in the help of its command."""

import argparse
import importlib
from collections.abc import Iterator

import pytest

from calo4pqvae.cli.defaults import default_of
from calo4pqvae.cli.main import COMMANDS, _Parser, command_parser


def options(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.Action]]:
    """Every option with the help of the command or task that has it."""
    help_text = " ".join(parser.format_help().split())
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for task in action.choices.values():
                yield from options(task)
        else:
            yield help_text, action


def untold(parser: argparse.ArgumentParser) -> list[str]:
    """Options whose default stands nowhere in their part of the help."""
    missing = []
    for text, action in options(parser):
        default = default_of(action)
        if default is None:
            continue
        own = text.split("options:")[-1].split(action.option_strings[-1] + " ", 1)[-1]
        own = own.split(" --")[0]
        if "default" not in own and f"({default}" not in own:
            missing.append(action.option_strings[-1])
    return missing


@pytest.mark.parametrize("name", COMMANDS)
def test_every_default_is_told(name: str) -> None:
    command = importlib.import_module(f"calo4pqvae.cli.{name}")
    assert untold(command_parser(name, command)) == []


def test_the_test_sees_a_default_that_is_not_told() -> None:
    parser = argparse.ArgumentParser(prog="x")
    parser.add_argument("--n", type=int, default=7, help="how many")
    assert untold(parser) == ["--n"]
    parser = _Parser(prog="x")
    parser.add_argument("--n", type=int, default=7, help="how many")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--share", type=float, default=0.5)
    assert untold(parser) == []
    assert "how many (7)" in parser.format_help()
    assert "default: 0.5" in parser.format_help()
    assert "False" not in parser.format_help()


def test_zero_is_a_default() -> None:
    command = importlib.import_module("calo4pqvae.cli.simulate")
    text = command_parser("simulate", command).format_help()
    assert "seed of the energies and of all showers (0)" in " ".join(text.split())
