"""The command `bench sampler`: real runs on a small lattice, and refusals in one line."""

import json
import runpy
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from calo4pqvae.bench.contender import Prepare, Task
from calo4pqvae.bench.harness import Result
from calo4pqvae.bench.lattice_problem import LatticeProblem
from calo4pqvae.bench.samplers import KINDS
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.cli.main import main

# The plugin still imports the deprecated package.
pytestmark = pytest.mark.filterwarnings("ignore:dwave-networkx is deprecated")

SMALL = ("--grid", "2", "--chains", "400", "--sweeps", "60", "--repeats", "2", "--threads", "1")
SCRIPT = Path(__file__).parents[2] / "scripts" / "benchmarks_table.py"


def bench(*words: str) -> int:
    try:
        return main(["bench", "sampler", *words])
    except SystemExit as end:  # the words were refused before the command began
        return int(end.code or 0)


def hot(task: Task) -> Prepare:
    """The dense sampler at inverse temperature 1.2."""
    whole = task.lattice.whole
    scaled = BoltzmannProblem(whole.graph, 1.2 * whole.bias, 1.2 * whole.coupling)
    lattice = LatticeProblem(scaled, task.lattice.code, task.lattice.free)
    return KINDS["torch-sparse"].make(replace(task, lattice=lattice))


def test_all_installed_samplers_agree(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fixed seeds; with free ones a right set of samplers is refused in 1 of 2000 runs."""
    path = tmp_path / "bench.json"
    assert bench(*SMALL, "--device", "cpu", "-o", str(path)) == 0
    out = capsys.readouterr().out
    assert "120 free nodes of 160" in out
    assert "left out: cuda, needs a CUDA device" in out
    assert out.endswith(f"wrote {path}\n")
    content = json.loads(path.read_text())
    assert {"cpu", "cores", "platform", "python", "torch"} <= content["machine"].keys()
    names = [row["name"] for row in content["results"]]
    assert {"compiled", "torch-sparse", "torch-dense"} <= set(names)
    for row in content["results"]:
        assert list(row) == [field.name for field in fields(Result)]
        assert row["name"] in out
        assert (row["nodes"], row["free_nodes"], row["chains"]) == (160, 120, 400)
    assert not list(tmp_path.glob("*.part"))
    check_markdown(path, names, capsys, monkeypatch)


def check_markdown(
    path: Path,
    names: list[str],
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(path)])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert stop.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + len(names)
    assert len({line.count("|") for line in table}) == 1
    assert sorted(line.split(" | ")[0][2:] for line in table[2:]) == sorted(names)


def test_a_sampler_at_another_temperature_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "torch-dense", replace(KINDS["torch-dense"], make=hot))
    path = tmp_path / "bench.json"
    words = ("--only", "compiled", "torch-sparse", "torch-dense", "-o", str(path))
    assert bench(*SMALL, "--device", "cpu", *words) == 2
    captured = capsys.readouterr()
    # A slow machine reports progress before.
    *_, said = captured.err.splitlines()
    assert said.startswith("calo4pqvae: error: torch-dense draws from another distribution")
    assert "on zephyr(2,4)" in said
    assert "120 free nodes of 160" in captured.out
    assert not list(tmp_path.iterdir())


def test_one_sampler_alone_is_measured_and_says_so(capsys: pytest.CaptureFixture) -> None:
    words = ("--grid", "1", "2", "--chains", "32", "--sweeps", "2", "--repeats", "1")
    assert bench(*words, "--threads", "1", "--only", "torch-dense", "--device", "cpu") == 0
    out = capsys.readouterr().out
    assert "zephyr(1,4): 36 free nodes" in out
    assert "zephyr(2,4): 120 free nodes" in out
    assert "compared with no other" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--chains", "0"], "--chains: takes a whole number from 1 to 2147483648, not '0'"),
        (["--sweeps", "0"], "--sweeps: takes a whole number from 1"),
        (["--repeats", "-1"], "--repeats: takes a whole number from 1"),
        (["--grid", "6", "0"], "--grid: takes a whole number from 1"),
        (["--grid", "21"], "--grid must be between 1 and 20, not 21"),
        (["--threads", "0"], "--threads: takes a whole number from 1"),
        (["--threads", "100000"], ", not 100000"),
        (["--seed", "-1"], "--seed: takes a whole number from 0"),
        (["--chains", "31", "--repeats", "1"], "too few to compare energies"),
        (["-o", "/absent/folder/bench.json"], "does not exist"),
        (["-o", "/"], "is a folder"),
        (["--only", "cuda", "--device", "cpu"], "no sampler is left to measure: cuda"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], says: str, capsys: pytest.CaptureFixture
) -> None:
    assert bench(*words) == 2
    captured = capsys.readouterr()
    assert not captured.out
    assert captured.err.startswith("calo4pqvae: error: ")
    assert says in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["sampler", "--only", "thermal"], "invalid choice: 'thermal'"),
        (["sampler", "--grid", "six"], "takes a whole number from 1 to 2147483648, not 'six'"),
        (["samplers"], "invalid choice: 'samplers'"),
        ([], "the following arguments are required: BENCH"),
    ],
)
def test_bad_usage_is_one_line(
    words: list[str], says: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["bench", *words])
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1


def test_help_names_the_samplers_and_debug_is_understood(
    capsys: pytest.CaptureFixture,
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["bench", "sampler", "--help"])
    assert stop.value.code == 0
    assert "thrml" in capsys.readouterr().out
    assert bench("--debug", "--grid", "21") == 2
    assert "Traceback" in capsys.readouterr().err
    assert main(["--debug", "bench", "sampler", "--grid", "21"]) == 2
    assert "Traceback" in capsys.readouterr().err
