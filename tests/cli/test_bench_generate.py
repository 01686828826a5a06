"""The command `bench generate` on an untrained model and a few showers of Geant4."""

import json
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from calo4pqvae.bench import surrogate
from calo4pqvae.cli.main import main
from calo4pqvae.config import load_config
from calo4pqvae.data.sample import sample_path
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.build import build_model
from calo4pqvae.models.storage import save_model

SETTINGS = (
    "data.energy_gev=[0.1,10]",
    "prior.nodes_per_partition=12",
    "model.encoder_widths=[8,4,16]",
    "model.decoder_widths=[16,4,4,8]",
)
SCRIPT = Path(__file__).parents[2] / "scripts" / "costs_table.py"


@pytest.fixture
def model(tmp_path: Path, toy_geometry: CylindricalGeometry) -> Path:
    model = build_model(load_config("quick", settings=SETTINGS), toy_geometry)
    with torch.no_grad():
        model.decoder.mean[0, 1].fill_(5.0)
    config = load_config("quick", settings=SETTINGS)
    save_model(tmp_path / "run" / "model", model, config, {})
    return tmp_path / "run"


@pytest.fixture(autouse=True)
def short_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surrogate, "SECONDS_OF_A_REPEAT", 0.0)


def bench(model: Path, *words: str) -> int:
    small = ("--repeats", "2", "--sweeps", "2", "--largest", "120", "--device", "cpu")
    try:
        return main(["bench", "generate", "--model", str(model), *small, *words])
    except SystemExit as end:  # the words were refused before the command began
        return int(end.code or 0)


@pytest.mark.skipif(
    find_spec("geant4_pybind") is None or find_spec("xraylib") is None,
    reason="needs the extra geant4",
)
def test_the_whole_table(
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "costs.json"
    assert bench(model, "--geant4-showers", "1", "-o", str(path)) == 0
    out = capsys.readouterr().out
    assert "Geant4 / ours" in out
    assert "1.39 J" in out
    content = json.loads(path.read_text())
    rows = content["rows"]
    samples = ["10 GeV", "0.1-10 GeV"]
    assert [r["sample"] for r in rows if r["system"] == "Geant4"] == samples
    ours = [r for r in rows if r["system"] == "ours"]
    assert [(r["batch"], r["sample"]) for r in ours] == [
        (1, samples[1]), (100, samples[1]), (120, samples[0]), (120, samples[1]),
    ]  # fmt: skip
    for row in ours:
        assert list(row["parts"]) == ["prior", "decoder", "writing"]
        total = sum(part["value"] for part in row["parts"].values())
        assert row["seconds"]["value"] == pytest.approx(total)
        assert row["seconds"]["error"] is not None
    assert [r["status"] for r in rows[-2:]] == ["timing model"] * 2
    assert len(content["ratios"]) == 4
    assert len(content["published"]) == 10
    check_markdown(path, capsys, monkeypatch)


def check_markdown(
    path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(path)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert out.count("| ours, 1 core |") == 4
    assert "| Calo4pQVAE (QPU), readout | 87 µs | 2.2 |" in out


def test_without_geant4_the_row_says_so(
    model: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "geant4_pybind", None)
    assert bench(model) == 0
    out = capsys.readouterr().out
    assert "one shower at a time, one thread" in out
    assert "the first call took" in out
    assert "geant4_pybind is not installed; run: pip install 'calo4pqvae[geant4]'" in out
    assert "how many times faster" not in out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--repeats", "0"), "--repeats: takes a whole number from 1"),
        (("--geant4-showers", "-1"), "--geant4-showers: takes a whole number from 0"),
        (("--chip", "abacus"), "abacus"),
        (("--core-watts", "0"), "--core-watts: takes a power above 0"),
        (("--core-watts", "nan"), "--core-watts: takes a power above 0, not 'nan'"),
        (
            ("--device", "cpu", "--gpu-watts", "300"),
            "--gpu-watts does nothing with",
        ),
        (("-o", "no/where.json"), "does not exist"),
        (("--geant4-times", str(sample_path())), "has no column cpu_seconds"),
    ],
)
def test_refusals(
    model: Path, words: tuple[str, ...], reason: str, capsys: pytest.CaptureFixture
) -> None:
    assert bench(model, "--geant4-showers", "0", *words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert reason in lines[0]
