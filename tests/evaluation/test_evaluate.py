"""What an evaluation says beside its numbers, how it is written, and how it is read again."""

import json
import math
import warnings

import numpy as np
import pytest

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.errors import ConfigError, GeometryError, PhysicsWarning
from calo4pqvae.evaluation.evaluate import check_files, evaluate
from calo4pqvae.evaluation.metrics.metric import Options
from calo4pqvae.evaluation.metrics.registry import METRICS, metric_names
from calo4pqvae.evaluation.metrics_file import SCHEMA, read_metrics, write_metrics

QUICK = Options(classifiers="none", batches=1)


@pytest.fixture
def files(tmp_path, toy_geometry, toy_showers):
    """A function that writes showers to a file and opens it, and 800 of them."""
    opened = []

    def write(name, e_inc, showers):
        with ShowerWriter(tmp_path / f"{name}.h5", toy_geometry, {"seed": 3}) as writer:
            writer.append(e_inc, showers)
        opened.append(ShowerFile(tmp_path / f"{name}.h5"))
        return opened[-1]

    yield write, toy_showers(800)
    for file in opened:
        file.close()


@pytest.fixture
def few_metrics(monkeypatch):
    """Those alone that take no time."""
    for name in set(METRICS) - {"windows", "separations"}:
        monkeypatch.delitem(METRICS, name)


def evaluated(generated, reference, rows=None):
    return evaluate(generated, reference, rows=rows, options=QUICK)


@pytest.mark.usefixtures("few_metrics")
def test_files_and_chosen_rows(files, tmp_path):
    write, (e_inc, showers) = files
    generated = write("generated", e_inc[:400], showers[:400])
    reference = write("reference", e_inc[400:], showers[400:])
    result = evaluated(generated, reference, np.arange(0, 400, 2))
    write_metrics(result, tmp_path / "metrics.json")
    assert read_metrics(tmp_path / "metrics.json") == json.loads(json.dumps(result))
    assert result["reference"]["n"] == 200
    assert result["reference"]["rows"] == "200 chosen"
    assert result["generated"]["attributes"]["seed"] == 3
    assert result["generated"]["energies"]["p_value"] > 1e-4
    omitted = {window["window"] for window in result["generated"]["omitted"]}
    assert omitted == {"40-50 GeV", "80-100 GeV", "150-200 GeV"}
    names = metric_names(QUICK)
    for name, entry in result["generated"]["metrics"].items():
        assert (entry["label"], entry["group"]) == names[name][:2]
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.usefixtures("few_metrics")
def test_warns_of_a_missing_threshold_and_of_other_incident_energies(files):
    write, (e_inc, showers) = files
    reference = write("reference", e_inc[400:], showers[400:])
    faint = np.where(showers == 0, np.float32(0.01), showers)[:400]
    with pytest.warns(PhysicsWarning, match="below the readout threshold"):
        result = evaluated(write("faint", e_inc[:400], faint), reference)
    removed = [result[k]["threshold"]["voxels_removed"] for k in ("generated", "reference")]
    assert removed == [(showers[:400] == 0).sum(), 0]
    high = e_inc[:, 0] > np.median(e_inc)
    with pytest.warns(PhysicsWarning, match="incident energies of the generated"):
        result = evaluated(write("high", e_inc[high], showers[high]), reference)
    assert result["generated"]["energies"]["ks_distance"] == pytest.approx(0.5, abs=0.1)


@pytest.mark.usefixtures("few_metrics")
def test_repeated_energies_are_paired_and_silent(files):
    write, (e_inc, showers) = files
    reference = write("reference", e_inc[:100], showers[:100])
    twice = write("twice", np.tile(e_inc[:100], (2, 1)), np.tile(showers[:100], (2, 1)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = evaluated(twice, reference)
    assert result["generated"]["energies"]["paired"]
    assert result["generated"]["n"] == 2 * result["reference"]["n"]


def test_other_geometries_and_small_samples_are_refused(files, tmp_path, toy_geometry):
    write, (e_inc, showers) = files
    reference, few = write("reference", e_inc, showers), write("few", e_inc[:19], showers[:19])
    with pytest.raises(ConfigError, match="19 generated showers are too few"):
        check_files({"generated": few}, reference)
    with pytest.raises(ConfigError, match="9 reference showers are too few"):
        check_files({"generated": reference}, reference, np.arange(9))
    other = type(toy_geometry)(toy_geometry.layers, 0.01)
    with ShowerWriter(tmp_path / "other.h5", other) as writer:
        writer.append(e_inc, showers)
    with (
        ShowerFile(tmp_path / "other.h5") as file,
        pytest.raises(GeometryError, match="different geometries"),
    ):
        check_files({"other": file}, reference)


def test_one_undefined_number_does_not_cost_the_others(tmp_path):
    content = {"fpd": {"value": math.nan}, "kpd": {"value": 2.0, "of": [math.inf, 1]}}
    write_metrics(content, tmp_path / "metrics.json")
    text = (tmp_path / "metrics.json").read_text()
    assert json.loads(text) == {"fpd": {"value": None}, "kpd": {"value": 2.0, "of": [None, 1]}}
    assert "NaN" not in text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "not found; evaluate showers first"),
        ("[]", f"not metrics of schema {SCHEMA}; evaluate again"),
        ('{"schema": [3]}', f"not metrics of schema {SCHEMA}; evaluate again"),
        ('{"schema": 5}', f"not metrics of schema {SCHEMA}; evaluate again"),
        ('{"schema": 2}', "metrics of schema 2, whose verdicts followed another rule"),
        ('{"schema": 3}', "metrics of schema 3, whose separations stood twice"),
    ],
)
def test_what_is_not_of_this_version_says_what_it_is(tmp_path, content, says):
    if content is not None:
        (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(ConfigError) as error:
        read_metrics(tmp_path / "metrics.json")
    assert says in str(error.value)
    assert "\n" not in str(error.value)
