import json
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from calo4pqvae.data.sample import sample_path, sample_split
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.units import GeV

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_sample.py"


@pytest.fixture(scope="module")
def sample():
    with ShowerFile(sample_path()) as file:
        yield file


def manifest():
    return json.loads(sample_path().with_suffix(".split.json").read_text())


def test_sample_is_small_and_on_the_mesh_of_dataset_2(sample):
    assert sample_path().stat().st_size < 5.9e6
    assert sample.geometry == CylindricalGeometry.dataset_2()
    assert len(sample) == len(manifest()["source_rows"])


def test_sample_states_its_provenance(sample):
    attrs = sample.attrs
    assert attrs["name"] == "W-Si Geant4 sample"
    assert "Geant4 11.4.1" in attrs["generator"]
    assert "not CaloChallenge dataset 2" in attrs["note"]
    assert attrs["threshold_keV"] == 15.15


def test_manifest_has_the_digest_of_the_sample(sample):
    assert manifest()["sha256"] == sample.sha256()


def test_split_covers_the_sample(sample):
    split = sample_split()
    assert (len(split.train), len(split.validation)) == (1000, 100)
    assert split.n_rows == len(sample)
    assert split.test.max() == len(sample) - 1
    assert split.protocol == "sample"


def test_sample_is_the_physics_that_it_says(sample):
    """Mean response 0.955 +- 0.0015 (one sigma of the mean): bounds at 4 sigma."""
    e_inc = sample.e_inc()
    showers = sample.showers(slice(None))
    assert e_inc.min() >= 1 * GeV
    assert e_inc.max() <= 100 * GeV
    assert np.mean(showers.sum(axis=1) / e_inc[:, 0]) == pytest.approx(0.955, abs=0.006)
    assert showers[showers > 0].min() >= 0.01515


@pytest.mark.skipif(not SCRIPT.exists(), reason="the script is not part of the package")
def test_script_copies_showers_unchanged(sample, tmp_path, monkeypatch, capsys):
    source = shutil.copy(sample_path(), tmp_path / "source.h5")
    arguments = [str(source), "--n", "1150", "--seed", "5", "--compression", "1"]
    arguments += ["--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert "1150 showers" in capsys.readouterr().out
    record = json.loads((tmp_path / "geant4_wsi_sample.split.json").read_text())
    assert [len(record[name]) for name in ("train", "validation", "test")] == [1000, 100, 50]
    rows = np.array(record["source_rows"])
    with ShowerFile(tmp_path / "geant4_wsi_sample.h5") as cut:
        np.testing.assert_array_equal(cut.showers(slice(None)), sample.showers(rows))
        np.testing.assert_array_equal(cut.e_inc(), sample.e_inc(rows))
        assert cut.sha256() == record["sha256"]
