"""The kernel physics distance against plain loops; JetNet's numbers are in test_frechet."""

from dataclasses import replace

import numpy as np
import pytest

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.distances import kernel as kernel_distance
from calo4pqvae.evaluation.distances.kernel import kpd
from calo4pqvae.evaluation.measured.features import Features
from calo4pqvae.evaluation.measured.measured import Measured


@pytest.fixture
def toy(toy_geometry, toy_showers) -> Features:
    return Measured.from_showers(*toy_showers(2000), toy_geometry).features


def plain(reference, generated, seed, size):
    """One batch, pair of draws by pair of draws."""
    scale = np.abs(reference.values).max(axis=0)
    scale[scale == 0] = 1
    rng = np.random.default_rng(seed)
    x, y = (s.values[rng.choice(len(s), size=size)] / scale for s in (reference, generated))

    def k(a, b):
        return (np.dot(a, b) / len(a) + 1) ** 4

    pairs = [(i, j) for i in range(size) for j in range(size)]
    within = sum(k(z[i], z[j]) for z in (x, y) for i, j in pairs if i != j)
    across = sum(k(x[i], y[j]) for i, j in pairs)
    return within / (size * (size - 1)) - 2 * across / size**2


@pytest.mark.parametrize("n", [5, 60])
def test_agrees_with_plain_loops(toy, monkeypatch, n):
    """With five showers each is drawn many times."""
    monkeypatch.setattr(kernel_distance, "_BLOCK", 7)
    reference, generated = toy.take(np.arange(n)), toy.take(np.arange(n, 2 * n + 1))
    values = [plain(reference, generated, 9 + 1000 * i, 30) for i in range(4)]
    got = kpd(reference, generated, seed=9, batches=4, batch_size=30)
    assert got.value == pytest.approx(np.median(values), rel=1e-9)
    half_range = np.diff(np.percentile(values, [16.275, 83.725]))[0] / 2
    assert got.error == pytest.approx(half_range, rel=1e-9)
    assert got.n == n


def test_one_distribution_is_near_zero_and_a_defect_is_not(toy):
    """Two halves, then the second with 20 % more of every width.

    Over 150 splits value / error was 0.3 +- 0.3 for the halves: two errors are exceeded in
    fewer than one of 10^4. It was 9 or more with the defect.
    """
    first, second = toy.take(np.arange(1000)), toy.take(np.arange(1000, 2000))
    good = kpd(first, second, batches=20, batch_size=200)
    assert abs(good.value) < 2 * good.error
    factor = np.where([c.startswith("width") for c in second.columns], 1.2, 1.0)
    defective = replace(second, values=second.values * factor)
    wrong = kpd(first, defective, batches=20, batch_size=200)
    assert wrong.value > 5 * max(wrong.error, good.error)


def test_batches_of_one_make_no_error(toy):
    assert kpd(toy, toy, batches=1, batch_size=50).error == 0.0


def test_refusals_say_what_to_do(toy):
    with pytest.raises(ConfigError, match="reference sample has 1 showers"):
        kpd(toy.take(np.array([0])), toy)
    for wrong in ({"batches": 0}, {"batch_size": 1}):
        with pytest.raises(ConfigError, match="needs a batch of at least 2 showers"):
            kpd(toy, toy, **wrong)
