"""The command that compares systems, and requirements on an evaluation."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import calo4pqvae
from calo4pqvae.cli.main import main
from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.evaluation.report import folder as evaluation
from calo4pqvae.geometry import CylindricalGeometry

SCHEMA = Path(calo4pqvae.__file__).parent / "evaluation" / "metrics.schema.json"
EACH, LAYERS = 150, 16
FACTORS = {"reference": 1.0, "good": 1.0, "bright": 1.2}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A reference and two systems; one is too bright and has two dead layers.

    Of each shower the first layers, and so few showers that half of them are no more than the
    features of either Fréchet distance: its floor is undefined.
    """
    folder = tmp_path_factory.mktemp("showers")
    with ShowerFile(sample_path()) as sample:
        rows = np.arange(3 * EACH)
        e_inc, showers = sample.e_inc(rows), sample.showers(rows)
        whole = sample.geometry
    geometry = CylindricalGeometry(whole.layers[:LAYERS], whole.threshold)
    voxels = showers.reshape(-1, *whole.shape)[:, :LAYERS]
    for i, (name, factor) in enumerate(FACTORS.items()):
        part = slice(i * EACH, (i + 1) * EACH)
        changed = factor * voxels[part]
        if name == "bright":
            changed[:, :2] = 0.0
        with ShowerWriter(folder / f"{name}.h5", geometry) as writer:
            writer.append(e_inc[part], changed.reshape(EACH, -1))
    return folder


def compare(files, *words):
    reference = str(files / "reference.h5")
    return main(["compare", *words, "--reference", reference, "-o", str(files / "out")])


def test_systems_are_scored_ranked_and_shown(files, capsys):
    words = [f"{name}={files / name}.h5" for name in ("bright", "good")]
    assert compare(files, *words, "--classifiers", "none") == 0
    result = json.loads((files / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert [place["name"] for place in result["ranking"]] == ["good", "bright"]
    assert result["systems"]["bright"]["separation.e_tot"]["verdict"] == "above floor"
    assert result["systems"]["good"]["separation.e_tot"]["verdict"] == "within floor"
    printed = capsys.readouterr().out
    assert "places by separation.e_layer" in printed
    page = (files / "out" / "comparison.html").read_text(encoding="utf-8")
    assert "good comes first of 2 systems" in page
    assert "CaloDREAM" in page
    assert 'src="http' not in page
    assert 'href="http' not in page


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["good.h5"], "a system reads NAME=FILE, not 'good.h5'"),
        (["a=", "b=x"], "a system reads NAME=FILE, not 'a='"),
        (["a=x.h5", "a=y.h5"], "two systems have the name 'a'"),
        (["a=nowhere.h5"], "nowhere.h5: no such file"),
    ],
)
def test_bad_systems_are_refused(files, words, says, capsys):
    assert compare(files, *words) == 2
    assert says in capsys.readouterr().err


@pytest.fixture
def evaluated_once(monkeypatch):
    """The same showers give the same numbers: all but the first command are spared the work."""
    results, evaluate = [], evaluation.evaluate_to_folder

    def once(*given):
        if not results:
            results.append(evaluate(*given))
        return results[0]

    monkeypatch.setattr(evaluation, "evaluate_to_folder", once)


@pytest.mark.usefixtures("evaluated_once")
def test_an_evaluation_fits_its_schema_and_meets_requirements_or_not(files, tmp_path, capsys):
    def evaluate(*words):
        generated, reference = str(files / "bright.h5"), str(files / "reference.h5")
        paths = ["--generated", generated, "--reference", reference, "-o", str(tmp_path)]
        return main(["evaluate", *paths, "--classifiers", "none", *words])

    assert evaluate("--require", "separation.e_tot<0.9", "--require", "kpd<9") == 0
    assert evaluate("--require", "separation.e_tot<0.9", "--require", "recall>2") == 3
    assert "required recall>2, but it is 0." in capsys.readouterr().out
    assert evaluate("--require", "fpd") == 2
    assert evaluate("--require", "separation.etot<1") == 2
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    validator.validate(metrics)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(metrics | {"fpd": {"value": "small"}})
