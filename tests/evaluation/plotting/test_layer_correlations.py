"""Correlations of layers."""

from dataclasses import replace

import numpy as np
import pytest

from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.plotting.correlations import correlations, layer_correlations
from calo4pqvae.evaluation.plotting.style import REFERENCE
from calo4pqvae.geometry import CylindricalGeometry


def mesh(figure, title: str) -> np.ndarray:
    (axes,) = (axes for axes in figure.axes if axes.get_title(loc="left") == title)
    return np.ma.filled(axes.collections[0].get_array(), np.nan).T


def titles(figure) -> list[str]:
    found = [axes.get_title(loc="left") for axes in figure.axes]
    return [title for title in found if title]


def test_correlation_is_pearsons_of_the_shares(samples):
    sample = samples[REFERENCE]
    shares = sample.e_layer / sample.e_inc[:, None]
    np.testing.assert_allclose(layer_correlations(sample), np.corrcoef(shares.T), atol=1e-12)


def test_a_constant_layer_has_no_correlation(samples):
    sample = samples[REFERENCE]
    dead = replace(sample, e_layer=sample.e_layer * (np.arange(6) != 2))
    matrix = layer_correlations(dead)
    assert np.isnan(matrix[2]).all()
    assert np.isfinite(np.delete(np.delete(matrix, 2, 0), 2, 1)).all()


def test_matrices_and_their_differences_are_drawn(samples):
    figure = correlations(samples)
    reference, sample = (layer_correlations(samples[k]) for k in (REFERENCE, "generated"))
    np.testing.assert_allclose(mesh(figure, REFERENCE), reference)
    np.testing.assert_allclose(mesh(figure, "generated"), sample)
    rms = np.sqrt(np.mean((sample - reference) ** 2))
    (title,) = (t for t in titles(figure) if t.startswith(f"rms {rms:.3f}"))
    np.testing.assert_allclose(mesh(figure, title), sample - reference)


def written_noise(figure) -> tuple[float, float]:
    (title,) = (t for t in titles(figure) if t.startswith("rms"))
    rms, noise = (float(part.split()[1]) for part in title.split(","))
    return rms, noise


@pytest.mark.parametrize("n_sample", [200, 800])
def test_noise_is_what_equal_samples_differ_by(rng, n_sample):
    """190 independent correlations: the ratio scatters by 7 percent; five times that may be.

    A sample whose layers share a fluctuation, the deliberate defect, lies far outside.
    """
    geometry = CylindricalGeometry.regular(20, 1, [0.0, 5.0])
    reference, sample = (
        Measured.from_showers(
            np.full((n, 1), 1e3), rng.gamma(4.0, 10.0, (n, 20)), geometry
        ).observables
        for n in (400, n_sample)
    )
    rms, noise = written_noise(correlations({REFERENCE: reference, "generated": sample}))
    assert rms / noise == pytest.approx(1, abs=0.35)
    shared = sample.e_layer * rng.gamma(4.0, 0.25, (n_sample, 1))
    wrong = replace(sample, e_layer=shared)
    rms, noise = written_noise(correlations({REFERENCE: reference, "generated": wrong}))
    assert rms / noise > 3


def test_nine_samples_fill_four_rows(nine):
    figure = correlations(nine)
    assert len(titles(figure)) == 9 + 8
    assert titles(figure)[0] == REFERENCE


def test_axes_with_a_neighbour_have_no_labels(samples):
    figure = correlations(samples)
    assert sorted(axes.get_ylabel() for axes in figure.axes)[-2:] == ["layer", "layer"]
