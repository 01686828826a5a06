"""The command `generate`: from a model folder to a shower file, or one line."""

import json
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from calo4pqvae._core.lock import output_lock
from calo4pqvae.boltzmann.diagnostics import equilibrium
from calo4pqvae.cli.main import main
from calo4pqvae.config import load_config
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.build import build_model
from calo4pqvae.models.storage import load_model, save_model
from calo4pqvae.models.vae.model import Calo4pQVAE

SETTINGS = (
    "data.energy_gev=[0.1,10]",
    "prior.nodes_per_partition=12",
    "model.encoder_widths=[8,4,16]",
    "model.decoder_widths=[16,4,4,8]",
)


@pytest.fixture
def model(tmp_path: Path, toy_geometry: CylindricalGeometry) -> Path:
    """The folder of an untrained model for 0.1 to 10 GeV, of plausible response."""
    config = load_config("quick", settings=SETTINGS)
    model = build_model(config, toy_geometry)
    with torch.no_grad():
        model.decoder.mean[0, 1].fill_(5.0)
    save_model(tmp_path / "run" / "model", model, config, {"a": 1})
    return tmp_path / "run"


@pytest.fixture
def energies(tmp_path: Path, toy_geometry: CylindricalGeometry) -> Path:
    """A shower file with the energies 1, 2 and 3 GeV."""
    path = tmp_path / "energies.h5"
    with h5py.File(path, "w") as file:
        file["incident_energies"] = np.array([[1e3], [2e3], [3e3]])
        file["showers"] = np.full((3, toy_geometry.n_voxels), 10.0)
        file.attrs["geometry"] = json.dumps(toy_geometry.to_dict())
    return path


def generate(model: Path, *words: str, out: str = "made.h5") -> int:
    target = str(model.parent / out)
    try:
        return main(["generate", "--model", str(model), "-o", target, "--sweeps", "2", *words])
    except SystemExit as end:  # the words were refused before the command began
        return int(end.code or 0)


def made(model: Path, out: str = "made.h5") -> np.ndarray:
    with ShowerFile(model.parent / out) as file:
        assert len(file.showers(slice(None))) == len(file)
        return file.e_inc()[:, 0]


def test_a_run_or_its_model_folder_will_do(model: Path, capsys: pytest.CaptureFixture) -> None:
    assert generate(model, "-n", "5") == 0
    assert capsys.readouterr().out == f"5 showers written to {model.parent / 'made.h5'}\n"
    assert generate(model / "model", "-n", "5", out="../again.h5") == 0
    first, again = model.parent / "made.h5", model.parent / "again.h5"
    assert first.read_bytes() == again.read_bytes()


def test_default_energies_span_the_models_range(model: Path) -> None:
    assert generate(model, "-n", "300") == 0
    e_inc = made(model)
    assert 100.0 <= e_inc.min() < 130.0
    assert 8e3 < e_inc.max() <= 1e4


def test_one_energy_or_a_range(model: Path) -> None:
    assert generate(model, "-n", "4", "--energy-gev", "5") == 0
    assert made(model).tolist() == [5e3] * 4
    assert generate(model, "-n", "50", "--energy-gev", "2", "3", out="range.h5") == 0
    e_inc = made(model, "range.h5")
    assert 2e3 <= e_inc.min() < e_inc.max() <= 3e3


@pytest.mark.parametrize(
    ("words", "expected"),
    [([], [1, 2, 3]), (["-n", "2"], [1, 2]), (["-n", "7"], [1, 2, 3, 1, 2, 3, 1])],
)
def test_energies_of_a_file_are_repeated_or_shortened(
    model: Path, energies: Path, words: list[str], expected: list[int]
) -> None:
    assert generate(model, "--energies-from", str(energies), *words) == 0
    assert made(model).tolist() == [1e3 * energy for energy in expected]


def test_the_file_says_how_it_was_made(model: Path) -> None:
    assert generate(model, "-n", "2", "--seed", "9") == 0
    with ShowerFile(model.parent / "made.h5") as file:
        attrs = file.attrs
    assert attrs["sweeps"] == 2
    assert attrs["seed"] == 9
    assert attrs["sampler"] == "block Gibbs"
    assert attrs["generator"].startswith("calo4pqvae ")
    assert attrs["model"] == '{"a": 1}'


def test_sweeps_are_measured_and_told(model: Path, capsys: pytest.CaptureFixture) -> None:
    assert generate(model, "-n", "5", "--sweeps", "auto") == 0
    told = int(capsys.readouterr().out.split()[0])
    with ShowerFile(model.parent / "made.h5") as file:
        assert file.attrs["sweeps"] == told
    assert 10 <= told < 200


@pytest.mark.parametrize(
    ("out", "more"), [("none.h5", ()), ("none", ("--shards", "2", "--shard", "0"))]
)
def test_showers_without_a_sweep_come_with_a_warning(
    model: Path, out: str, more: tuple[str, ...], capsys: pytest.CaptureFixture
) -> None:
    assert generate(model, "-n", "4", "--sweeps", "0", *more, out=out) == 0
    told = capsys.readouterr().err.splitlines()
    assert [line for line in told if "warning" in line] == [
        "calo4pqvae: warning: without a sweep the bits of the prior are random, and the "
        "showers not those of the model, which asks for 200 sweeps"
    ]
    assert generate(model, "-n", "4", "--sweeps", "1", out="one.h5") == 0
    assert "warning" not in capsys.readouterr().err


def test_both_samplers_can_be_named(model: Path) -> None:
    for sampler in ("compiled", "torch"):
        assert generate(model, "-n", "5", "--sampler", sampler, out=f"{sampler}.h5") == 0
        assert len(made(model, f"{sampler}.h5")) == 5


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--sweeps", "-1"], "'auto', or a number of sweeps from 0 to 1000000000, not '-1'"),
        (
            ["--sweeps", "many"],
            "'auto', or a number of sweeps from 0 to 1000000000, not 'many'",
        ),
        (["--sampler", "oracle"], "invalid choice: 'oracle'"),
    ],
)
def test_words_that_are_no_choice_are_refused(
    model: Path, words: list[str], says: str, capsys: pytest.CaptureFixture
) -> None:
    assert generate(model, "-n", "5", *words) == 2
    assert says in capsys.readouterr().err


def test_an_existing_file_is_replaced_only_when_asked(model: Path) -> None:
    assert generate(model, "-n", "2") == 0
    before = (model.parent / "made.h5").read_bytes()
    assert generate(model, "-n", "3") == 2
    assert (model.parent / "made.h5").read_bytes() == before
    assert generate(model, "-n", "3", "--overwrite") == 0
    assert len(made(model)) == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "say how many showers"),
        (["-n", "0"], "a whole number from 1 to 1000000000"),
        (["-n", "-3"], "a whole number from 1 to 1000000000"),
        (["-n", "0", "--energies-from", "ENERGIES"], "a whole number from 1 to 1000000000"),
        (["-n", "-3", "--energies-from", "ENERGIES"], "a whole number from 1 to 1000000000"),
        (["-n", "3", "--energy-gev", "11"], "3 of 3 incident energies lie outside"),
        (["-n", "3", "--energy-gev", "3", "2"], "rising range"),
        (["-n", "3", "--energy-gev", "nan"], "an energy above 0, not 'nan'"),
        (["-n", "3", "--energy-gev", "1", "2", "3"], "one energy or the two ends"),
        (["--energies-from", "ENERGIES", "--energy-gev", "1"], "exclude each other"),
        (["--energies-from", "nowhere.h5"], "nowhere.h5: no such file"),
        (["-n", "3", "--batch-size", "0"], "--batch-size: takes a whole number from 1"),
        (["-n", "3", "--seed", "-1"], "--seed: takes a whole number from 0"),
        (["-n", "3", "--device", "cuda"], "no CUDA device is available"),
    ],
)
def test_bad_words_give_one_line_and_no_file(
    model: Path,
    energies: Path,
    words: list[str],
    says: str,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    before = sorted(model.parent.iterdir())
    words = [str(energies) if word == "ENERGIES" else word for word in words]
    assert generate(model, *words) == 2
    one_line(says, capsys)
    assert sorted(model.parent.iterdir()) == before


def one_line(says: str, capsys: pytest.CaptureFixture) -> None:
    said = capsys.readouterr()
    assert said.err.startswith("calo4pqvae: error: ")
    assert says in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_a_job_that_was_killed_leaves_nothing_in_the_way(model: Path) -> None:
    """A part and a lock are left behind by a process that died; the next call goes on."""
    code = """
import os, sys
from calo4pqvae._core.lock import output_lock
from calo4pqvae.boltzmann.diagnostics import equilibrium
from calo4pqvae.cli.main import main
from calo4pqvae.generation import sequence
real = sequence.RowNoise
def die(*words):
    os.kill(os.getpid(), int(sys.argv[1]))
    return real(*words)
sequence.RowNoise = die
sys.exit(main(sys.argv[2:]))
"""
    words = ["generate", "--model", str(model), "-n", "3", "--sweeps", "2", "-o"]
    target = str(model.parent / "made.h5")
    for number, status, left in (
        (signal.SIGINT, 130, []),
        (signal.SIGKILL, -signal.SIGKILL, [".made.h5.lock", "made.h5.part"]),
    ):
        command = [sys.executable, "-c", code, str(int(number)), *words, target]
        assert subprocess.run(command, check=False, capture_output=True).returncode == status
        assert sorted(p.name for p in model.parent.glob("*made*")) == left
    assert generate(model, "-n", "3") == 0
    assert sorted(p.name for p in model.parent.glob("*made*")) == ["made.h5"]


def test_two_jobs_do_not_write_one_file(model: Path, capsys: pytest.CaptureFixture) -> None:
    def other() -> None:
        with output_lock(model.parent / "made.h5", "generate"):
            held.set()
            done.wait(60)

    held, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=other)
    thread.start()
    held.wait(60)
    assert generate(model, "-n", "1") == 2
    done.set()
    thread.join()
    one_line("made.h5: is in use by '", capsys)


def test_energies_of_states_are_those_of_the_bits(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The column prior_energy is E(z) of eq. (2) itself, sign and all, computed in a loop."""
    stored, noise = load_model(model), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weights in (stored.model.prior.bias, stored.model.prior.coupling):
            weights.normal_(0.5, 0.5, generator=noise)
    save_model(model / "model", stored.model, stored.config, {})
    kept = []
    decode = Calo4pQVAE.decode

    def keep(self: Calo4pQVAE, bits: torch.Tensor, *more: object) -> torch.Tensor:
        kept.append(bits[:6])
        return decode(self, bits, *more)

    monkeypatch.setattr(Calo4pQVAE, "decode", keep)
    assert generate(model, "-n", "6", "--seed", "4") == 0
    with h5py.File(model.parent / "made.h5") as file:
        written, e_inc = file["prior_energy"][:], file["incident_energies"][:]
    [bits] = kept
    t = stored.model.scale(torch.from_numpy(e_inc))
    for z, row, energy in zip(bits.double(), t, written, strict=True):
        problem = stored.model.prior.problem(row[None])
        i, j = problem.graph.edges
        pairs = problem.coupling.double() * z[i] * z[j]
        expected = -float(pairs.sum()) - float((problem.bias[0].double() * z).sum())
        assert expected < -1.0
        assert energy == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_left_over_names_of_a_group_of_processes_are_passed_over(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    assert generate(model, "-n", "2") == 0
    monkeypatch.setenv("WORLD_SIZE", "")
    assert generate(model, "-n", "2", "--overwrite") == 0


def test_sweeps_that_do_not_suffice_name_the_energy(
    model: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(equilibrium, "R_HAT", 1.0 + 1e-9)
    assert generate(model, "-n", "5", "--sweeps", "auto", "--most-sweeps", "128") == 2
    said = capsys.readouterr().err
    assert re.search(r"chains at \d+\.?\d* GeV disagree after \d+ sweeps", said)
    assert "--most-sweeps" in said


def test_a_folder_without_a_model_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert generate(tmp_path / "nowhere", "-n", "1") == 2
    one_line("nowhere: no model here", capsys)
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    assert generate(tmp_path / "run", "-n", "1") == 2
    one_line("has no finished model yet; finish it with: calo4pqvae train --resume", capsys)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_damaged_model_is_named(
    name: str, model: Path, capsys: pytest.CaptureFixture
) -> None:
    path = model / "model" / name
    path.write_bytes(path.read_bytes()[:-50])
    assert generate(model, "-n", "1") == 2
    one_line(f"{name}: is no readable", capsys)


def test_a_model_of_another_version_is_refused(
    model: Path, capsys: pytest.CaptureFixture
) -> None:
    path = model / "model" / "config.json"
    stored = json.loads(path.read_text()) | {"schema": 70}
    path.write_text(json.dumps(stored))
    assert generate(model, "-n", "1") == 2
    one_line("written as version 70, this program reads version", capsys)


def test_the_energy_of_the_bits_is_stored_with_each_shower(model: Path) -> None:
    """An untrained prior without biases has energy 0 everywhere."""
    assert generate(model, "-n", "5") == 0
    with ShowerFile(model.parent / "made.h5") as file:
        assert file.column("prior_energy").tolist() == [0.0] * 5
