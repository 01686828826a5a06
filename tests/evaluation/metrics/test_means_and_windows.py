"""Means, profiles, distances and windows pass Geant4 against itself, and flag what is wrong."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.means import Means
from calo4pqvae.evaluation.metrics.metric import Options
from calo4pqvae.evaluation.metrics.windows import InWindows
from calo4pqvae.evaluation.verdict import ABOVE, WITHIN

Half = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def halves(toy_showers) -> tuple[Half, Half]:
    """Two independent samples of 800 showers."""
    e_inc, showers = toy_showers(1600)
    return (e_inc[:800], showers[:800]), (e_inc[800:], showers[800:])


@pytest.fixture
def measure(toy_geometry) -> Callable[[Half], Measured]:
    edges = Measured.from_showers(
        np.ones((1, 1), np.float32), np.ones((1, toy_geometry.n_voxels)), toy_geometry
    )
    return lambda half: Measured.from_showers(*half, toy_geometry, like=edges)


def means(sample, reference):
    return Means(reference, Options()).of(sample)


def in_windows(sample, reference, **options):
    metric = InWindows(reference, Options(**options))
    return metric.of(sample), metric.describe(sample)["omitted"]


def test_halves_of_one_sample_pass(halves, measure):
    # one seeded draw of 12 correlated tests; a fresh draw fails about one time in ten
    one, other = map(measure, halves)
    found = means(one, other) | in_windows(one, other)[0]
    assert {result.verdict for result in found.values()} == {WITHIN}
    assert set(Means.names(Options())) <= set(found)


def test_the_same_showers_differ_by_nothing(halves, measure):
    half = measure(halves[0])
    for name, result in (means(half, half) | in_windows(half, half)[0]).items():
        assert result.value == pytest.approx(0, abs=1e-12), name
        assert result.floor.error > 0, name


def test_flags_a_response_two_percent_too_high(halves, measure):
    e_inc, showers = halves[1]
    result = means(measure((e_inc, showers * np.float32(1.02))), measure(halves[1]))["response"]
    assert result.value == pytest.approx(0.02, abs=1e-3)
    sides = [result.more[side]["value"] for side in ("generated", "reference")]
    assert sides[0] / sides[1] == pytest.approx(1.02, 1e-3)
    assert (result.score.n, result.n_reference) == (800, 800)


def test_two_percent_is_above_the_floor_when_the_sample_can_show_it(measure, toy_geometry, rng):
    e_inc = (10 ** rng.uniform(3, 4, (1500, 1))).astype(np.float32)
    shares = rng.dirichlet(np.full(toy_geometry.n_voxels, 50.0), 1500)
    showers = (e_inc * shares * rng.normal(1, 0.03, (1500, 1))).astype(np.float32)
    one, two, three = (
        measure((e_inc[part], showers[part] * np.float32(scale)))
        for part, scale in ((slice(0, 750), 1), (slice(750, 1500), 1), (slice(750, 1500), 1.02))
    )
    assert means(two, one)["response"].verdict == WITHIN
    flagged = means(three, one)
    assert flagged["response"].verdict == flagged["wasserstein.response"].verdict == ABOVE
    assert flagged["sparsity"].verdict == WITHIN


def test_flags_a_dead_layer_and_names_it(halves, measure, toy_geometry):
    (e_inc, showers), reference = halves
    dead = showers * (toy_geometry.layer_of_voxel != 2)
    flagged = means(measure((e_inc, dead)), measure(reference))
    profile = flagged["profile.longitudinal"]
    assert (profile.verdict, profile.more["bin"]) == (ABOVE, 2)
    assert profile.value == pytest.approx(1)
    assert profile.more["ratio"][2] == 0
    assert flagged["sparsity"].verdict == ABOVE


@pytest.mark.parametrize(("n", "left_out"), [(19, True), (20, False)])
def test_a_window_needs_twenty_showers_on_each_side(halves, measure, n, left_out):
    sample, reference = map(measure, halves)
    inside = (sample.e_inc >= 5e3) & (sample.e_inc < 10e3)
    rows = np.concatenate([np.flatnonzero(~inside), np.flatnonzero(inside)[:n]])
    for sides in ((sample.take(rows), reference), (reference, sample.take(rows))):
        results, omitted = in_windows(*sides)
        assert ("5-10 GeV" in {window["window"] for window in omitted}) is left_out
        assert ("resolution.5-10 GeV" not in results) is left_out
        assert "80-100 GeV" in {window["window"] for window in omitted}


def test_undefined_numbers_have_a_reason(measure, toy_geometry, halves):
    e_inc, showers = halves[0]
    empty_end = measure((e_inc, showers * (toy_geometry.layer_of_voxel < 5)))
    profile = means(measure(halves[0]), empty_end)["profile.longitudinal"]
    assert np.isnan(profile.more["ratio"][5])
    assert "no energy" in profile.reason
    response = means(measure(halves[0]), measure((e_inc, 0 * showers)))["response"]
    assert np.isnan(response.value)
    assert response.verdict is None
    assert response.reason


def test_a_lost_depth_fluctuation_is_flagged_in_windows_of_choice(halves, measure):
    """Every shower takes the layer shares of the mean shower: the depth has no spread."""
    one, other = map(measure, halves)
    seen = one.observables
    shares = seen.e_layer.sum(axis=0) / seen.e_layer.sum()
    flat = replace(one, observables=replace(seen, e_layer=seen.e_tot[:, None] * shares))
    windows = [(200.0, 900.0), (1e3, 9e3)]
    results, omitted = in_windows(flat, other, windows=windows)
    assert not omitted
    for window in ("0.2-0.9 GeV", "1-9 GeV"):
        lost = results[f"depth_spread.{window}"]
        assert lost.value == pytest.approx(-1)
        assert lost.verdict == ABOVE
    passed, _ = in_windows(one, other, windows=windows)
    assert {passed[name].verdict for name in passed if "depth" in name} == {WITHIN}
