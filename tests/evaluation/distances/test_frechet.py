"""The Fréchet physics distance against JetNet's stored numbers, closed forms and plain ways."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.optimize import curve_fit

from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import ConfigError, GeometryError
from calo4pqvae.evaluation.distances import frechet
from calo4pqvae.evaluation.distances.frechet import (
    Gaussian,
    fpd,
    frechet_distance,
    sample_sizes,
)
from calo4pqvae.evaluation.distances.kernel import kpd
from calo4pqvae.evaluation.measured.features import FEATURE_SETS, Features
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.geometry import CylindricalGeometry

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "distances.json").read_text())
QUICK = {"min_samples": 500, "max_samples": 2500, "batches": 4, "points": 4}


@pytest.fixture
def toy(toy_geometry, toy_showers) -> Features:
    return Measured.from_showers(*toy_showers(600), toy_geometry).features


def moved(features: Features, column: int, by: float) -> Features:
    """The same showers with one feature shifted."""
    return replace(features, values=features.values + by * (np.arange(50) == column))


def scale_by_hand(reference: Features) -> np.ndarray:
    largest = np.abs(reference.values).max(axis=0)
    return np.where(largest == 0, 1, largest)


def gaussian(x: np.ndarray, ddof: int) -> Gaussian:
    covariance = np.atleast_2d(np.cov(x, rowvar=False, ddof=ddof))
    return Gaussian(torch.from_numpy(x.mean(axis=0)), torch.from_numpy(covariance))


def normal(rng, n, d) -> Gaussian:
    """Mean and covariance of correlated numbers."""
    return gaussian(rng.standard_normal((n, d)) @ rng.standard_normal((d, d)), ddof=1)


def by_square_root(a: Gaussian, b: Gaussian) -> float:
    """The distance as its formula says it."""
    gap, (s, t) = (a.mean - b.mean).numpy(), (g.covariance.numpy() for g in (a, b))
    return float(gap @ gap + np.trace(s + t - 2 * sqrtm(s @ t).real))


def golden_pair(feature_set: str) -> list[Features]:
    with ShowerFile(sample_path()) as file:
        reference = Measured.from_file(file, np.arange(*GOLDEN["reference_rows"])).features
        rows = np.arange(*GOLDEN["generated_rows"])
        showers = file.showers(rows).astype(np.float64) * GOLDEN["response"]
        e_inc = file.e_inc(rows)
        sides = [reference, Measured.from_showers(e_inc, showers, file.geometry).features]
    return sides if feature_set == FEATURE_SETS[0] else [side.legacy for side in sides]


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_agrees_with_jetnet(feature_set):
    pair = golden_pair(feature_set)
    for name, distance in (("fpd", fpd), ("kpd", kpd)):
        got = distance(*pair, **GOLDEN[f"{name}_settings"])
        expected = GOLDEN[feature_set][name]
        np.testing.assert_allclose(got[:2], expected, rtol=1e-6, err_msg=name)
        assert got.n == 700
        other = distance(*pair[::-1], **GOLDEN[f"{name}_settings"])
        assert other.value != pytest.approx(expected[0], rel=1e-6)


def test_single_precision_of_large_samples_agrees_with_jetnet_too(monkeypatch):
    monkeypatch.setattr(frechet, "MANY", 700)
    got = fpd(*golden_pair("official-362"), **GOLDEN["fpd_settings"])
    value, error = GOLDEN["official-362"]["fpd"]
    assert got.value == pytest.approx(value, rel=1e-6)
    # This one comes from what the fit leaves over, a thousandth of the value.
    assert got.error == pytest.approx(error, rel=1e-4)
    assert got.error != pytest.approx(error, rel=1e-7)


@pytest.mark.parametrize("d", [1, 2, 7, 30])
def test_distance_of_normal_distributions_is_its_formula(rng, d):
    a, b = normal(rng, 100, d), normal(rng, 80, d)
    assert frechet_distance(a, b) == pytest.approx(by_square_root(a, b), rel=1e-9)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_distance_of_independent_normals_is_that_of_their_widths():
    s, t = torch.tensor([1.0, 4.0, 0.0], dtype=torch.float64), torch.tensor([9.0, 1.0, 2.0])
    mean = torch.zeros(3, dtype=torch.float64)
    a, b = Gaussian(mean, s.diag()), Gaussian(mean + 2, t.double().diag())
    expected = 3 * 2**2 + (1 - 3) ** 2 + (2 - 1) ** 2 + 2
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-12)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-12)


def test_redraws_are_those_of_the_rows_themselves(toy):
    """With choice, mean, cov and sqrtm of the rows drawn, and least squares without bounds."""
    generated, sizes = moved(toy, 3, 0.3), sample_sizes(200, 800, 3)
    scale, rng, means = scale_by_hand(toy), np.random.default_rng(42), []
    for size in sizes:
        values = []
        for _ in range(2):
            drawn = [s.values[rng.choice(len(s), size=size)] / scale for s in (toy, generated)]
            values.append(by_square_root(*(gaussian(x, ddof=1) for x in drawn)))
        means.append(np.mean(values))
    slope, intercept = np.polyfit(1 / sizes, means, 1)
    assert slope > 0
    # The bounded fit stops a little short of the least sum of squares.
    got = fpd(toy, generated, min_samples=200, max_samples=800, batches=2, points=3)
    assert got.value == pytest.approx(intercept, rel=1e-3)
    best, _ = curve_fit(lambda x, a, b: a + b * x, 1 / sizes, means, bounds=([0, 0], np.inf))
    assert got.value == pytest.approx(best[0], rel=1e-7)


def test_large_samples_come_close_to_the_showers_as_they_are(toy):
    """The intercept is the distance of the two samples, even where N exceeds n."""
    half = toy.take(np.arange(300)), toy.take(np.arange(300, 600))
    as_they_are = [gaussian(side.values / scale_by_hand(half[0]), ddof=0) for side in half]
    got = fpd(*half, batches=5)
    # The curvature in 1/N left out by the straight line is a few per cent here.
    assert got.value == pytest.approx(frechet_distance(*as_they_are), rel=0.05)
    assert got.n == 300


def test_columns_that_do_not_vary_add_only_their_shift(toy):
    still = replace(toy, values=np.where(np.arange(50) < 4, 0.5, toy.values))
    first, second = still.take(np.arange(300)), still.take(np.arange(300, 600))
    without, shifted = (fpd(first, moved(second, 2, by), **QUICK) for by in (0.0, 0.05))
    assert shifted.value - without.value == pytest.approx(0.1**2, rel=1e-3)


def test_a_shift_of_one_feature_is_seen(toy):
    by = 0.2
    expected = (by / np.abs(toy.values[:, 5]).max()) ** 2
    floor, value = (fpd(toy, moved(toy, 5, x), **QUICK).value for x in (0.0, by))
    # The means of the redraws add their own error, 1/500 of a variance at most.
    assert value - floor == pytest.approx(expected, rel=0.2)


def test_does_not_depend_on_units_order_or_threads(toy):
    other = moved(toy, 5, 0.1)
    expected = fpd(toy, other, **QUICK)
    order = np.random.default_rng(1).permutation(50)
    units = np.geomspace(0.1, 10, 50)
    turned = [replace(side, values=(side.values * units)[:, order]) for side in (toy, other)]
    np.testing.assert_allclose(fpd(*turned, **QUICK), expected, rtol=1e-6)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert fpd(toy, other, **QUICK) == expected
        with ThreadPoolExecutor(1) as another:
            assert another.submit(torch.get_num_threads).result() == 3
    finally:
        torch.set_num_threads(threads)
    assert fpd(toy, other, seed=1, **QUICK) != expected


def test_leaves_the_features_as_they_are(toy):
    before = toy.values.copy()
    toy.values.flags.writeable = False
    fpd(toy, toy, **QUICK)
    np.testing.assert_array_equal(toy.values, before)


def test_sample_sizes_of_the_challenge():
    sizes = sample_sizes(10_000, 50_000, 10)
    assert (sizes[0], sizes[-1]) == (10_000, 49_999)  # rounded down, as everywhere
    np.testing.assert_allclose(np.diff(1 / sizes), -8e-5 / 9, rtol=1e-3)


def test_refusals_say_what_to_do(toy, toy_geometry, toy_showers):
    with pytest.raises(ConfigError, match=r"generated .* 50 showers.*more than 50"):
        fpd(toy, toy.take(np.arange(50)), **QUICK)
    for wrong in ({"min_samples": 2500}, {"points": 2}, {"min_samples": 1}):
        with pytest.raises(ConfigError, match="at least 3 points"):
            fpd(toy, toy, **{**QUICK, **wrong})
    with pytest.raises(ConfigError, match="at least 1 redraw"):
        fpd(toy, toy, batches=0)
    legacy = Measured.from_showers(*toy_showers(600), toy_geometry).features.legacy
    with pytest.raises(ConfigError, match="measure both alike"):
        fpd(toy, legacy, **QUICK)
    elsewhere = replace(toy, geometry=CylindricalGeometry(toy_geometry.layers, 0.1))
    with pytest.raises(GeometryError, match="different cylinders or thresholds"):
        fpd(toy, elsewhere, **QUICK)
