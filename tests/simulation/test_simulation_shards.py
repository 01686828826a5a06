"""Geant4 in shards: the showers are those of one file, whoever makes which."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from calo4pqvae.cli.main import main
from calo4pqvae.data.shower_file import ShowerFile

pytestmark = pytest.mark.skipif(
    find_spec("geant4_pybind") is None or find_spec("xraylib") is None,
    reason="needs the extra geant4",
)

JOB = ("simulate", "--energy-gev", "1", "2", "-n", "12", "--first", "5", "--seed", "3")


def showers(path: Path) -> np.ndarray:
    with ShowerFile(path) as file:
        return np.hstack([file.e_inc(), file.showers(slice(None))])


def test_shards_hold_the_showers_of_one_file_and_are_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone, folder = tmp_path / "alone.h5", tmp_path / "all"
    assert main([*JOB, "-o", str(alone), "--workers", "1"]) == 0
    words = [*JOB, "--no-times", "-o", str(folder), "--shards", "3", "--workers", "2"]
    assert main(words) == 0
    made = {path.name: path.read_bytes() for path in sorted(folder.glob("shard-*.h5"))}
    assert len(made) == 3
    lost, altered = folder / "shard-000000.h5", folder / "shard-000002.h5"
    lost.unlink()
    altered.write_bytes(made[altered.name][:-1] + b"?")
    capsys.readouterr()
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "1 of 3 shards are there already" in told
    assert "shard-000002.h5 was altered after it was finished; it is made again" in told
    assert {path.name: path.read_bytes() for path in folder.glob("shard-*.h5")} == made
    merged = tmp_path / "merged.h5"
    assert main(["merge", str(folder), "-o", str(merged)]) == 0
    assert showers(merged).tobytes() == showers(alone).tobytes()
    assert showers(merged)[:, 1:].any(axis=1).all()
