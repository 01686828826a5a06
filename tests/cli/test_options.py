"""Options in their ranges, and none that is accepted and then ignored."""

import argparse
import importlib
import os
from pathlib import Path

import pytest

from calo4pqvae.cli.annealer_options import add_annealer_options, add_use_options
from calo4pqvae.cli.main import COMMANDS, main
from calo4pqvae.cli.options import (
    LARGEST_SEED,
    Rule,
    given_options,
    names_of,
    number,
    refuse_idle,
    shower_target,
    whole,
)

RUN = ["generate", "--model", "pretrained", "-o", "made.h5", "-n", "3"]

VALUES = {
    "solver": "x", "chip": "system1", "graph": "g.json", "hidden_beta": "8.5",
    "imperfections": "typical", "max_seconds": "1", "journal": "dir", "resume": None,
    "beta": "8.5", "temperature": "t.json", "rule": "energy", "conditioning": "fold",
    "mode": "shared", "gauges": "0", "copies": "1", "out_of_range": "refuse",
    "holding_field": "1", "anneal_us": "20", "relax": "9", "shims": "s.json",
    "fields": "h",
}  # fmt: skip
"""A value for each option about annealers, its default where it has one."""


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which words are refused."""
    try:
        status = main(words)
    except SystemExit as end:  # by the parser
        status = end.code
    assert status == 2
    [line] = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize("name", names_of(add_annealer_options, add_use_options))
def test_options_of_an_annealer_are_refused_with_a_classical_sampler(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    option = f"--{name.replace('_', '-')}"
    words = [option] if VALUES[name] is None else [option, VALUES[name]]
    for sampler in ([], ["--sampler", "torch"]):
        line = refused([*RUN, *sampler, *words], capsys)
        assert f"{option} does nothing with a classical sampler" in line


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--sampler", "emulator", "--sweeps", "5"], "--sweeps does nothing with an annealer"),
        (["--most-sweeps", "999"], "--most-sweeps does nothing without --sweeps auto"),
        (
            ["--sweeps", "9", "--most-sweeps", "999"],
            "--most-sweeps does nothing without --sweeps auto",
        ),
        (["--gauges", "3", "--mode", "single"], "--mode, --gauges do nothing with a classical"),
        (["--resume"], "keeps no showers of a job that was broken off"),
    ],
)
def test_what_does_nothing_is_said_with_the_reason(
    words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reason in refused([*RUN, *words], capsys)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--seed", str(2**63)], f"takes a whole number from 0 to {LARGEST_SEED}"),
        (["--seed", "-1"], "takes a whole number from 0"),
        (["--sweeps", "9" * 20], "'auto', or a number of sweeps"),
        (["--sweeps", "9" * 5000], "'9999"),
        (["-n", "10000000000000"], "from 1 to 1000000000"),
        (["-n", "1e3"], "from 1 to 1000000000, not '1e3'"),
        (["--batch-size", "0"], "from 1 to"),
        (["--workers", "0"], "from 1 to 4096, not '0'"),
        (["--first", "-1"], "from 0 to 1000000000, not '-1'"),
        (["--shards", "0"], "from 1 to 100000, not '0'"),
        (["--energy-gev", "nan"], "takes an energy above 0, not 'nan'"),
        (["--energy-gev", "inf"], "takes an energy above 0, not 'inf'"),
        (["--energy-gev", "0"], "takes an energy above 0, not '0'"),
        (["-o", "made.csv"], "showers are written as HDF5"),
        (["-o", "made"], "showers are written as HDF5"),
    ],
)
@pytest.mark.parametrize("command", ["generate", "simulate"])
def test_numbers_out_of_range_are_refused_before_any_work(
    command: str, words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RUN if command == "generate" else ["simulate", "-o", "a.h5", "-n", "3"]
    only = {"--sweeps": "generate", "--batch-size": "generate"}
    if only.get(words[0], command) != command:
        pytest.skip("an option of the other command")
    assert reason in refused([*run, *words], capsys)


@pytest.mark.parametrize(
    "words",
    [
        ["inspect", ""],
        ["generate", "--model", "", "-n", "1", "-o", "a.h5"],
        ["train", "--data", "a.h5", "--out", ""],
        ["evaluate", "--generated", "a", "--reference", "b", "-o", ""],
        ["download", "dataset-2", "--mirror", ""],
    ],
)
def test_an_empty_word_is_not_taken_for_the_folder_here(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """As in -o "$OUT", where nobody has set OUT."""
    assert "a word is empty, perhaps a variable of the shell" in refused(words, capsys)


def test_a_folder_that_was_removed_meanwhile_is_named_as_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    assert main(RUN) == 2
    assert "the current folder was removed; go to another one" in capsys.readouterr().err
    os.chdir("/")


def test_an_option_given_its_default_counts_as_given() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", choices=["a", "b"], default="a")
    parser.add_argument("-s", "--sweeps", type=int, default=3)
    parser.add_argument("--add", action="extend", nargs="+", default=[])
    inner = parser.add_subparsers().add_parser("inner")
    inner.add_argument("--deep", default="x")
    words = ["--mode", "a", "-s", "3", "inner", "--deep", "x"]
    assert given_options(parser, words) == {
        "mode": "--mode",
        "sweeps": "--sweeps",
        "deep": "--deep",
    }
    assert given_options(parser, ["--add", "1"]) == {"add": "--add"}
    defaults = parser.parse_args(["inner"])
    assert (defaults.mode, defaults.sweeps, defaults.add) == ("a", 3, [])


def test_a_rule_speaks_only_of_what_was_given() -> None:
    rule = Rule(("a", "b"), lambda args: args.on, "while it is off")
    off, on = argparse.Namespace(on=False), argparse.Namespace(on=True)
    assert refuse_idle([rule], off, {}) is None
    assert refuse_idle([rule], off, {"c": "--c"}) is None
    assert refuse_idle([rule], on, {"a": "--a"}) is None
    assert refuse_idle([rule], off, {"a": "--a"}) == "--a does nothing while it is off"


def test_readers_take_what_is_in_range() -> None:
    assert whole(0, 5)("5") == 5
    assert number("an energy")("1e-3") == 1e-3
    assert number("a delay", least=True)("0") == 0
    assert shower_target("a.HDF5") == "a.HDF5"


@pytest.mark.parametrize("command", COMMANDS)
def test_rules_name_options_of_their_command(command: str) -> None:
    module = importlib.import_module(f"calo4pqvae.cli.{command}")
    known = names_of(module.add_arguments)
    for rule in getattr(module, "RULES", ()):
        assert set(rule.names) <= set(known)
