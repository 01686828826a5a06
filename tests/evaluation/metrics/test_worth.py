"""Geant4 is worth its own number of showers; less is less."""

import numpy as np
import pytest

from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.distances.trimmed import inner_rows
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.correlations import correlation_distance
from calo4pqvae.evaluation.metrics.worth import kolmogorov, worth


@pytest.fixture(scope="module")
def sample():
    with ShowerFile(sample_path()) as file:
        return Measured.from_file(file).structure


def test_geant4_is_worth_its_number(sample):
    """Intervals hold two standard deviations: 5 % miss; more than 3 of 12 do in 0.2 %."""
    rng, inside = np.random.default_rng(5), []
    for m in (400, 500, 600) * 4:
        order = rng.permutation(len(sample))
        found = worth(sample.take(order[:m]), sample.take(order[m:]))
        assert found is not None
        inside.append(found.low <= m <= found.high)
    assert sum(inside) >= 9


def test_a_defect_costs_worth_and_the_reference_sets_a_limit(sample):
    order = np.random.default_rng(6).permutation(len(sample))
    mine, reference = sample.take(order[:700]), sample.take(order[700:])
    spoilt = mine.take(np.arange(700))
    spoilt.values[:, 2] *= 0.8
    spoilt.values[:, 14:30] *= 0.97
    clean, bad = worth(mine, reference), worth(spoilt, reference)
    assert bad.showers < 0.9 * clean.showers
    itself = worth(reference, reference)
    assert itself.showers == np.inf
    assert itself.low > 100
    assert worth(mine.take(np.arange(20)), reference) is None


def test_kolmogorov_counts_ties_once():
    x, y = np.array([[0.0], [0.0], [1.0]]), np.array([[0.0], [1.0], [1.0]])
    assert kolmogorov(x, y) == pytest.approx([1 / 3])
    assert kolmogorov(x, x) == pytest.approx([0.0])


def test_correlations_that_are_lost_show(sample):
    """The floor is that of two halves; shuffling one column of many lies far above it."""
    order = np.random.default_rng(7).permutation(len(sample))
    a, b = sample.take(order[:700]), sample.take(order[700:1400])
    floor = correlation_distance(a, b)
    lost = a.take(np.random.default_rng(8).permutation(len(a)))
    a.values[:, 2:20] = lost.values[:, 2:20]
    found = correlation_distance(a, b)
    assert found.value > floor.value + 5 * floor.error
    assert correlation_distance(a.take(np.arange(9)), b) is None


def test_the_outermost_are_dropped(rng):
    values = rng.standard_normal((500, 4)) * [1, 10, 100, 0]
    values[[7, 99], 1] = 200.0
    kept = inner_rows(values)
    assert len(kept) == 495
    assert not np.isin([7, 99], kept).any()
    assert len(inner_rows(values[:20])) == 19
