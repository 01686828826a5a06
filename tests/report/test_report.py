"""From shower files to a page that needs nothing but itself."""

import json
import re

import numpy as np
import pytest

from calo4pqvae.cli import evaluate as evaluate_command
from calo4pqvae.cli import main as cli
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.errors import ConfigError
from calo4pqvae.geometry import CylindricalGeometry, LayerBins
from calo4pqvae.plotting.figures import FIGURES
from calo4pqvae.report.build import build_report
from calo4pqvae.report.folder import evaluate_to_folder
from calo4pqvae.report.rows import plus_minus

NAMES = ("generated", "reference", "reconstructed")


@pytest.fixture
def files(tmp_path, toy_geometry, toy_showers):
    """Three files of 60 showers each."""
    e_inc, showers = toy_showers(120)
    parts = {
        "generated": slice(0, 60),
        "reference": slice(60, 120),
        "reconstructed": slice(60, 120),
    }
    paths = {}
    for name, part in parts.items():
        paths[name] = tmp_path / f"{name}.h5"
        attrs = {"sampler": "gibbs", "sweeps": 300, "note": "<script>alert(1)</script>"}
        with ShowerWriter(paths[name], toy_geometry, attrs) as writer:
            writer.append(e_inc[part], showers[part])
    return paths


@pytest.fixture
def folder(files, tmp_path):
    with (
        ShowerFile(files["generated"]) as generated,
        ShowerFile(files["reference"]) as reference,
        ShowerFile(files["reconstructed"]) as reconstructed,
    ):
        evaluate_to_folder(generated, reference, tmp_path / "out", reconstructed)
    return tmp_path / "out"


def test_page_is_self_contained_and_complete(folder, tmp_path):
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["n_generated"] == metrics["n_reconstructed"] == 60
    figures = {path.stem for path in (folder / "figures").iterdir()}
    assert figures == {*FIGURES, "event"}
    page = build_report(folder, tmp_path / "report.html").read_text()
    assert "http" not in page
    assert not re.search(r"<(script|link|iframe)|@import|url\(", page)
    sources = re.findall(r'src="([^"]{40})', page)
    assert len(sources) == len(FIGURES) + 1
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    for words in ("Mean response", "Reconstructed showers", "within floor", "gibbs", "sweeps"):
        assert words in page
    assert "&lt;script&gt;" in page
    assert not list(tmp_path.glob("*.part"))


def test_page_without_reconstruction_and_with_unlike_layers(tmp_path, rng):
    geometry = CylindricalGeometry(
        (LayerBins((0.0, 1.0), 1), LayerBins((0.0, 1.0, 2.0), 3)), 0.05
    )
    e_inc = rng.uniform(1e3, 1e4, (80, 1)).astype(np.float32)
    showers = rng.exponential(100, (80, geometry.n_voxels)).astype(np.float32) + 1
    for name, part in (("a", slice(0, 40)), ("b", slice(40, 80))):
        with ShowerWriter(tmp_path / f"{name}.h5", geometry) as writer:
            writer.append(e_inc[part], showers[part])
    with ShowerFile(tmp_path / "a.h5") as a, ShowerFile(tmp_path / "b.h5") as b:
        evaluate_to_folder(a, b, tmp_path / "out", rows=np.arange(5, 40))
    page = build_report(tmp_path / "out", tmp_path / "page.html").read_text()
    assert "Reconstructed showers" not in page
    assert 'id="event"' not in page
    assert "35 chosen" in page


@pytest.mark.parametrize("content", [None, "{", "[]", '{"schema": 0}'])
def test_a_folder_without_an_evaluation_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(ConfigError, match=r"metrics\.json"):
        build_report(tmp_path, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_commands(files, tmp_path, capsys):
    out = tmp_path / "out"
    words = [f"--{name}={files[name]}" for name in NAMES]
    assert cli.main(["evaluate", *words, "-o", str(out)]) == 0
    assert "Mean response, relative to Geant4" in capsys.readouterr().out
    assert cli.main(["report", str(out)]) == 0
    assert (out / "report.html").is_file()
    assert cli.main(["report", str(tmp_path / "nowhere")]) == 2
    assert "calo4pqvae evaluate" in capsys.readouterr().err


def test_table_of_undefined_numbers(capsys):
    entry = {
        "value": None,
        "error": None,
        "floor": {"value": None, "error": None},
        "verdict": None,
        "reason": "why",
    }
    block = {"metrics": {"response": entry}, "omitted": []}
    evaluate_command.print_metrics({"n_generated": 20, "n_reference": 20, **block})
    assert "undefined" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "error", "scale", "text"),
    [
        (0.01891, 0.0024, 100.0, "1.89 ± 0.24"),
        (-0.14, 0.106, 100.0, "−14 ± 11"),
        (-0.001, 0.1, 100.0, "0 ± 10"),
        (1234.5, 0.0, 1.0, "1234"),
        (None, None, 1.0, "undefined"),
    ],
)
def test_numbers_are_written_to_the_errors_second_digit(value, error, scale, text):
    assert plus_minus(value, error, scale) == text
