"""Precision, recall, density and coverage against plain loops and exact expectations."""

import numpy as np
import pytest

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.distances import prdc as module
from calo4pqvae.evaluation.distances.prdc import PRDC, prdc
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.neighbours import standardised


def values(scores: PRDC) -> np.ndarray:
    return np.array([score.value for score in scores])


def plain(reference: np.ndarray, generated: np.ndarray, k: int) -> list[float]:
    """The four scores, one pair of showers at a time."""

    def distances(a, b):
        return np.array([[np.sqrt(((x - y) ** 2).sum()) for y in b] for x in a])

    def radii(points):
        return [np.sort(np.delete(row, i))[k - 1] for i, row in enumerate(distances(*points))]

    own, others = radii((reference, reference)), radii((generated, generated))
    between = distances(reference, generated)
    n, m = between.shape
    in_ball = [[between[i, j] < own[i] for j in range(m)] for i in range(n)]
    in_other = [[between[i, j] < others[j] for j in range(m)] for i in range(n)]
    return [
        sum(any(in_ball[i][j] for i in range(n)) for j in range(m)) / m,
        sum(any(row) for row in in_other) / n,
        sum(map(sum, in_ball)) / (k * m),
        sum(any(row) for row in in_ball) / n,
    ]


@pytest.mark.parametrize(("k", "columns", "shift"), [(1, 2, 0.0), (5, 3, 0.5), (3, 40, 0.2)])
def test_agrees_with_plain_loops(rng, k, columns, shift):
    reference, generated = rng.normal(size=(60, columns)), rng.normal(shift, 1.2, (60, columns))
    made = prdc(reference, generated, k=k, parts=4)
    np.testing.assert_allclose(values(made), plain(reference, generated, k), rtol=1e-12)
    assert {score.n for score in made} == {60}


def test_blocks_change_nothing(rng, monkeypatch):
    sides = rng.normal(size=(2, 90, 4)).astype(np.float32)
    whole = prdc(*sides)
    monkeypatch.setattr(module, "_BLOCK", 7 * 90)
    assert prdc(*sides) == whole


def test_two_samples_of_one_distribution_have_the_expected_coverage_and_density(rng):
    """Exact expectations in any dimension; a wrong number of neighbours is caught."""
    n, k = 100, 5
    made = np.array(
        [values(prdc(*rng.normal(size=(2, n, 6)), k=k, parts=2)) for _ in range(100)]
    )
    mean, error = made.mean(axis=0), made.std(axis=0) / 10

    def missed(k):
        return np.prod([(n - i) / (2 * n - i) for i in range(1, k + 1)])

    # 4 errors each: 1e-4 false alarms with a free seed
    assert abs(mean[2] - 1) < 4 * error[2]
    assert abs(mean[3] - (1 - missed(k))) < 4 * error[3]
    assert abs(mean[3] - (1 - missed(k + 1))) > 6 * error[3]
    assert abs(mean[0] - mean[1]) < 4 * np.hypot(error[0], error[1])


def test_errors_match_the_scatter_of_repeated_samples(rng):
    made = [prdc(*rng.normal(size=(2, 400, 3))) for _ in range(50)]
    errors = np.sqrt(np.mean([[score.error**2 for score in one] for one in made], axis=0))
    scatter = np.std([values(one) for one in made], axis=0, ddof=1)
    # the scatter is known to 10 %
    np.testing.assert_allclose(errors[[0, 1, 3]], scatter[[0, 1, 3]], rtol=0.45)
    assert 0.5 < errors[2] / scatter[2] < 1.45


def test_each_defect_shows_in_its_score(rng):
    reference, same = rng.normal(size=(2, 600, 3))
    fine = prdc(reference, same)

    def lost(generated: np.ndarray, name: str) -> float:
        one, other = getattr(fine, name), getattr(prdc(reference, generated), name)
        return (one.value - other.value) / np.hypot(one.error, other.error)

    collapsed = same[rng.integers(0, 10, 600)] + 1e-3 * rng.normal(size=same.shape)
    noisy = same + rng.normal(0.0, 3.0, same.shape)
    half = same[np.argsort(same[:, 0])[np.arange(600) % 300]] + 1e-3
    assert lost(collapsed, "recall") > 8
    assert lost(collapsed, "coverage") > 8
    assert lost(collapsed, "precision") < 4
    assert lost(noisy, "precision") > 8
    assert lost(noisy, "density") > 8
    assert lost(half, "coverage") > 8
    far = prdc(reference, same + 100.0)
    assert values(far).tolist() == [0, 0, 0, 0]


def test_one_shower_repeated_recalls_nothing(rng):
    reference = rng.normal(size=(200, 5)).astype(np.float32)
    central = (reference**2).sum(axis=1).argmin()
    made = prdc(reference, np.repeat(reference[[central]], 200, axis=0))
    assert (made.precision.value, made.recall.value) == (1.0, 0.0)
    assert made.density.value > 1


def test_sides_are_cut_to_the_same_number(rng):
    reference, generated = rng.normal(size=(500, 3)), rng.normal(size=(300, 3))
    assert prdc(reference, generated).recall.n == 300
    cut = prdc(reference, generated, max_showers=200)
    assert cut.recall.n == 200
    assert cut == prdc(reference, generated, max_showers=200)
    assert cut != prdc(reference, generated, max_showers=200, seed=1)


def test_the_coverage_of_one_distribution_is_known(rng):
    found = prdc(*rng.normal(size=(2, 300, 3)))
    # 5 errors
    assert found.coverage.value == pytest.approx(1 - 2**-5, abs=5 * found.coverage.error)


def test_features_count_alike_whatever_their_unit(toy_geometry, toy_showers):
    features = Measured.from_showers(*toy_showers(200), toy_geometry).features
    one, other = features.take(np.arange(100)), features.take(np.arange(100, 200))
    a, b = standardised(one, one, other)
    widths = a.std(axis=0)
    np.testing.assert_allclose(widths[one.values.std(axis=0) > 0], 1)
    np.testing.assert_allclose(b * one.values.std(axis=0), other.values, atol=1e-12)


def test_refuses_what_cannot_be_scored(rng):
    points = rng.normal(size=(100, 3))
    with pytest.raises(ConfigError, match="too few"):
        prdc(points, points[:59])
    prdc(points, points[:60])
    with pytest.raises(ConfigError, match="columns"):
        prdc(points, points[:, :2])
    with pytest.raises(ConfigError, match="NaN"):
        prdc(points, np.where(points > 2, np.nan, points))
