"""All metrics at once: Geant4 itself lies at its floor, and each defect is seen."""

import json
from dataclasses import replace

import numpy as np
import pytest

from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.measured.features import FEATURE_SETS
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.distances import Distances
from calo4pqvae.evaluation.metrics.metric import Metric, Options
from calo4pqvae.evaluation.metrics.neighbours import Neighbours
from calo4pqvae.evaluation.metrics.networks import Networks
from calo4pqvae.evaluation.metrics.registry import metric_classes, metric_names
from calo4pqvae.evaluation.metrics.separations import Separations
from calo4pqvae.evaluation.plain_json import without_nan
from calo4pqvae.evaluation.verdict import ABOVE, BELOW, WITHIN
from calo4pqvae.geometry import CylindricalGeometry

HALF = 700
OPTIONS = Options(batches=2)
CHALLENGE = (Distances, Separations, Networks, Neighbours)


@pytest.fixture(scope="module")
def showers():
    with ShowerFile(sample_path()) as file:
        rows = np.arange(HALF, 2 * HALF)
        return file.e_inc(rows), file.showers(rows)


@pytest.fixture(scope="module")
def metrics():
    """The challenge's metrics by class, made of one reference, which takes no part in power."""
    with ShowerFile(sample_path()) as file:
        measured = Measured.from_file(file, np.arange(HALF))
        reference = replace(measured, file=None)
        return {made: made(reference, OPTIONS) for made in CHALLENGE}


@pytest.fixture
def judge(metrics):
    """A function (e_inc, showers, classes) -> results of a sample."""

    def judged(e_inc, showers, classes=CHALLENGE):
        reference = metrics[Separations].reference
        flat = showers.astype(np.float32)
        sample = Measured.from_showers(e_inc, flat, reference.geometry, like=reference)
        return {k: v for made in classes for k, v in metrics[made].of(sample).items()}

    return judged


def test_every_metric_is_one_and_names_are_unique():
    for made in metric_classes():
        assert issubclass(made, Metric)
    names = metric_names(Options(inputs=("high", "low", "resnet")))
    assert len(names) == sum(
        len(made.names(Options(inputs=("high", "low", "resnet")))) for made in metric_classes()
    )
    assert not any(name.startswith(("auc", "jsd")) for name in metric_names(Options("none")))


def test_geant4_lies_at_its_floor(judge, showers):
    """31 verdicts, some of them correlated, at three errors each: two may be off by chance."""
    clean = judge(*showers)
    judged = [name for name, result in clean.items() if result.verdict is not None]
    assert len(judged) >= 25
    assert sum(clean[name].verdict == ABOVE for name in judged) <= 2
    for name, result in clean.items():
        entry = without_nan(result.to_dict())
        json.dumps(entry, allow_nan=False)
        assert {"value", "error", "n", "floor", "verdict"} <= set(entry), name
        assert entry["value"] is not None or entry["reason"], name
    assert clean["fpd"].more["feature_set"] == FEATURE_SETS[0]
    assert clean["kpd.legacy"].more["feature_set"] == FEATURE_SETS[1]
    # halves of 700 showers have no covariance of 362 features
    assert clean["fpd"].floor is None
    assert clean["fpd"].value > 0
    assert "give 726 or more of the reference and 363 of the sample" in clean["fpd"].reason
    assert clean["fpd.legacy"].matched.n == HALF // 2 == clean["fpd.legacy"].floor.n


def swapped(showers):
    return showers.reshape(-1, 45, 9, 16).swapaxes(2, 3).reshape(len(showers), -1)


def without_layer_10(showers):
    spoilt = showers.reshape(-1, 45, 144).copy()
    spoilt[:, 10] = 0
    return spoilt.reshape(len(showers), -1)


@pytest.mark.parametrize(
    ("spoil", "classes", "seen"),
    [
        (lambda showers: 1.05 * showers, [Separations], ["separation.e_tot"]),
        (
            without_layer_10,
            [Separations, Networks],
            ["separation.e_layer", "separation.sparsity", "auc.high"],
        ),
        (
            swapped,
            CHALLENGE,
            ["separation.ec_r", "separation.width_r", "fpd.legacy", "auc.high", "recall"],
        ),
    ],
)
def test_a_defect_is_seen_by_the_scores_that_should(judge, showers, spoil, classes, seen):
    e_inc, voxels = showers
    found = judge(e_inc, spoil(voxels), classes)
    for name in seen:
        assert found[name].verdict in (ABOVE, BELOW), name


def test_copies_of_few_showers_do_not_cover_the_reference(judge, showers):
    few = np.arange(HALF) % (HALF // 20)
    found = judge(showers[0][few], showers[1][few], [Neighbours])
    assert found["coverage"].value < 0.5 < found["coverage"].floor.value
    assert found["coverage"].verdict == BELOW


def test_showers_without_any_energy_are_scored_without_nan(judge, showers):
    found = judge(showers[0], np.zeros_like(showers[1]), [Separations, Neighbours])
    json.dumps(without_nan([one.to_dict() for one in found.values()]), allow_nan=False)
    assert found["separation.e_tot"].verdict == ABOVE
    assert np.isnan(found["chi_square.voxel"].value)
    assert found["chi_square.voxel"].reason


def judged_against_others(e_inc, showers, geometry, trials, smear=0.0):
    """All judged results, each trial with a reference and a sample of its own."""
    rng, judged = np.random.default_rng(5), []
    for _ in range(trials):
        rows = rng.permutation(len(showers))
        one, other = rows[:400], rows[400:800]
        factor = 1 + smear * rng.normal(size=(400, 1))
        reference = Measured.from_showers(e_inc[one], showers[one], geometry)
        smeared = (factor * showers[other]).astype(np.float32)
        sample = Measured.from_showers(e_inc[other], smeared, geometry, like=reference)
        found = Separations(reference, OPTIONS).of(sample)
        found |= Neighbours(reference, OPTIONS).of(sample)
        judged.append([one for one in found.values() if one.verdict is not None])
    return judged


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
    results = [one for trial in trials for one in trial]
    assert len(trials[0]) >= 20
    assert sum(one.verdict != WITHIN for one in results) <= 12
    assert sum((one.excess or 0) > 1.5 for one in results) > 12
    for trial in judged_against_others(e_inc, showers, geometry, 3, smear=0.3):
        assert any(one.verdict == ABOVE for one in trial)
