"""Means and their errors, checked against the samples they come from."""

import numpy as np
import pytest
from matplotlib.patches import StepPatch

from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.measured.observables import Observables
from calo4pqvae.evaluation.plotting.means import (
    profiles,
    response_and_resolution,
    voxels,
)
from calo4pqvae.evaluation.plotting.style import REFERENCE


def heights(axes, label: str) -> np.ndarray:
    (line,) = (p for p in axes.findobj(StepPatch) if p.get_label() == label)
    return np.asarray(line.get_data().values)


def test_profiles(samples):
    figure = profiles(samples)
    sample = samples["generated"]
    np.testing.assert_allclose(
        heights(figure.axes[0], "generated"), sample.e_layer.mean(axis=0)
    )
    np.testing.assert_allclose(heights(figure.axes[2], "generated"), sample.e_ring.mean(axis=0))
    assert [figure.axes[i].get_xlabel() for i in (1, 3)] == ["layer", "r [mm]"]
    assert figure.axes[0].get_ylabel() == "mean energy [MeV]"


def test_voxels(samples):
    figure = voxels(samples)
    sample = samples["generated"]
    drawn = heights(figure.axes[0], "generated")
    full = drawn[drawn > drawn.min()].sum()
    assert full == pytest.approx(sample.spectrum.sum() / len(sample), rel=0.02)
    np.testing.assert_allclose(heights(figure.axes[2], "generated"), sample.hits.mean(axis=0))


@pytest.fixture
def normal(toy_geometry, rng) -> dict[str, Observables]:
    """Known responses: mean 0.8, width 10 percent of it; the sample 2 percent up."""
    n, made = 4000, {}
    for label, scale in ((REFERENCE, 1.0), ("generated", 1.02)):
        e_inc = 10 ** rng.uniform(3, 5, (n, 1))
        showers = np.zeros((n, toy_geometry.n_voxels))
        showers[:, 0] = e_inc[:, 0] * rng.normal(0.8, 0.08, n) * scale
        made[label] = Measured.from_showers(e_inc, showers, toy_geometry).observables
    return made


def test_response_and_resolution_against_energy(normal):
    """Ten bins of about 400 showers, all within five standard errors (1e-5 in all).

    The standard error of a normal width s is s / sqrt(2 n).
    """
    figure = response_and_resolution(normal)
    mean, width = (heights(figure.axes[i], "generated") for i in (0, 2))
    np.testing.assert_allclose(mean, 0.816, atol=5 * 0.0816 / np.sqrt(350))
    np.testing.assert_allclose(width, 0.1, rtol=5 / np.sqrt(2 * 350))
    bars = figure.axes[3].containers[0][2][0].get_segments()
    errors = np.array([(bar[1, 1] - bar[0, 1]) / 2 for bar in bars])
    np.testing.assert_allclose(errors, 1 / np.sqrt(2 * 400), rtol=0.25)
    assert figure.axes[1].get_xlabel() == "incident energy [GeV]"


def test_bins_of_few_showers_have_no_response(normal):
    few = {label: sample.take(np.arange(60)) for label, sample in normal.items()}
    assert np.isnan(heights(response_and_resolution(few).axes[0], "generated")).all()
