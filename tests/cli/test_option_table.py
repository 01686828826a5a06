"""Every option of every command: what it does, and when it is refused because it does nothing.

A new option belongs into `TABLE`. Nothing runs here but the reading of words.
"""

import argparse
import importlib
import re
import shlex
from typing import NamedTuple

import pytest

from calo4pqvae.cli.main import COMMANDS, command_parser
from calo4pqvae.cli.options import given_options, refuse_idle

ALWAYS = None
"""The option does something, whatever else is given."""


class Idle(NamedTuple):
    """An option that does something beside some options only.

    Attributes:
        words: the option where it does nothing.
        reason: what is said then.
        useful: the option where it does something.
    """

    words: str
    reason: str
    useful: str


CLASSICAL = "does nothing with a classical sampler"
EMULATOR, QPU = "--sampler emulator", "--sampler annealer --max-seconds 1"
ANY = "--backend any --max-seconds 1"


def use(name: str, value: str = "") -> Idle:
    """An option of `generate` about annealers."""
    option = f"--{name} {value}".strip()
    return Idle(option, CLASSICAL, f"{EMULATOR} {option}")


def emulated(name: str, value: str, real: str = ANY) -> Idle:
    """An option about the emulated chip."""
    return Idle(
        f"{real} --{name} {value}", "does nothing on a real annealer", f"--{name} {value}"
    )


GEOMETRY = {
    "binning": ALWAYS,
    "particle": Idle(
        "--particle photon",
        "does nothing without --binning",
        "--binning b.xml --particle photon",
    ),
    "threshold_kev": Idle(
        "--threshold-kev 0", "does nothing without --binning", "--binning b --threshold-kev 0"
    ),
}

REFERENCE = {
    "reference": ALWAYS,
    "split": ALWAYS,
    "reference_split": Idle(
        "--reference-split test", "add --split", "--split s.json --reference-split test"
    ),
    "classifiers": ALWAYS,
    "classifier_inputs": Idle(
        "--classifiers none --classifier-inputs high",
        "does nothing with --classifiers none",
        "--classifier-inputs high",
    ),
}

ENERGIES = {
    "n": ALWAYS,
    "energies_from": ALWAYS,
    "energy_gev": Idle(
        "--energies-from a.h5 --energy-gev 1", "beside --energies-from", "--energy-gev 1"
    ),
}

SHARDS = {
    **dict.fromkeys(("shards", "first", "compression")),
    "shard": Idle("--shard 1", "without --shards M", "--shards 2 --shard 1"),
    "list_missing": Idle(
        "--list-missing", "without --shards M", "--shards 2 --list-missing lines"
    ),
    "dask": Idle("--shards 2 --shard 1 --dask a", "beside --shard", "--shards 2 --dask a"),
    "overwrite": Idle("--shards 2 --overwrite", "with --shards", "--overwrite"),
}

SOLVER = Idle("--solver x", "does nothing on the emulator", f"{ANY} --solver x")
FIELD = Idle(
    "--holding-field 1",
    "does nothing without --conditioning flux",
    "--conditioning flux --holding-field 1",
)
RESUME = Idle("--resume", "--journal DIR", "--journal d --resume")

CHIP = {
    "backend": ALWAYS,
    "model": ALWAYS,
    "seed": ALWAYS,
    "solver": SOLVER,
    "chip": emulated("chip", "system1"),
    "graph": emulated("graph", "g.json"),
}
STATUS_REAL = "--backend any"
SENT = {
    "hidden_beta": emulated("hidden-beta", "8"),
    "imperfections": emulated("imperfections", "none"),
    "journal": ALWAYS,
    "resume": RESUME,
}
USE = {
    "beta": ALWAYS,
    "conditioning": ALWAYS,
    "fields": ALWAYS,
    "mode": ALWAYS,
    "gauges": ALWAYS,
    "copies": ALWAYS,
    "out_of_range": ALWAYS,
    "holding_field": FIELD,
    "anneal_us": ALWAYS,
    "max_seconds": ALWAYS,
}
TOLD = Idle("--beta 8 --temperature t.json", "beside --beta", "--temperature t.json")
RULE = Idle("--beta 8 --rule paper", "where the temperature is given", "--rule paper")


def known(option: str) -> Idle:
    """An option that a check needs for measuring the temperature only."""
    return Idle(f"--beta 8 {option}", "does nothing in a check whose temperature", option)


TABLE: dict[str, dict[str, Idle | None]] = {
    "demo -o d": {
        "out": ALWAYS,
        "train": ALWAYS,
        "preset": Idle("--preset best", "add --train", "--train --preset best"),
        "set": Idle("--set a.b=1", "add --train", "--train --set a.b=1"),
    },
    "simulate -o a.h5": {
        **ENERGIES,
        **SHARDS,
        **dict.fromkeys(("out", "particle", "stack", "tables", "seed", "no_times", "fast")),
        "workers": Idle("--shards 2 --dask a --workers 3", "beside --dask", "--workers 3"),
    },
    "train --out r": {
        **GEOMETRY,
        "out": ALWAYS,
        "data": ALWAYS,
        "refit": ALWAYS,
        "preset": Idle("--resume --preset best", "keeps its configuration", "--preset best"),
        "config": Idle("--refit --config c.yaml", "with --refit", "--config c.yaml"),
        "set": Idle("--resume --set a.b=1", "keeps its configuration", "--refit --set a.b=1"),
        "resume": Idle("--refit --resume", "with --refit", "--resume"),
        "device": Idle("--refit --device cpu", "with --refit", "--resume --device cpu"),
    },
    "generate --model m -o a.h5": {
        **ENERGIES,
        **SHARDS,
        **dict.fromkeys(("model", "out", "seed", "batch_size", "sampler", "device", "values")),
        "first": Idle(f"{EMULATOR} --first 3", "drawn for one job", "--first 3"),
        "workers": Idle("--workers 3", "without --shards M", "--shards 2 --workers 3"),
        "sweeps": Idle(f"{EMULATOR} --sweeps 9", "does nothing with an annealer", "--sweeps 9"),
        "most_sweeps": Idle(
            "--most-sweeps 99", "without --sweeps auto", "--sweeps auto --most-sweeps 99"
        ),
        "solver": Idle(f"{EMULATOR} --solver x", "on the emulator", f"{QPU} --solver x"),
        **{
            name.replace("-", "_"): Idle(
                f"{QPU} --{name} {value}",
                "does nothing on a real annealer",
                f"{EMULATOR} --{name} {value}",
            )
            for name, value in (
                ("chip", "system1"),
                ("graph", "g.json"),
                ("hidden-beta", "8"),
                ("imperfections", "none"),
            )
        },
        "max_seconds": use("max-seconds", "1"),
        "journal": use("journal", "d"),
        "resume": Idle(f"{EMULATOR} --resume", "--journal DIR", f"{QPU} --resume"),
        "beta": use("beta", "8"),
        "temperature": Idle(
            f"{EMULATOR} --beta 8 --temperature t", "beside --beta", f"{QPU} --temperature t"
        ),
        "rule": Idle(
            f"{EMULATOR} --temperature t --rule paper",
            "where the temperature is given",
            f"{EMULATOR} --rule paper",
        ),
        "conditioning": use("conditioning", "fold"),
        "fields": use("fields", "flux"),
        "mode": use("mode", "shared"),
        "gauges": use("gauges", "0"),
        "copies": use("copies", "auto"),
        "out_of_range": use("out-of-range", "clip"),
        "relax": use("relax", "9"),
        "shims": use("shims", "s.json"),
        "holding_field": Idle(
            f"{EMULATOR} --holding-field 1",
            "without --conditioning flux",
            f"{EMULATOR} --conditioning flux --holding-field 1",
        ),
        "anneal_us": use("anneal-us", "20"),
    },
    "merge d -o a.h5": {
        **dict.fromkeys(("parts", "out", "copy", "overwrite")),
        "compression": Idle(
            "--compression lzf", "without --copy", "--copy --compression lzf"
        ),
    },
    "convert a.h5 -o b.h5": {
        **GEOMETRY,
        **dict.fromkeys(("file", "out", "to", "overwrite")),
        "compression": Idle(
            "--to showerdata --compression lzf",
            "with --to ttree",
            "--to sparse --compression lzf",
        ),
    },
    "evaluate --generated a --reference b -o d": {
        **GEOMETRY,
        **REFERENCE,
        **dict.fromkeys(("generated", "model", "windows_gev", "require", "output")),
        "reconstructed": Idle(
            "--model m --reconstructed r.h5", "beside --model", "--reconstructed r.h5"
        ),
    },
    "compare a=b --reference b -o d": {
        **GEOMETRY, **REFERENCE, "systems": ALWAYS, "output": ALWAYS,
    },
    "report d": {"folder": ALWAYS, "output": ALWAYS},
    "cite": {"files": ALWAYS},
    "inspect a.h5": {**GEOMETRY, "file": ALWAYS},
    "inspect a.json": {
        "file": ALWAYS,
        **{
            name: Idle(f"--binning b.xml {words}", "for what holds no showers", "")
            for name, words in (
                ("binning", ""), ("particle", "--particle x"), ("threshold_kev", "--thr 1"),
            )
            if name == "binning"
        },
        "particle": Idle("--particle x --binning b", "for what holds no showers", ""),
        "threshold_kev": Idle("--threshold-kev 1 --binning b", "holds no showers", ""),
    },
    "download dataset-2": {"dataset": ALWAYS, "dir": ALWAYS, "mirror": ALWAYS},
    "bench sampler": {
        **dict.fromkeys(
            ("grid", "chains", "sweeps", "repeats", "device", "only", "seed", "output")
        ),
        "threads": Idle("--device cuda --threads 1", "on a GPU alone", "--threads 1"),
    },
    "bench generate --model m": {
        **dict.fromkeys(
            (
                "model", "geant4_showers", "repeats", "sweeps", "largest", "device", "chip",
                "anneal_us", "geant4_times", "seed", "output",
            )
        ),
        "core_watts": Idle(
            "--device cuda --geant4-showers 0 --core-watts 8",
            "where neither Geant4 nor the model runs on the processor",
            "--device cuda --core-watts 8",
        ),
        "gpu_watts": Idle(
            "--device cpu --gpu-watts 400", "with --device cpu", "--gpu-watts 400"
        ),
    },
    "export onnx out.onnx": dict.fromkeys(
        ("file", "form", "states", "sweeps", "model", "seed"), ALWAYS
    ),
    "export web out": dict.fromkeys(
        ("folder", "beside", "states", "sweeps", "model", "seed"), ALWAYS
    ),
    "export cpp out": dict.fromkeys(("folder", "states", "sweeps", "model", "seed"), ALWAYS),
    "annealer status": {
        **CHIP,
        "seed": Idle("--graph g.json --seed 0", "whose working graph is known", "--seed 0"),
        "chip": emulated("chip", "system1", STATUS_REAL),
        "graph": emulated("graph", "g.json", STATUS_REAL),
        "solver": Idle("--solver x", "on the emulator", f"{STATUS_REAL} --solver x"),
        "save_graph": ALWAYS,
    },
    "annealer repair --model m -o d": {
        **CHIP, "out": ALWAYS, "conditioning": ALWAYS, "showers": ALWAYS,
        "chip": emulated("chip", "system1", STATUS_REAL),
        "graph": emulated("graph", "g.json", STATUS_REAL),
        "solver": Idle("--solver x", "on the emulator", f"{STATUS_REAL} --solver x"),
    },
    "annealer rehearse --model m -o d.md": {
        **CHIP, **SENT, "max_seconds": ALWAYS, "out": ALWAYS, "n": ALWAYS,
    },
    "annealer shim --model m -o s": {
        **CHIP, **SENT, "max_seconds": ALWAYS, "out": ALWAYS,
    },
    "annealer plan --model m": {
        **CHIP,
        **ENERGIES,
        **USE,
        "temperature": TOLD,
        "out_of_range": Idle("--out-of-range clip", "changes no value", ""),
    },
    "annealer temperature --model m": {
        **CHIP, **ENERGIES, **USE, **SENT, "shims": ALWAYS,
        "rule": ALWAYS, "reads": ALWAYS, "iterations": ALWAYS, "out": ALWAYS,
    },
    "annealer check --model m": {
        **CHIP, **ENERGIES, **USE, **SENT, "shims": ALWAYS,
        "temperature": TOLD, "rule": RULE, "reads": ALWAYS,
        "n": known("-n 9"), "mode": known("--mode shared"), "gauges": known("--gauges 0"),
    },
}  # fmt: skip
"""Each command with what it cannot do without, and its options."""

CASES = [
    (base, name, idle)
    for base, options in TABLE.items()
    for name, idle in options.items()
    if idle is not ALWAYS
]


def leaves(parser: argparse.ArgumentParser) -> dict[str, list[argparse.Action]]:
    """The options of a parser, or of each of its subcommands by name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return {name: inner._actions for name, inner in action.choices.items()}
    return {"": parser._actions}


def parsers() -> dict[str, list[argparse.Action]]:
    """All actions of each command, but --help and --debug."""
    found = {}
    for name in COMMANDS:
        parser = command_parser(name, importlib.import_module(f"calo4pqvae.cli.{name}"))
        for inner, actions in leaves(parser).items():
            kept = [a for a in actions if a.dest not in {"help", "debug"}]
            found[f"{name} {inner}".strip()] = kept
    return found


PARSERS = parsers()


def said(line: str) -> str | None:
    """Read words as `main` does; return why one of them does nothing."""
    name, *words = shlex.split(line)
    module = importlib.import_module(f"calo4pqvae.cli.{name}")
    parser = command_parser(name, module)
    args = parser.parse_args(words)
    return refuse_idle(getattr(module, "RULES", ()), args, given_options(parser, words))


def test_every_option_is_in_the_table() -> None:
    listed = {re.match(r"(?:(?:bench|annealer|export) )?\w+", base)[0] for base in TABLE}  # type: ignore[index]
    assert listed == set(PARSERS)
    for base, options in TABLE.items():
        command = next(c for c in PARSERS if base == c or base.startswith(f"{c} "))
        assert set(options) == {action.dest for action in PARSERS[command]}, command


@pytest.mark.parametrize(("base", "name", "idle"), CASES)
def test_an_option_that_does_nothing_is_refused_with_the_reason(
    base: str, name: str, idle: Idle
) -> None:
    complaint = said(f"{base} {idle.words}")
    assert complaint is not None
    typed = "-n" if name == "n" else f"--{name.replace('_', '-')}"
    assert typed in complaint.partition(" nothing ")[0]
    assert idle.reason in complaint
    assert said(f"{base} {idle.useful}") is None


def test_a_bare_command_is_not_refused() -> None:
    for base in TABLE:
        assert said(base) is None


@pytest.mark.parametrize("command", PARSERS)
def test_numbers_are_finite_and_in_range(command: str) -> None:
    """No option takes a number that `options.number` or `options.whole` has not seen."""
    for action in PARSERS[command]:
        assert action.type not in {int, float}, action.dest
        if getattr(action.type, "__name__", "") not in {"read", "_sweeps", "_copies"}:
            continue
        for word in ("nan", "inf", "-inf", "1e999", "-1", "9" * 5000, "", "1e", "0x1"):
            with pytest.raises(argparse.ArgumentTypeError):
                action.type(word)  # type: ignore[operator,misc]
