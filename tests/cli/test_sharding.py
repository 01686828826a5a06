"""Shards from the command line: made, listed, altered, made again, merged."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from calo4pqvae.cli.main import main
from calo4pqvae.cli.options import COMPRESSIONS
from calo4pqvae.config import load_config
from calo4pqvae.data import shower_writer
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.build import build_model
from calo4pqvae.models.storage import save_model

SETTINGS = (
    "data.energy_gev=[0.1,10]",
    "prior.nodes_per_partition=12",
    "model.encoder_widths=[8,4,16]",
    "model.decoder_widths=[16,4,4,8]",
)
CONTRIB = Path(__file__).parents[2] / "contrib"


@pytest.fixture
def words(
    tmp_path: Path, toy_geometry: CylindricalGeometry, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Forty showers of an untrained model, number 7 and those after it, in three shards."""
    config = load_config("quick", settings=SETTINGS)
    model = build_model(config, toy_geometry)
    with torch.no_grad():
        model.decoder.mean[0, 1].fill_(5.0)
    save_model(tmp_path / "m", model, config, {})
    monkeypatch.chdir(tmp_path)
    job = ["generate", "--model", "m", "-n", "40", "--first", "7", "--sweeps", "2"]
    return [*job, "--shards", "3", "-o", "all"]


def showers(path: str) -> np.ndarray:
    with ShowerFile(path) as file:
        return np.hstack([file.e_inc(), file.showers(slice(None))])


def test_from_the_first_shard_to_one_file(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*more: str) -> str:
        assert main([*words, *more]) == 0
        return capsys.readouterr().out

    assert said("--list-missing") == "0-2\n"
    assert "shard-000001.h5: showers 20 to 32, made on" in said("--shard", "1")
    assert said("--list-missing") == "0,2\n"
    assert said("--list-missing", "lines") == "0\n2\n"
    told = said("--workers", "1")
    assert "1 of 3 shards are there already" in told
    assert "40 showers in 3 shards in all" in told
    assert said("--list-missing") == ""
    path = Path("all/shard-000002.h5")
    whole = path.read_bytes()
    path.write_bytes(whole[:-3] + bytes(3))
    assert said("--list-missing") == "2\n"
    assert "shard-000002.h5 was altered after it was finished; it is made again" in said(
        "--workers", "1"
    )
    assert path.read_bytes() == whole
    assert said("--workers", "1", "-o", "the shards").endswith(
        "MB; make one file of them with: calo4pqvae merge 'the shards' -o ALL.h5\n"
    )
    assert main(["merge", "all", "-o", "all.h5"]) == 0
    assert (
        "showers 7 to 46 of 3 shards, which it points to in all.h5" in capsys.readouterr().out
    )
    alone = [word for word in words if word not in {"--shards", "3"}]
    assert main([*alone[:-1], "alone.h5"]) == 0
    np.testing.assert_array_equal(showers("all.h5"), showers("alone.h5"))
    assert main([*words, "--seed", "3"]) == 2
    said_last = capsys.readouterr().err
    assert "holds shards of another job (it differs in energies, seed)" in said_last


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (["-o", "all.h5"], "with --shards, -o names a folder"),
        (["--shard", "3"], "there is no shard 3; --shards 3 are 0 to 2"),
        (["--shards", "41"], "40 showers from number 7 on cannot be cut into 41 shards"),
        (["--energy-gev", "99"], "40 of 40 incident energies lie outside"),
    ],
)
def test_senseless_words_are_one_line(
    words: list[str], more: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, *more]) == 2
    assert reason in capsys.readouterr().err
    assert not Path("all").exists()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize("system", ["slurm", "htcondor"])
def test_recipes_for_batch_systems_submit_what_is_missing(
    words: list[str], system: str, tmp_path: Path
) -> None:
    path = tmp_path / "bin" / "calo4pqvae"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -m calo4pqvae "$@"\n')
    path.chmod(0o755)
    env = {**os.environ, "PATH": f"{path.parent}:{os.environ['PATH']}", "PRINT": "1"}

    def printed() -> str:
        call = ["bash", str(CONTRIB / system / "submit.sh"), *words[:-1], "it's all"]
        return subprocess.run(call, env=env, check=True, capture_output=True, text=True).stdout

    before = printed()
    if system == "slurm":
        assert "#SBATCH --array=0-2%100\n" in before
        job = {**env, "SLURM_ARRAY_TASK_ID": "1"}
        subprocess.run(["bash"], input=before, env=job, check=True, text=True)
        assert "#SBATCH --array=0,2%100\n" in printed()
    else:
        htcondor = pytest.importorskip("htcondor2", reason="HTCondor's parser is not installed")
        submit = htcondor.Submit(before)
        assert [item["shard"] for item in submit.itemdata()] == ["0", "1", "2"]
        assert "'it''s all' --shard $(shard)" in submit["arguments"]


def test_compressions_are_those_of_the_writer() -> None:
    assert COMPRESSIONS == shower_writer.COMPRESSIONS
