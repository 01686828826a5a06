"""The command that compares systems, and requirements on an evaluation."""

import json
from pathlib import Path

import h5py
import jsonschema
import pytest

import calo4pqvae
from calo4pqvae.cli.main import main
from calo4pqvae.data.sample import sample_path

SCHEMA = Path(calo4pqvae.__file__).parent / "metrics" / "metrics.schema.json"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A reference and two systems; one is too bright and has two dead layers."""
    folder = tmp_path_factory.mktemp("showers")
    with h5py.File(sample_path()) as sample:
        e_inc, showers = sample["incident_energies"][:], sample["showers"][:]
        geometry = sample.attrs["geometry"]
    parts = {
        "reference": (slice(0, 400), 1.0),
        "good": (slice(400, 800), 1.0),
        "bright": (slice(800, 1200), 1.1),
    }
    for name, (rows, factor) in parts.items():
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file["incident_energies"] = e_inc[rows]
            file["showers"] = factor * showers[rows]
            if name == "bright":
                file["showers"][:, 10 * 144 : 12 * 144] = 0.0
            file.attrs["geometry"] = geometry
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


def test_an_evaluation_fits_its_schema_and_meets_requirements_or_not(files, tmp_path, capsys):
    def evaluate(*words):
        generated, reference = str(files / "bright.h5"), str(files / "reference.h5")
        paths = ["--generated", generated, "--reference", reference, "-o", str(tmp_path)]
        return main(["evaluate", *paths, "--classifiers", "none", *words])

    assert evaluate("--require", "separation.e_tot<0.9", "--require", "kpd<1") == 0
    assert evaluate("--require", "separation.e_tot<0.9", "--require", "recall>2") == 3
    assert "required recall>2, but it is 0." in capsys.readouterr().out
    assert evaluate("--require", "fpd") == 2
    assert evaluate("--require", "separation.etot<1") == 2
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    validator.validate(metrics)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(metrics | {"fpd": {"value": "small"}})
