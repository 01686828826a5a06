"""Classifiers on distributions whose AUC and divergence are known, and their scores by hand."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from calo4pqvae.errors import ConfigError, TrainingError
from calo4pqvae.evaluation.classifiers.classifier import (
    OFFICIAL,
    QUICK,
    Classification,
    classify,
    expected_seconds,
)
from calo4pqvae.evaluation.classifiers.networks import Dense, ResNet, sound_convolutions
from calo4pqvae.evaluation.classifiers.scores import Calibration, area_under_curve, divergence
from calo4pqvae.evaluation.measured.measured import low_level

SMALL = replace(QUICK, hidden=(16, 16), learning_rate=3e-3, batch_size=100, epochs=15)
SMALL_OFFICIAL = replace(OFFICIAL, hidden=(16,), planes=(4, 4, 4, 4), batch_size=100, epochs=12)

SHIFT = 1.2


@pytest.fixture
def pair(rng) -> tuple[np.ndarray, np.ndarray]:
    """Unit normal distributions in one dimension, the second one shifted; 4,000 of each."""
    return rng.normal(size=4000), rng.normal(SHIFT, 1.0, 4000)


def true_divergence(shift: float) -> float:
    """Jensen-Shannon divergence [bits] of two shifted unit normals, integrated."""
    x = np.linspace(-12, 12 + shift, 200_001)
    p, q = norm.pdf(x), norm.pdf(x - shift)
    middle = (p + q) / 2
    terms = p * np.log2(p / middle) + q * np.log2(q / middle)
    return float(np.trapezoid(terms, x) / 2)


def true_probability(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-SHIFT * (x - SHIFT / 2)))


def test_area_counts_pairs_and_halves_ties(rng):
    reference, generated = rng.integers(0, 6, 30) / 1.0, rng.integers(2, 9, 50) / 1.0
    pairs = generated[:, None] - reference
    expected = ((pairs > 0) + 0.5 * (pairs == 0)).mean()
    area = area_under_curve(reference, generated)
    assert area.value == pytest.approx(expected)
    assert area.n == 30
    assert area_under_curve(generated, reference).value == pytest.approx(1 - expected)
    assert area_under_curve(reference - 10, generated)[:2] == (1.0, 0.0)


def test_error_of_the_area_matches_its_scatter(rng):
    made = np.array(
        [area_under_curve(rng.normal(size=80), rng.normal(1, 2, 120))[:2] for _ in range(800)]
    )
    expected = norm.cdf(1 / np.sqrt(5))
    # the scatter of 800 areas is known to 2.5 %
    assert made[:, 1].mean() == pytest.approx(made[:, 0].std(), rel=0.1)
    assert made[:, 0].mean() == pytest.approx(expected, abs=4 * made[:, 0].std() / np.sqrt(800))


def test_divergence_of_known_distributions(pair):
    reference, generated = map(true_probability, pair)
    exact = true_divergence(SHIFT)
    found = divergence(reference, generated)
    # 4 errors: 1e-4 false alarms
    assert found.value == pytest.approx(exact, abs=4 * found.error)
    assert 0.1 < exact < 0.3
    assert 0 < found.error < 0.02
    half = np.full(10, 0.5)
    assert divergence(half, half)[:2] == (0.0, 0.0)
    one, other = np.full(10, 1e-6), np.full(10, 1 - 1e-6)
    assert divergence(one, other).value == pytest.approx(1, abs=1e-5)


def test_calibration_repairs_distorted_probabilities(pair, rng):
    """The divergence is right after calibration on other showers, and wrong before it."""
    exact = true_divergence(SHIFT)
    distorted = [true_probability(side) ** 4 for side in pair]
    fresh = [
        true_probability(side) ** 4
        for side in (rng.normal(size=4000), rng.normal(SHIFT, 1.0, 4000))
    ]
    calibration = Calibration.fit(*fresh)
    raw = divergence(*distorted)
    repaired = divergence(*map(calibration, distorted))
    assert raw.value < exact - 10 * raw.error
    assert repaired.value == pytest.approx(exact, abs=4 * repaired.error)
    levels = np.array([0.01, 0.1, 0.3])
    np.testing.assert_allclose(calibration(levels), levels**0.25, atol=0.1)


def test_calibration_rises_and_shares_ties():
    reference = np.array([0.1, 0.1, 0.2, 0.6])
    generated = np.array([0.1, 0.4, 0.4, 0.9])
    calibration = Calibration.fit(reference, generated)
    np.testing.assert_allclose(calibration.outputs, [0.1, 0.2, 0.4, 0.6, 0.9])
    # 1/3 then 0 pool to 1/4, 1 and 1 then 0 pool to 2/3
    np.testing.assert_allclose(calibration.probabilities, [1 / 4, 1 / 4, 2 / 3, 2 / 3, 1])
    np.testing.assert_allclose(
        calibration(np.array([0.0, 0.3, 0.75, 1.0])), [1 / 4, 11 / 24, 5 / 6, 1 - 1e-6]
    )


def test_the_networks_have_the_published_sizes():
    def n_parameters(network: nn.Module) -> int:
        return sum(parameter.numel() for parameter in network.parameters())

    with torch.device("meta"):
        assert n_parameters(Dense(6481, OFFICIAL.hidden)) == 21_669_889
        assert n_parameters(Dense(362, OFFICIAL.hidden)) == 9_138_177
        network = ResNet((45, 16, 9), OFFICIAL.planes, OFFICIAL.blocks)
        assert network(torch.empty(2, 6481)).shape == (2,)
    layers = [m for m in network.modules() if isinstance(m, nn.Conv3d | nn.Linear)]
    shortcuts = [m for m in layers if isinstance(m, nn.Conv3d) and m.kernel_size == (1, 1, 1)]
    assert len(layers) - len(shortcuts) == 18
    assert len(shortcuts) == 3
    assert OFFICIAL.learning_rate == 2e-4
    assert (OFFICIAL.batch_size, OFFICIAL.epochs, OFFICIAL.patience) == (1000, 50, None)
    assert (OFFICIAL.select, OFFICIAL.standardise) == ("accuracy", False)


def test_two_samples_of_one_distribution_cannot_be_told_apart(rng):
    # 3 errors of the area: a free seed fails in 0.3 % of cases
    reference, generated = rng.normal(size=(2, 1500, 8))
    found = classify(reference, generated, setup=SMALL)
    assert abs(found.auc.value - 0.5) < 3 * found.auc.error
    assert found.jsd.value < 3 * found.jsd.error
    assert found.auc.n == found.jsd.n == 1500
    assert 0.005 < found.auc.error < 0.03


def test_a_shift_is_found_as_well_as_it_can_be_in_any_unit(rng):
    reference, generated = rng.normal(size=(2, 3000, 8))
    generated[:, 3] += SHIFT
    units = np.array([0.0, 1e-3, 1.0, 1e-4, 1e4, 1.0, 1.0, 10.0])
    found = classify(5 + units * reference, 5 + units * generated, setup=SMALL)
    best = norm.cdf(SHIFT / np.sqrt(2))
    assert found.auc.value > 0.5 + 10 * found.auc.error
    assert found.auc.value == pytest.approx(best, abs=4 * found.auc.error)
    assert found.jsd.value == pytest.approx(true_divergence(SHIFT), abs=0.06)
    assert found.best_epochs[0] <= found.epochs[0] <= SMALL.epochs


def test_a_difference_without_a_shift_is_found(rng):
    """Same mean and width in each column, another correlation: no histogram sees it."""
    reference, generated = rng.normal(size=(2, 2000, 2))
    generated[:, 1] = 0.8 * generated[:, 0] + 0.6 * generated[:, 1]
    found = classify(reference, generated, setup=SMALL)
    assert found.auc.value > 0.5 + 5 * found.auc.error


def test_a_seed_repeats_the_result_and_leaves_others_alone(rng):
    sides = rng.normal(size=(2, 200, 4))
    setup = replace(SMALL, epochs=3)
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first = classify(*sides, setup=setup)
    torch.testing.assert_close(torch.rand(3), expected)
    torch.rand(7)
    assert classify(*sides, setup=setup) == first
    assert classify(*sides, setup=setup, seed=3) != first


def test_the_best_epoch_counts_and_patience_ends_the_training(rng):
    sides = rng.normal(size=(2, 300, 30))
    setup = replace(SMALL, epochs=50, patience=2, learning_rate=1e-2)
    found = classify(*sides, setup=setup)
    assert found.epochs[0] == found.best_epochs[0] + 2 < 50
    stopped_there = classify(*sides, setup=replace(setup, epochs=found.best_epochs[0]))
    assert (stopped_there.auc, stopped_there.jsd) == (found.auc, found.jsd)
    assert classify(*sides, setup=replace(SMALL, epochs=4, patience=None)).epochs == (4,)


def test_runs_are_averaged_and_their_scatter_counts(rng):
    sides = rng.normal(size=(2, 150, 4))
    setup = replace(SMALL, epochs=2)
    alone = [classify(*sides, setup=setup, seed=seed) for seed in (7, 8, 9)]
    together = classify(*sides, setup=setup, seed=7, runs=3)
    for name in ("auc", "jsd"):
        values = [getattr(one, name).value for one in alone]
        errors = [getattr(one, name).error for one in alone]
        score = getattr(together, name)
        assert score.value == pytest.approx(np.mean(values))
        assert score.error == pytest.approx(max(np.std(values, ddof=1), np.mean(errors)))
    assert together.best_epochs == tuple(one.best_epochs[0] for one in alone)


def test_the_larger_side_is_cut(rng):
    found = classify(rng.normal(size=(700, 3)), rng.normal(size=(150, 3)), setup=SMALL)
    assert found.auc.n == 150


def test_two_samples_of_one_distribution_are_not_told_apart_and_every_epoch_is_shown(rng):
    steps = []
    sides = rng.normal(size=(2, 500, 3))
    found = classify(*sides, setup=SMALL, step=lambda: steps.append(1))
    assert found.auc.n == 500
    assert abs(found.auc.value - 0.5) < 4 * found.auc.error
    assert len(steps) == sum(found.epochs)


@pytest.mark.parametrize("kind", ["high", "resnet"])
def test_the_time_of_a_training_is_told_in_advance(kind, monkeypatch):
    """By a clock on which one batch takes a second; nobody's random numbers are touched."""
    ticks = itertools.count()
    monkeypatch.setattr("time.perf_counter", lambda: float(next(ticks)))
    before = torch.random.get_rng_state()
    shape = (2, 2, 3) if kind == "resnet" else None
    setup = replace(SMALL, planes=(4, 4, 4, 4))
    found = [expected_seconds(kind, setup, n, 13, shape) for n in (100, 1000)]
    assert found == [15 * 2, 15 * 12]
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.fixture
def low_level_pair(toy_geometry, toy_showers) -> tuple[np.ndarray, np.ndarray]:
    """Toy showers, and others whose last layers shine too much."""
    e_inc, showers = toy_showers(1200)
    brighter = showers[600:] * np.where(toy_geometry.layer_of_voxel > 3, 3, 1)
    energies = e_inc[:, 0].astype(np.float64)
    return low_level(energies[:600], showers[:600]), low_level(energies[600:], brighter)


@pytest.mark.parametrize("kind", ["low", "resnet"])
@pytest.mark.parametrize("setup", [replace(SMALL, planes=(4, 4, 4, 4)), SMALL_OFFICIAL])
def test_both_networks_see_a_defect_in_voxels(low_level_pair, toy_geometry, kind, setup):
    setup = replace(setup, learning_rate=1e-2)
    found = classify(*low_level_pair, kind, setup, shape=toy_geometry.shape)
    assert found.auc.value > 0.5 + 5 * found.auc.error
    assert isinstance(found, Classification)


def test_refuses_what_it_cannot_learn_from(rng):
    rows = rng.normal(size=(120, 13))
    with pytest.raises(ConfigError, match="99 showers are too few"):
        classify(rows, rows[:99], setup=SMALL)
    with pytest.raises(ConfigError, match="12 columns"):
        classify(rows, rows[:, 1:], setup=SMALL)
    with pytest.raises(ConfigError, match="needs rows of 25 columns, not 13"):
        classify(rows, rows, "resnet", SMALL, shape=(2, 3, 4))
    with pytest.raises(ConfigError, match="needs the shape"):
        classify(rows, rows, "resnet", SMALL)
    with pytest.raises(ConfigError, match="NaN"):
        classify(rows, np.where(rows > 2, np.inf, rows), setup=SMALL)
    with pytest.raises(TrainingError, match="not finite"):
        classify(rows, rows, setup=replace(SMALL_OFFICIAL, learning_rate=1e30))


@pytest.mark.parametrize("shape", [(6, 8, 3), (7, 7, 7), (5, 10, 30)])
def test_gradients_hold_nothing_that_nobody_has_written(shape):
    """Freed memory full of NaN is what a kernel finds that reads what it did not write."""
    for seed in range(6):
        torch.manual_seed(seed)
        network = ResNet(shape, (4, 4, 4, 4), (1, 1, 1, 1))
        rows, labels = torch.rand(30, 1 + int(np.prod(shape))), torch.arange(30.0) % 2
        waste = [torch.full((2**k,), float("nan")) for k in range(4, 22) for _ in range(3)]
        del waste
        with sound_convolutions(network):
            binary_cross_entropy_with_logits(network(rows), labels).backward()
        assert all(bool(p.grad.isfinite().all()) for p in network.parameters())
