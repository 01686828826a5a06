"""One evaluation of toy showers, made once and copied for every test that asks for it."""

import shutil

import numpy as np
import pytest

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.evaluation.metrics.metric import Options
from calo4pqvae.evaluation.report.folder import evaluate_to_folder

NAMES = ("generated", "reference", "reconstructed")
ATTRS = {"sampler": "gibbs", "sweeps": 300, "note": "<script>alert(1)</script>"}


@pytest.fixture(scope="session")
def shower_files(tmp_path_factory, toy_geometry):
    """Three files of 250 showers each, 1 to 100 GeV; deposits fall with depth and radius."""
    folder, rng = tmp_path_factory.mktemp("showers"), np.random.default_rng(1)
    e_inc = 10 ** rng.uniform(3.0, 5.0, (250, 1))
    mean = np.exp(-toy_geometry.layer_of_voxel / 2 - toy_geometry.r_of_voxel / 3)
    for name in NAMES:
        showers = e_inc * mean / mean.sum() * rng.gamma(2.0, 0.5, (250, len(mean)))
        showers[showers < toy_geometry.threshold] = 0
        with ShowerWriter(folder / f"{name}.h5", toy_geometry, ATTRS) as writer:
            states = 10 * np.log(e_inc[:, 0]) + rng.normal(size=250)
            writer.append(
                e_inc.astype(np.float32), showers.astype(np.float32), prior_energy=states
            )
    return {name: folder / f"{name}.h5" for name in NAMES}


@pytest.fixture(scope="session")
def evaluated(shower_files, tmp_path_factory):
    """A folder that nobody may change."""
    folder = tmp_path_factory.mktemp("evaluated")
    generated, reference, reconstructed = (ShowerFile(path) for path in shower_files.values())
    with generated, reference, reconstructed:
        evaluate_to_folder(generated, reference, folder, reconstructed, options=Options("none"))
    return folder


@pytest.fixture
def folder(evaluated, tmp_path):
    """A copy of one's own."""
    return shutil.copytree(evaluated, tmp_path / "out")
