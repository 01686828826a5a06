"""From shower files to a page that needs nothing but itself."""

import base64
import hashlib
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from calo4pqvae.cli import evaluate as evaluate_command
from calo4pqvae.cli import main as cli
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.classifiers.classifier import QUICK
from calo4pqvae.evaluation.metrics import networks
from calo4pqvae.evaluation.metrics.metric import Options
from calo4pqvae.evaluation.plain_json import without_nan
from calo4pqvae.evaluation.report import figures
from calo4pqvae.evaluation.report.figures import HEADINGS
from calo4pqvae.evaluation.report.folder import evaluate_to_folder
from calo4pqvae.evaluation.report.pages import build_report
from calo4pqvae.evaluation.result import Result, Score, Shown, undefined
from calo4pqvae.evaluation.verdict import Floor
from calo4pqvae.geometry import CylindricalGeometry, LayerBins


def test_page_is_self_contained_and_complete(folder, tmp_path):
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["generated"]["n"] == metrics["reconstructed"]["n"] == 250
    drawn = {path.stem for path in (folder / "figures").iterdir()}
    assert drawn == set(HEADINGS)
    page = build_report(folder, tmp_path / "report.html").read_text()
    assert not re.search(r"https?://|<iframe|@import|url\(|<script[^>]*src", page)
    sources = re.findall(r'(?:src|href)="([^"#]{5,30})', page)
    assert len(sources) == len(HEADINGS) + 1
    assert all(source.startswith("data:") for source in sources)
    for words in ("Mean response", "Reconstructed showers", "within floor", "gibbs", "sweeps"):
        assert words in page
    assert "&lt;script&gt;" in page
    assert not list(tmp_path.glob("*.part"))


def test_only_the_scripts_of_the_page_may_run(folder, tmp_path):
    page = build_report(folder, tmp_path / "report.html").read_bytes().decode()
    allowed = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert allowed.startswith("default-src 'none'")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = {
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in scripts
    }
    assert set(re.findall(r"'sha256-([^']+)'", allowed)) == hashes
    assert len(scripts) == 2


def test_ids_are_unique(folder, tmp_path):
    page = build_report(folder, tmp_path / "report.html").read_text()
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids)) > 10
    assert set(re.findall(r'(?:href="#|for="|describedby=")([^"]+)"', page)) <= set(ids)


def test_events_cannot_close_their_element(folder, tmp_path):
    path = folder / "events.json"
    events = json.loads(path.read_text())
    events["events"][0][0]["label"] = "</script><script>alert(1)</script>"
    path.write_text(json.dumps(events))
    page = build_report(folder, tmp_path / "report.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;/script&gt;" in page


def test_page_of_a_folder_with_metrics_only(folder, tmp_path):
    (folder / "events.json").unlink()
    shutil.rmtree(folder / "figures")
    metrics = json.loads((folder / "metrics.json").read_text())
    nothing = {"value": None, "error": None, "floor": {"value": None, "error": None}}
    for name in ("generated", "reconstructed"):
        for entry in metrics[name]["metrics"].values():
            entry.update(nothing, verdict=None, reason="nobody knows")
    for axis in ("radial", "longitudinal"):
        del metrics["generated"]["metrics"][f"profile.{axis}"]
    (folder / "metrics.json").write_text(json.dumps(metrics))
    page = build_report(folder, tmp_path / "report.html").read_text()
    assert "No number could be compared with Geant4" in page
    assert "nobody knows" in page
    for absent in ("<figure", "<dialog", 'id="display"', "event display", "layer by layer"):
        assert absent not in page.split("Reconstructed showers")[0]


def test_a_metric_that_the_page_does_not_know_is_shown_by_its_own_label(folder, tmp_path):
    metrics = json.loads((folder / "metrics.json").read_text())
    result = Result(Score(0.0246, 0.001, 60), Floor(0.0108, 0.0008, 0.001, n=30))
    shown = Shown("Fréchet physics distance", "Distances", 1e3, "× 10⁻³")
    new = {"fpd": result.to_dict(shown), "new.thing": result.to_dict(Shown("New thing", "New"))}
    metrics["generated"]["metrics"] |= new
    (folder / "metrics.json").write_text(json.dumps(metrics))
    page = build_report(folder, tmp_path / "report.html").read_text()
    cards = page.split('class="cards"')[1].split("</section>")[0]
    assert cards.index("Fréchet physics distance") < cards.index("Mean response")
    assert "24.6 <span>± 1.0 × 10⁻³" in cards
    assert "New thing" in page


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
        evaluate_to_folder(
            a, b, tmp_path / "out", rows=np.arange(5, 40), options=Options("none")
        )
    page = build_report(tmp_path / "out", tmp_path / "page.html").read_text()
    assert "Reconstructed showers" not in page
    assert 'id="figure-event"' not in page
    assert 'id="display"' not in page
    assert "event display" not in page
    assert not (tmp_path / "out" / "events.json").exists()
    assert "35 chosen" in page


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": 0}'])
def test_events_of_another_version_are_refused(folder, tmp_path, content):
    (folder / "events.json").write_text(content)
    with pytest.raises(ConfigError, match=r"events\.json"):
        build_report(folder, tmp_path / "report.html")


@pytest.mark.parametrize("content", [None, "{", "[]", '{"schema": 0}', '{"schema": 3}'])
def test_a_folder_without_an_evaluation_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(ConfigError, match=r"metrics\.json"):
        build_report(tmp_path, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_commands(shower_files, tmp_path, capsys, monkeypatch):
    """With one figure and short trainings: all of them are tested elsewhere."""
    for name in set(figures.FIGURES) - {"totals"}:
        monkeypatch.delitem(figures.FIGURES, name)
    monkeypatch.setitem(networks.SETUPS, "quick", (replace(QUICK, epochs=2), 2))
    out = tmp_path / "out"
    words = [f"--{name}={path}" for name, path in shower_files.items()]
    assert cli.main(["evaluate", *words, "-o", str(out)]) == 0
    assert "Mean response, relative to Geant4" in capsys.readouterr().out
    assert cli.main(["report", str(out)]) == 0
    assert (out / "report.html").is_file()
    assert cli.main(["report", str(tmp_path / "nowhere")]) == 2
    assert "evaluate showers first" in capsys.readouterr().err


def test_table_of_undefined_numbers(capsys):
    entry = without_nan(undefined("why").to_dict(Shown("Mean response", "Means")))
    block = {"n": 20, "metrics": {"response": entry}, "omitted": []}
    evaluate_command.print_metrics({"generated": block, "reference": {"n": 20}})
    assert "undefined" in capsys.readouterr().out
