"""All scores at once: Geant4 itself lies at its floor, and each defect is seen."""

import json
import sys

import numpy as np
import pytest

from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.evaluation.classifiers.entries import n_voxels
from calo4pqvae.evaluation.features.high_level import FEATURE_SETS, Features
from calo4pqvae.evaluation.features.measured import Measured
from calo4pqvae.evaluation.scores import Scores
from calo4pqvae.evaluation.separation.bins import VoxelSpectrum
from calo4pqvae.evaluation.verdict import ABOVE, BELOW, WITHIN
from calo4pqvae.geometry import CylindricalGeometry

HALF = 700


@pytest.fixture(scope="module")
def showers():
    with ShowerFile(sample_path()) as file:
        rows = np.arange(HALF, 2 * HALF)
        return file.e_inc(rows), file.showers(rows)


@pytest.fixture(scope="module")
def scores():
    with ShowerFile(sample_path()) as file:
        return Scores(Measured.reference(file, np.arange(HALF)), batches=2)


def measured(reference, e_inc, showers):
    geometry, edges = reference.features.geometry, reference.spectrum.edges
    flat = showers.astype(np.float32)
    spectrum = VoxelSpectrum.from_showers(flat, edges, geometry.threshold)
    return Measured(Features.from_showers(e_inc, flat, geometry), spectrum)


@pytest.fixture(scope="module")
def clean(scores, showers):
    return scores.of(measured(scores.reference, *showers))


def test_geant4_lies_at_its_floor(clean):
    """33 verdicts, some of them correlated, at three errors each: two may be off by chance."""
    judged = [name for name, entry in clean.items() if entry["verdict"] is not None]
    above = [name for name in judged if clean[name]["verdict"] == ABOVE]
    assert len(judged) >= 25
    assert len(above) <= 2, above


def test_every_entry_has_value_error_and_floor(clean):
    json.dumps(clean, allow_nan=False)
    for name, entry in clean.items():
        assert {"value", "error", "n", "floor", "verdict"} <= set(entry), name
        if entry["value"] is None:
            assert entry["reason"], name
    assert clean["fpd"]["feature_set"] == FEATURE_SETS[0]
    assert clean["kpd.legacy"]["feature_set"] == FEATURE_SETS[1]


def test_a_floor_that_cannot_be_taken_says_why(clean):
    """Halves of 700 showers have no covariance of 362 features."""
    assert clean["fpd"]["floor"] is None
    assert clean["fpd"]["value"] > 0
    assert "give 726 or more of the reference and 363 of the sample" in clean["fpd"]["reason"]
    assert clean["fpd.legacy"]["matched"]["n"] == HALF // 2 == clean["fpd.legacy"]["floor"]["n"]


def swapped(showers):
    return showers.reshape(-1, 45, 9, 16).swapaxes(2, 3).reshape(len(showers), -1)


def without_layer_10(showers):
    spoilt = showers.reshape(-1, 45, 144).copy()
    spoilt[:, 10] = 0
    return spoilt.reshape(len(showers), -1)


@pytest.mark.parametrize(
    ("spoil", "seen"),
    [
        (lambda showers: 1.05 * showers, ["separation.e_tot"]),
        (without_layer_10, ["separation.e_layer", "separation.sparsity", "auc.high"]),
        (
            swapped,
            ["separation.ec_r", "separation.width_r", "fpd.legacy", "auc.high", "recall"],
        ),
    ],
)
def test_a_defect_is_seen_by_the_scores_that_should(scores, showers, spoil, seen):
    e_inc, voxels = showers
    sample = measured(scores.reference, e_inc, spoil(voxels))
    # The distances cost most, and only some defects are theirs to see.
    score = (
        scores.of if any(name.startswith("fpd") for name in seen) else scores.without_distances
    )
    found = score(sample)
    for name in seen:
        assert found[name]["verdict"] in (ABOVE, BELOW), name


def test_copies_of_few_showers_do_not_cover_the_reference(scores, showers):
    few = np.arange(HALF) % (HALF // 20)
    found = scores.without_distances(
        measured(scores.reference, showers[0][few], showers[1][few])
    )
    assert found["coverage"]["value"] < 0.5 < found["coverage"]["floor"]["value"]
    assert found["coverage"]["verdict"] == BELOW


def test_showers_without_any_energy_are_scored_without_nan(scores, showers):
    nothing = measured(scores.reference, showers[0], np.zeros_like(showers[1]))
    found = Scores(scores.reference, classifiers="none").without_distances(nothing)
    json.dumps(found, allow_nan=False)
    assert found["separation.e_tot"]["verdict"] == ABOVE
    assert found["chi_square.voxel"]["value"] is None
    assert found["chi_square.voxel"]["reason"]


def test_classifiers_can_be_left_out(scores, showers):
    sample = measured(scores.reference, *showers)
    plain = Scores(scores.reference, classifiers="none").without_distances(sample)
    assert "auc.high" not in plain
    assert plain["separation.e_tot"]["verdict"] == WITHIN


def test_a_classifier_on_voxels_sees_what_it_is_given(tmp_path):
    """Showers turned inside out, against Geant4: the voxels tell them apart at once."""
    with ShowerFile(sample_path()) as file:
        reference = Measured.reference(file, np.arange(220), voxels=220)
        rows = np.arange(300, 520)
        turned = file.showers(rows).reshape(-1, *file.geometry.shape)[..., ::-1]
        with ShowerWriter(tmp_path / "turned.h5", file.geometry) as writer:
            writer.append(file.e_inc(rows), turned.reshape(len(rows), -1))
    scores = Scores(reference, inputs=("low",))
    with ShowerFile(tmp_path / "turned.h5") as file:
        found = scores.without_distances(reference.like(file, voxels=220))["auc.low"]
    assert found["value"] > 0.9
    assert (found["feature_set"], found["setup"]) == ("voxels", "quick")


def test_voxels_that_nobody_measured_are_no_input(scores, showers):
    asking = Scores(scores.reference, inputs=("low", "resnet"))
    found = asking.without_distances(measured(scores.reference, *showers))
    for name in ("auc.low", "jsd.resnet"):
        assert found[name]["value"] is None
        assert "measured with their voxels" in found[name]["reason"]


@pytest.mark.parametrize(
    ("classifiers", "inputs", "needed"),
    [
        ("quick", ["high"], 0),
        ("none", ["low"], 0),
        ("quick", ["high", "low"], 5000),
        ("official", ["resnet"], sys.maxsize),
    ],
)
def test_voxels_are_kept_only_when_needed(classifiers, inputs, needed):
    assert n_voxels(classifiers, inputs) == needed


def judged_against_others(e_inc, showers, geometry, trials, smear=0.0):
    """All judged entries, each trial with a reference and a sample of its own."""
    rng, judged = np.random.default_rng(5), []
    for _ in range(trials):
        rows = rng.permutation(len(showers))
        one, other = rows[:400], rows[400:800]
        factor = 1 + smear * rng.normal(size=(400, 1))
        reference = measured_in(geometry, e_inc[one], showers[one])
        sample = measured(reference, e_inc[other], factor * showers[other])
        scores = Scores(reference, classifiers="none").without_distances(sample)
        judged.append([entry for entry in scores.values() if entry["verdict"] is not None])
    return judged


def measured_in(geometry, e_inc, showers):
    flat = showers.astype(np.float32)
    edges = np.geomspace(geometry.threshold, 1e4, 40)
    spectrum = VoxelSpectrum.from_showers(flat, edges, geometry.threshold)
    return Measured(Features.from_showers(e_inc, flat, geometry), spectrum)


def test_verdicts_err_on_geant4_as_seldom_as_stated_and_see_a_smear():
    """Thin showers of Geant4 against others of Geant4: 12 trials of 24 correlated verdicts.

    At the stated 0.4 to 0.6 % 1.6 are off in the mean; as they come together, up to 12 are
    allowed, which half the trials would have to bring about. The twin that tolerates half as
    much fails. A smear of the deposits by 30 % is seen in every trial.
    """
    with ShowerFile(sample_path()) as file:
        rows = np.arange(len(file))
        thin = file.showers(rows).reshape(-1, *file.geometry.shape)[:, ::6]
        geometry = CylindricalGeometry(file.geometry.layers[::6], file.geometry.threshold)
        e_inc, showers = file.e_inc(rows), thin.reshape(len(rows), -1)
    trials = judged_against_others(e_inc, showers, geometry, 12)
    entries = [entry for trial in trials for entry in trial]
    assert len(trials[0]) >= 20
    assert sum(entry["verdict"] != WITHIN for entry in entries) <= 12
    assert sum((entry["excess"] or 0) > 1.5 for entry in entries) > 12
    for trial in judged_against_others(e_inc, showers, geometry, 3, smear=0.3):
        assert any(entry["verdict"] == ABOVE for entry in trial)
