"""The command `simulate`: everything that is refused, in one line and with status 2."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from calo4pqvae.cli.main import main
from calo4pqvae.simulation.stacks import load_stack

geant4 = pytest.mark.skipif(
    find_spec("geant4_pybind") is None or find_spec("xraylib") is None,
    reason="needs the extra geant4",
)


def refused(capsys: pytest.CaptureFixture, *words: str) -> str:
    assert main(["simulate", *words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0].removeprefix("calo4pqvae: error: ")


def test_options(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = ("-o", str(tmp_path / "x.h5"))
    assert refused(capsys, *out, "-n", "2").startswith("give the energies by either")
    assert refused(capsys, *out, "--energy-gev", "1").startswith("say how many showers: -n N")
    assert "one energy or the two ends" in refused(
        capsys, *out, "-n", "2", "--energy-gev", "1", "2", "3"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("energy", ["1e-6", "2e5"])
def test_energies_outside_the_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture, energy: str
) -> None:
    line = refused(capsys, "-o", str(tmp_path / "x.h5"), "-n", "2", "--energy-gev", energy)
    assert "leave the tables of Geant4's electromagnetic physics" in line
    assert "between 0.001 GeV and 100 TeV" in line


def test_existing_file(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "x.h5"
    path.write_bytes(b"mine")
    assert "exists already" in refused(capsys, "-o", str(path), "-n", "1", "--energy-gev", "1")
    assert path.read_bytes() == b"mine"


def stack_file(tmp_path: Path, **changes: object) -> str:
    path = tmp_path / "stack.yaml"
    content = json.loads(json.dumps(load_stack("dataset-2").to_dict())) | changes
    path.write_text(yaml.safe_dump(content))
    return str(path)


def test_stacks(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    words = ("-o", str(tmp_path / "x.h5"), "-n", "1", "--energy-gev", "1", "--stack")
    silicon = {"material": "Si", "mm": 0.3, "sensitive": True, "at_mm": 1.0}
    overlapping = [{"material": "W", "mm": 1.4}, silicon]
    line = refused(capsys, *words, stack_file(tmp_path, slabs=overlapping))
    assert "slab 2 (Si) begins at 1 mm and overlaps W, which ends at 1.4 mm" in line
    assert "no stack 'nothing'" in refused(capsys, *words, "nothing")
    assert "no such file" in refused(capsys, *words, str(tmp_path / "nowhere.yaml"))


@geant4
def test_unknown_material(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    slabs = [{"material": "Unobtainium", "mm": 1.0, "sensitive": True}]
    words = ("-o", str(tmp_path / "x.h5"), "-n", "1", "--energy-gev", "1")
    line = refused(capsys, *words, "--stack", stack_file(tmp_path, slabs=slabs))
    assert line.startswith("Geant4 knows no material 'Unobtainium'; take the symbol")


@geant4
def test_missing_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("G4LEDATA", "G4ENSDFSTATEDATA", "GEANT4_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    words = ("-o", str(tmp_path / "x.h5"), "-n", "1", "--energy-gev", "1")
    line = refused(capsys, *words, "--tables", "official")
    assert line.startswith("Geant4's data sets G4EMLOW and G4ENSDFSTATE are not here")
    assert not list(tmp_path.glob("x.h5*"))


@geant4
@pytest.mark.parametrize("library", ["geant4_pybind", "xraylib"])
def test_missing_extra(
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    library: str,
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    words = ("-o", str(tmp_path / "x.h5"), "-n", "1", "--energy-gev", "1")
    line = refused(capsys, *words, "--tables", "built")
    assert line == f"{library} is not installed; run: pip install 'calo4pqvae[geant4]'"
    assert list(tmp_path.iterdir()) == []


@geant4
def test_energies_from_a_file_and_no_question_on_stdin(tmp_path: Path) -> None:
    """stdin is closed and no data set is installed: nothing may be asked."""
    energies = tmp_path / "energies.h5"
    with h5py.File(energies, "w") as file:
        file["incident_energies"] = np.array([[1000.0], [1500.0]])
        file["showers"] = np.full((2, 6480), 0.15)
    command = [sys.executable, "-m", "calo4pqvae", "simulate", "--energies-from", str(energies)]
    done = subprocess.run(
        [*command, "-n", "3", "-o", str(tmp_path / "x.h5"), "--particle", "positron"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "CI": "true"},
    )
    assert done.returncode == 0, done.stderr
    assert "datasets were not found" not in done.stdout
    with h5py.File(tmp_path / "x.h5") as file:
        assert file["incident_energies"][:, 0].tolist() == [1000, 1500, 1000]
        assert file.attrs["particle"] == "positron"
