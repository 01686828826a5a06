"""Killed and resumed runs of the real command line equal those left alone, bit for bit."""

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from calo4pqvae.cli.main import main
from calo4pqvae.config import CONFIG_SCHEMA
from calo4pqvae.data.shower_file import ShowerWriter
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.training.checkpoint import read_checkpoint
from calo4pqvae.training.prior_step import PriorStep

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["calo4pqvae.training.run", "torch._dynamo"])
"""Processes of their own that need not each import torch."""


def die(n_steps: int, argv: list[str]) -> None:
    """Kill this process in mid-step, when encoder and decoder have moved already."""
    step, left = PriorStep.__call__, n_steps

    def die_in_time(self: PriorStep, *args: Any) -> Any:
        nonlocal left
        left -= Path(argv[argv.index("--out") + 1], "config.json").exists()  # no rehearsal
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(self, *args)

    PriorStep.__call__ = die_in_time
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
        main(argv)


SHARED = ("data.energy_gev=[0.1,10]", "prior.initial_scale=1")
PRESETS = {
    "paper": (
        *SHARED,
        "prior.nodes_per_partition=60",
        "model.global_bits=[0,0,0]",  # 32 showers are too few for their distributions
        "model.encoder_widths=[2,2,3,3]",
        "model.decoder_widths=[3,3,2,2]",
        "training.batch_size=8",
        "training.sweeps=1",
        "training.epochs=4",
        "training.freeze_epoch=2",
        "training.checkpoint_minutes=0",
    ),
    "quick": (
        *SHARED,
        "prior.nodes_per_partition=12",
        "model.encoder_widths=[8,4,16]",
        "model.decoder_widths=[16,4,4,8]",
        "training.batch_size=8",
        "training.sweeps=1",
        "training.epochs=4",
        "training.freeze_epoch=2",
        "training.checkpoint_minutes=0",
    ),
}
"""With 40 showers: 32 train in four batches per epoch, four epochs, two of them frozen.

The couplings are strong and the sweeps few, so that chains remember where they started.
"""


@pytest.fixture
def data(
    tmp_path: Path, toy_showers: Callable[[int], tuple[np.ndarray, np.ndarray]]
) -> dict[str, Path]:
    """A file of 40 showers for each preset: the paper's network needs a larger cylinder."""
    rings = [float(ring) for ring in range(9)]
    large = CylindricalGeometry.regular(23, 8, rings, threshold=0.05)
    small = CylindricalGeometry.regular(6, 4, [0.0, 5.0, 10.0, 15.0], threshold=0.05)
    e_inc, toys = toy_showers(40)
    wide = np.zeros((40, 23, 8, 8), np.float32)
    wide[:, :6, ::2, :3] = toys.reshape(40, 6, 4, 3)
    content = {"paper": (large, wide.reshape(40, -1)), "quick": (small, toys)}
    for name, (geometry, showers) in content.items():
        with ShowerWriter(tmp_path / f"{name}.h5", geometry) as writer:
            writer.append(e_inc, showers)
    return {name: tmp_path / f"{name}.h5" for name in content}


def words(preset: str, data: dict[str, Path], run: Path, *more: str) -> list[str]:
    settings = ["--set", *PRESETS[preset], *more]
    start = ["train", "--preset", preset, "--data", str(data[preset]), "--out", str(run)]
    return [*start, "--device", "cpu", *settings]


def resume(run: Path) -> list[str]:
    return ["train", "--resume", "--out", str(run), "--device", "cpu"]


def outcome(run: Path) -> tuple[bytes, list[dict]]:
    """The final weights as stored, and the log without its clock."""
    lines = (run / "log.jsonl").read_text().splitlines()
    log = [{**json.loads(line), "seconds": None} for line in lines]
    return (run / "model" / "model.safetensors").read_bytes(), log


def died_after(n_steps: int, argv: list[str]) -> bool:
    process = FORKED.Process(target=die, args=(n_steps, argv))
    process.start()
    process.join()
    return process.exitcode == -signal.SIGKILL


def place(run: Path) -> tuple[int, int]:
    state = read_checkpoint(run / "checkpoints" / "last.pt")
    return state["epoch"], state["batch"]


@pytest.mark.parametrize("preset", ["paper", "quick"])
def test_runs_killed_in_mid_step_end_in_the_same_bits(
    preset: str, data: dict[str, Path], tmp_path: Path
) -> None:
    """Killed in the first epoch, then in the first step of the second frozen one.

    Both ways to go on: by `--resume`, and by the words that began the run.
    """
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert main(words(preset, data, whole)) == 0
    assert died_after(2, words(preset, data, broken))
    assert place(broken) == (0, 2)
    assert died_after(10, resume(broken))
    assert place(broken) == (2, 4)
    assert main(words(preset, data, broken)) == 0
    assert outcome(broken) == outcome(whole)


def test_sigkill_and_sigterm_from_outside_change_nothing(
    data: dict[str, Path], tmp_path: Path
) -> None:
    """SIGKILL leaves the last checkpoint; SIGTERM saves one, says so, and exits with 130."""
    whole, broken = tmp_path / "whole", tmp_path / "broken off"
    long = ("training.epochs=10", "training.freeze_epoch=9")
    assert main(words("quick", data, whole, *long)) == 0
    with start(words("quick", data, broken, *long)) as first:
        wait_for_checkpoint(broken, (0, 1), first)
        first.kill()
    reached = place(broken)
    with start(resume(broken)) as second:
        wait_for_checkpoint(broken, (reached[0], reached[1] + 1), second)
        second.send_signal(signal.SIGTERM)
        said = second.communicate()[0].decode()
    assert second.returncode == 130
    assert said == f"stopped; go on with: calo4pqvae train --resume --out '{broken}'\n"
    assert not (broken / "model").exists()
    assert main(resume(broken)) == 0
    assert outcome(broken) == outcome(whole)


def start(argv: list[str]) -> subprocess.Popen:
    command = [sys.executable, "-m", "calo4pqvae", *argv]
    return subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def wait_for_checkpoint(run: Path, wanted: tuple[int, int], process: subprocess.Popen) -> None:
    path = run / "checkpoints" / "last.pt"
    while not path.exists() or place(run) < wanted:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)


@pytest.fixture
def stopped(data: dict[str, Path], tmp_path: Path) -> Path:
    """A run folder with a checkpoint in mid-epoch."""
    run = tmp_path / "run"
    assert main(words("quick", data, run, "training.epochs=1")) == 0
    shutil.rmtree(run / "model")
    return run


def truncate(run: Path) -> list[str]:
    path = run / "checkpoints" / "last.pt"
    path.write_bytes(path.read_bytes()[:-100])
    return []


def empty(run: Path) -> list[str]:
    (run / "checkpoints" / "last.pt").write_bytes(b"")
    return []


def flip_some_weights(run: Path) -> list[str]:
    """Long enough to reach past the padding between records."""
    path = run / "checkpoints" / "last.pt"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    for place in range(middle, middle + 256):
        content[place] ^= 1
    path.write_bytes(bytes(content))
    return []


def remove(run: Path) -> list[str]:
    (run / "checkpoints" / "last.pt").unlink()
    return []


def age(run: Path) -> list[str]:
    path = run / "checkpoints" / "last.pt"
    torch.save({"schema": CONFIG_SCHEMA + 1, "epoch": 1}, path)
    return []


def age_the_run(run: Path) -> list[str]:
    return edit(run, lambda description: description.update(schema=CONFIG_SCHEMA + 1))


def change_a_setting(run: Path) -> list[str]:
    return edit(run, lambda d: d["config"]["training"].update(learning_rate=0.5))


def lose_the_description(run: Path) -> list[str]:
    (run / "config.json").unlink()
    return []


def tear_the_description(run: Path) -> list[str]:
    path = run / "config.json"
    path.write_text(path.read_text()[:-40])
    return []


def other_showers(run: Path) -> list[str]:
    other = run.parent / "other.h5"
    with ShowerWriter(
        other, CylindricalGeometry.regular(6, 4, [0.0, 5.0, 10.0, 15.0], threshold=0.05)
    ) as writer:
        writer.append(np.full((40, 1), 5e3, np.float32), np.ones((40, 72), np.float32))
    return ["--data", str(other)]


def moved_showers(run: Path) -> list[str]:
    (run.parent / "quick.h5").unlink()
    return []


def edit(run: Path, change: Callable[[dict], None]) -> list[str]:
    path = run / "config.json"
    description = json.loads(path.read_text())
    change(description)
    path.write_text(json.dumps(description))
    return []


DAMAGES = {
    truncate: "put back a copy, or remove the run and start again",
    empty: "last.pt: is no readable checkpoint",
    flip_some_weights: "last.pt: is no readable checkpoint",
    remove: "last.pt: there is no checkpoint to resume from",
    age: "written as version 4, this program reads versions 1 to 3",
    age_the_run: "written as version 4, this program reads versions 1 to 3",
    change_a_setting: "made with other values of training.learning_rate",
    lose_the_description: "no training run to resume here",
    tear_the_description: "config.json: is no readable description of a training run",
    other_showers: "made with other showers",
    moved_showers: "quick.h5: no such file",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_what_cannot_be_resumed_says_so_and_is_left_alone(
    damage: Callable[[Path], list[str]], stopped: Path, capsys: pytest.CaptureFixture
) -> None:
    more = damage(stopped)
    before = fingerprints(stopped)
    capsys.readouterr()
    assert main([*resume(stopped), *more]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("calo4pqvae: error: ")
    assert DAMAGES[damage] in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert fingerprints(stopped) == before


def fingerprints(folder: Path) -> dict[Path, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_finished_run_may_be_resumed_to_no_effect(
    data: dict[str, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert main(words("quick", data, run)) == 0
    before = outcome(run)
    assert main(resume(run)) == 0
    assert outcome(run) == before


def test_a_run_that_has_just_begun_can_be_resumed(
    data: dict[str, Path], tmp_path: Path
) -> None:
    """The folder of a run that died before its first hour is not blocked for ever."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    rarely = ("training.checkpoint_minutes=60", "training.epochs=1")
    assert main(words("quick", data, whole, *rarely)) == 0
    assert died_after(1, words("quick", data, broken, *rarely))
    assert main(resume(broken)) == 0
    assert outcome(broken) == outcome(whole)


def test_a_split_manifest_is_kept_in_the_run(
    data: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resumed from elsewhere, when the user's manifest has gone, on the same rows."""
    rows = {"train": list(range(30)), "validation": [30, 31], "test": [39]}
    manifest = tmp_path / "mine.json"
    manifest.write_text(json.dumps({"protocol": "mine", **rows}))
    monkeypatch.chdir(tmp_path)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert main(words("quick", data, whole, "data.split=mine.json")) == 0
    shutil.copytree(whole, broken)
    manifest.unlink()
    (broken / "model" / "config.json").unlink()
    monkeypatch.chdir("/")
    assert main(resume(broken)) == 0
    assert outcome(broken) == outcome(whole)
