"""`inspect` says what is in every kind of file that the package reads or writes."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from calo4pqvae.cli.inputs import add_geometry, read_geometry
from calo4pqvae.cli.main import main
from calo4pqvae.data.shower_file import ShowerWriter
from calo4pqvae.data.splits import paper_split
from calo4pqvae.geometry import CylindricalGeometry

Inspect = Callable[..., tuple[int, dict[str, str], str]]

BINNING = """<Bins>
  <Bin name="photon">
    <Layer id="0" r_edges="0,5,10" n_bin_alpha="3"/>
    <Layer id="1" r_edges="0,20" n_bin_alpha="1"/>
  </Bin>
  <Bin name="pion"><Layer id="0" r_edges="0,4" n_bin_alpha="2"/></Bin>
</Bins>"""


@pytest.fixture
def inspect(capsys: pytest.CaptureFixture) -> Inspect:
    """Run `inspect`; return the status, the facts by name, and the text on stderr."""

    def run(path: Path, *options: str) -> tuple[int, dict[str, str], str]:
        status = main(["inspect", str(path), *options])
        out, err = capsys.readouterr()
        lines = (line.split(":", 1) for line in out.splitlines())
        return status, {name: value.strip() for name, value in lines}, err

    return run


@pytest.fixture
def shower_path(
    tmp_path: Path, toy_geometry: CylindricalGeometry, toy_showers: Callable
) -> Path:
    path = tmp_path / "toy.h5"
    e_inc, showers = toy_showers(700)
    showers[:3, 0] = 0.01
    with ShowerWriter(path, toy_geometry, {"generator": "toy", "seed": 7}) as writer:
        writer.append(e_inc, showers)
    return path


def test_shower_file(inspect: Inspect, shower_path: Path, toy_showers: Callable) -> None:
    e_inc, showers = toy_showers(700)
    showers[:3, 0] = 0.01
    status, facts, _ = inspect(shower_path)
    assert status == 0
    assert facts["kind"] == "shower file"
    assert facts["showers"] == "700"
    assert facts["geometry"] == "6 layers x 4 alpha x 3 r = 72 voxels, radius 15 mm"
    assert facts["readout threshold"] == "50 keV"
    low, high = e_inc.min() / 1000, e_inc.max() / 1000
    assert facts["incident energy"] == f"{low:.4g} to {high:.4g} GeV"
    response = float(np.mean(showers.sum(1, dtype=np.float64) / e_inc[:, 0]))
    assert float(facts["mean response"]) == pytest.approx(response, abs=6e-5)
    assert float(facts["mean sparsity"]) == pytest.approx(np.mean(showers == 0), abs=6e-5)
    assert facts["smallest hit"] == "10 keV"
    assert facts["hits below threshold"] == f"3 of {np.count_nonzero(showers)}"
    assert facts["attribute generator"] == "toy"
    assert facts["attribute seed"] == "7"


def test_shower_file_with_another_suffix_is_known_by_its_signature(
    inspect: Inspect, shower_path: Path
) -> None:
    status, facts, _ = inspect(shower_path.rename(shower_path.with_suffix(".data")))
    assert (status, facts["kind"]) == (0, "shower file")


def test_shower_file_with_a_binning(inspect: Inspect, tmp_path: Path) -> None:
    import h5py

    path, binning = tmp_path / "pions.h5", tmp_path / "binning.xml"
    binning.write_text(BINNING)
    with h5py.File(path, "w") as file:
        file["incident_energies"] = np.full((4, 1), 100.0, np.float32)
        file["showers"] = np.full((4, 2), 40.0, np.float32)
    status, _, complaint = inspect(path)
    assert status == 2
    assert "--binning FILE.xml" in complaint
    status, facts, _ = inspect(path, "--binning", str(binning), "--particle", "pion")
    assert (status, facts["mean response"]) == (0, "0.8000")


@pytest.mark.parametrize(("kev", "below"), [("39000", "0 of 8"), ("41000", "8 of 8")])
def test_thresholds_are_given_in_kev(
    inspect: Inspect, tmp_path: Path, kev: str, below: str
) -> None:
    """Deposits of 40 MeV lie above 39,000 keV and below 41,000 keV."""
    import h5py

    path, binning = tmp_path / "pions.h5", tmp_path / "binning.xml"
    binning.write_text(BINNING)
    with h5py.File(path, "w") as file:
        file["incident_energies"] = np.full((4, 1), 100.0, np.float32)
        file["showers"] = np.full((4, 2), 40.0, np.float32)
    words = ("--binning", str(binning), "--particle", "pion", "--threshold-kev", kev)
    status, facts, _ = inspect(path, *words)
    assert (status, facts["hits below threshold"]) == (0, below)
    parser = argparse.ArgumentParser()
    add_geometry(parser)
    geometry = read_geometry(parser.parse_args([*words[:4], "--threshold-kev", "15.15"]))
    assert geometry is not None
    assert geometry.threshold == pytest.approx(0.01515, rel=1e-12)  # MeV


@pytest.mark.parametrize("name", ["run", "split.json", "binning.xml", "model.safetensors"])
def test_a_binning_does_nothing_for_what_holds_no_showers(
    inspect: Inspect, tmp_path: Path, name: str, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / name
    path.mkdir() if name == "run" else path.touch()
    with pytest.raises(SystemExit, match="2"):
        inspect(path, "--binning", "binning.xml")
    assert "--binning does nothing for what holds no showers" in capsys.readouterr().err


def test_split_manifest(inspect: Inspect, tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    paper_split(100, seed=3).save(path)
    status, facts, _ = inspect(path)
    assert status == 0
    assert facts["kind"] == "split manifest"
    assert (facts["protocol"], facts["seed"]) == ("paper", "3")
    assert facts["train"] == "80 showers"
    assert facts["test"] == "10 showers"


def test_binning(inspect: Inspect, tmp_path: Path) -> None:
    path = tmp_path / "binning.xml"
    path.write_text(BINNING)
    status, facts, _ = inspect(path)
    assert status == 0
    assert facts["geometry of photon"] == "2 unlike layers, 7 voxels, radius 20 mm"
    assert facts["geometry of pion"] == "1 layers x 2 alpha x 1 r = 2 voxels, radius 4 mm"


def test_metrics(inspect: Inspect, tmp_path: Path) -> None:
    path = tmp_path / "any name.json"
    metrics = {
        "response": {"value": 0.01234, "error": 0.002, "verdict": "within floor"},
        "undefined": {"value": None, "error": None, "verdict": None},
    }
    block, head = {"n": 9, "metrics": metrics}, {"schema": 4, "reference": {"n": 8}}
    path.write_text(json.dumps({**head, "generated": block}))
    status, facts, _ = inspect(path)
    assert status == 0
    assert facts == {
        "kind": "metrics",
        "showers": "9 generated, 8 reference",
        "response": "0.01234 +- 0.002  within floor",
    }
    path.write_text(json.dumps({**head, "systems": {"mine": block}}))
    assert inspect(path)[1]["response mine"] == "0.01234 +- 0.002  within floor"


def test_metrics_of_an_older_version_say_what_they_are(
    inspect: Inspect, tmp_path: Path
) -> None:
    (tmp_path / "metrics.json").write_text('{"schema": 3, "n_reference": 8}')
    status, _, error = inspect(tmp_path / "metrics.json")
    assert status == 2
    assert "metrics of schema 3, whose separations stood twice" in error


def write_model(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"preset": "quick", "model": {"beta": 2}}))
    tensors = {
        "weight": np.zeros((3, 4), np.float32),
        "bias": np.zeros(5, np.float32),
        "edges": np.zeros((2, 9), np.int64),
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def test_model_folder_counts_only_real_numbers(inspect: Inspect, tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    status, facts, _ = inspect(tmp_path / "model")
    assert status == 0
    assert facts["kind"] == "model folder"
    assert facts["weights"].startswith("17 parameters in 2 tensors")
    assert facts["model.beta"] == "2"


def test_weights_alone(inspect: Inspect, tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    status, facts, _ = inspect(tmp_path / "model" / "model.safetensors")
    assert status == 0
    assert facts["weights"].startswith("17 parameters in 2 tensors")


def test_run_folder_reads_the_last_whole_record(inspect: Inspect, tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_model(run / "model")
    (run / "config.json").write_text(json.dumps({"preset": "paper"}))
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "epoch-2").mkdir()
    long_log = "".join(json.dumps({"epoch": e, "pad": "x" * 90}) + "\n" for e in range(1000))
    torn = long_log.replace('{"epoch": 7,', '{"epoch: 7,')
    (run / "log.jsonl").write_text(torn + '{"epoch": 1000, "lo')
    status, facts, _ = inspect(run)
    assert status == 0
    assert facts["kind"] == "run folder"
    assert facts["preset"] == "paper"
    assert facts["weights"].startswith("17 parameters in 2 tensors")
    assert facts["checkpoints"] == "epoch-2"
    assert facts["last record.epoch"] == "999"
    assert facts["damaged lines of the log"] == "8"


def test_run_folder_that_has_just_begun(inspect: Inspect, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "log.jsonl").touch()
    status, facts, _ = inspect(tmp_path)
    assert status == 0
    assert (facts["checkpoints"], facts["last record"]) == ("none", "none")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("notes.txt", b"hello", "not known here"),
        ("nothing", b"", "not known here"),
        ("some.json", b'{"a": 1}', "not known here"),
        ("page.xml", b"<html></html>", "has no <Bin name=..>, only <html>"),
        ("broken.xml", b"<Bins><Bin", "no readable binning XML"),
        ("broken.json", b'{"a": ', "no readable description"),
        ("empty.h5", b"", "0 bytes"),
        ("text.h5", b"hello", "not an HDF5 file"),
        ("w.safetensors", b"\xff" * 40, "no readable file of weights"),
        ("x.safetensors", b"", "no readable file of weights"),
        ("y.safetensors", b"\x07" + b"\0" * 7 + b'{"a":1}', "no readable file of weights"),
    ],
)
def test_anything_else_is_one_line_and_status_2(
    name: str, content: bytes, says: str, inspect: Inspect, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    status, facts, complaint = inspect(path)
    assert status == 2
    assert not facts
    assert complaint.startswith("calo4pqvae: error: ")
    assert str(path) in complaint
    assert says in complaint
    assert complaint.count("\n") == 1


def test_missing_file_and_unknown_folder(inspect: Inspect, tmp_path: Path) -> None:
    status, _, complaint = inspect(tmp_path / "absent.json")
    assert status == 2
    assert "no such file" in complaint
    status, _, complaint = inspect(tmp_path)
    assert status == 2
    assert "not known here" in complaint


STEERING = "\x1b[2J\x1b]0;title\x07\r\x9b31m\u202e"
"""Clears the screen, renames the window, rings, goes to the left, colours, turns the line."""


def test_nothing_that_a_file_holds_steers_the_terminal(
    tmp_path: Path, toy_geometry: CylindricalGeometry, toy_showers: Callable, capsys
) -> None:
    path = tmp_path / f"a{STEERING}.h5"
    attrs = {"generator": f"new\nline{STEERING}", f"key{STEERING}": STEERING, "made": "by me"}
    with ShowerWriter(path, toy_geometry, attrs) as writer:
        writer.append(*toy_showers(5))
    (tmp_path / "model").mkdir()
    described = {"provenance": {f"key{STEERING}": [STEERING]}, "config": {STEERING: STEERING}}
    (tmp_path / "model" / "config.json").write_text(json.dumps(described))
    save_file({STEERING: np.zeros(2, np.float32)}, tmp_path / "model" / "model.safetensors")
    assert main(["inspect", str(path)]) == 0
    assert "attribute made:            by me" in capsys.readouterr().out
    for target in (path, tmp_path / "model", tmp_path / STEERING):
        main(["inspect", str(target)])
        out, err = capsys.readouterr()
        assert (out + err).count("x1b") >= 2
        assert all(c.isprintable() or c == "\n" for c in out + err)


def test_names_that_the_system_refuses_are_not_called_damaged(
    inspect: Inspect, tmp_path: Path
) -> None:
    for path in (tmp_path / ("n" * 300 + ".h5"), tmp_path / ("n" * 300)):
        status, _, err = inspect(path)
        assert status == 2
        assert "cannot be read (File name too long); check the path" in err


def test_a_name_that_is_no_text_is_said_once(inspect: Inspect, tmp_path: Path) -> None:
    status, _, err = inspect(tmp_path / "missing\udcff.h5")
    assert status == 2
    assert err.count("missing\\udcff.h5") == 1
