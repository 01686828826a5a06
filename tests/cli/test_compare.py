"""The command that compares systems, and requirements on an evaluation."""

import json
import os
import threading
from contextlib import ExitStack
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import calo4pqvae
from calo4pqvae._core.lock import output_lock
from calo4pqvae.cli.main import main
from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.evaluation.evaluate import Evaluation
from calo4pqvae.evaluation.evaluate import compare as compare_systems
from calo4pqvae.evaluation.metrics.metric import Options
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
    assert [place["place"] for place in result["ranking"]] == [1, 2]
    assert [place["n"] for place in result["ranking"]] == [EACH, EACH]
    assert (
        result["systems"]["bright"]["metrics"]["separation.e_tot"]["verdict"] == "above floor"
    )
    assert result["systems"]["good"]["metrics"]["separation.e_tot"]["verdict"] == "within floor"
    printed = capsys.readouterr().out
    assert "above its floor" in printed
    assert "numbers are off their floor; of Geant4 itself" in printed
    assert "recall" in printed.lower()
    for line in printed.splitlines():
        assert "…" not in line, "a head or a cell is cut"
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
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    validator.validate(metrics)
    metrics["generated"]["metrics"]["fpd"]["value"] = "small"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(metrics)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--require", "fdp<1"], "did you mean 'fpd'"),
        (["--require", "fpd<1", "--require", "fpd<often"], "'often' in 'fpd<often'"),
        (["--require", "auc.high<0.6"], "no metric 'auc.high' with these classifiers"),
        (["--require", "response.1-3 GeV<1"], "no metric 'response.1-3 GeV'"),
        (["--windows-gev", "5-1"], "two rising energies, not '5-1'"),
        (["--windows-gev", "1-inf"], "not '1-inf'"),
        (["--windows-gev", "1-2", "1.0-2"], "1-2 GeV is asked for twice"),
        (["--reference-split", "train"], "add --split"),
        (["--classifier-inputs", "low"], "does nothing with --classifiers none"),
        (["--model", "run", "--reconstructed", "x.h5"], "exclude each other"),
    ],
)
def test_what_is_mistyped_or_does_nothing_is_refused_before_any_file_is_read(
    words, says, tmp_path, capsys
):
    paths = [
        "--generated",
        "nowhere.h5",
        "--reference",
        "nowhere.h5",
        "-o",
        str(tmp_path / "o"),
    ]
    try:
        status = main(["evaluate", *paths, "--classifiers", "none", *words])
    except SystemExit as end:  # the words were refused before the command began
        status = end.code
    assert status == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_a_second_evaluation_into_a_folder_is_refused(files, tmp_path, capsys):
    with output_lock(tmp_path, "evaluate", folder=True):
        done = []
        paths = ["--generated", str(files / "good.h5"), "--reference", str(files / "good.h5")]
        words = ["evaluate", *paths, "-o", str(tmp_path)]
        other = threading.Thread(target=lambda: done.append(main(words)))
        other.start()
        other.join()
    assert done == [2]
    error = capsys.readouterr().err
    assert str(os.getpid()) in error
    assert not (tmp_path / "metrics.json").exists()


def test_a_small_file_does_not_cut_the_others_to_its_size(files):
    """Forty showers beside them leave the scores and places of the others as they are."""
    with ExitStack() as stack:
        names = ("reference", "good", "bright")
        reference, good, bright = (
            stack.enter_context(ShowerFile(files / f"{name}.h5")) for name in names
        )
        with ShowerWriter(files / "few.h5", good.geometry) as writer:
            rows = np.arange(0, EACH, 4)
            writer.append(good.e_inc(rows), good.showers(rows))
        few = stack.enter_context(ShowerFile(files / "few.h5"))
        judge = Evaluation(reference, options=Options("none"))
        alone, _ = compare_systems(judge, {"bright": bright})
        beside, _ = compare_systems(judge, {"few": few, "bright": bright})
    assert beside["systems"]["bright"] == alone["systems"]["bright"]
    assert beside["ranked_by"][0] == "separation.e_tot"
    sizes = {
        name: one["metrics"]["separation.e_tot"]["matched"]["n"]
        for name, one in beside["systems"].items()
    }
    assert sizes == {"few": len(rows), "bright": EACH // 2}
    assert [(one["name"], one["place"]) for one in beside["ranking"]] == [
        ("few", 1),
        ("bright", 2),
    ]
