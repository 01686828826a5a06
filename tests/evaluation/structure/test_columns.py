"""Structural observables of showers that can be worked out by hand, and by plain loops."""

import numpy as np
import pytest

from calo4pqvae.errors import GeometryError
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.measured.rows import kept_energy
from calo4pqvae.evaluation.structure.columns import Region, measure
from calo4pqvae.evaluation.structure.names import NAMES
from calo4pqvae.geometry import CylindricalGeometry, LayerBins

GEOMETRY = CylindricalGeometry.regular(20, 8, [0.0, 4.0, 8.0, 12.0], threshold=0.1)


def observed(volume, e_inc=1000.0):
    flat = volume.reshape(1, -1).astype(np.float32)
    values = measure(np.array([e_inc]), kept_energy(flat, GEOMETRY), GEOMETRY).values[0]
    return dict(zip(NAMES, values, strict=True))


def sparse_showers(rng, n=30):
    """Random hits of about a fifth of the cells, energies over four decades."""
    shape = (n, *GEOMETRY.shape)
    energy = 10 ** rng.uniform(-1, 3, shape)
    return np.where(rng.random(shape) < 0.2, energy, 0.0).astype(np.float32)


def test_two_deposits_by_hand():
    volume = np.zeros(GEOMETRY.shape)
    volume[3, 0, 1], volume[5, 1, 1] = 30.0, 10.0
    found = observed(volume)
    first, second = np.exp(1j * (-np.pi + np.pi / 8)), np.exp(1j * (-np.pi + 3 * np.pi / 8))
    assert found["response"] == pytest.approx(0.04)
    assert found["hits"] == pytest.approx(2)
    assert found["axis_distance"] == pytest.approx(6 * abs(0.75 * first + 0.25 * second))
    assert found["hit_distance"] == pytest.approx(6 * abs(first + second) / 2)
    assert found["tilt"] == pytest.approx(6 * abs(second - first) / 2, rel=1e-6)
    assert found["alignment"] == pytest.approx(np.cos(np.pi / 4), rel=1e-6)
    assert found["ellipticity"] == pytest.approx(1, rel=1e-6)
    assert found["largest"] == pytest.approx(0.75)
    assert found["concentration"] == pytest.approx(np.sqrt(0.75**2 + 0.25**2))
    assert found["depth"] == pytest.approx(3.5)
    assert found["depth_spread"] == pytest.approx(np.sqrt(0.75))
    assert (found["first"], found["last"]) == (3, 5)
    assert (found["empty_runs"], found["longest_run"]) == (1, 1)
    assert found["isolated"] == 1
    assert found["single_hits"] == pytest.approx(0.5)
    assert found["memory_2"] == pytest.approx(np.cos(np.pi / 4), rel=1e-6)
    assert found["memory_1"] == 0
    assert found["roughness"] == pytest.approx((30 + 60 + 40 + 20 + 10) / 40)


def test_neighbours_and_pairs_by_plain_loops(rng):
    volume = sparse_showers(rng, n=1)[0]
    is_hit = volume >= GEOMETRY.threshold
    layers, sectors, rings = is_hit.shape
    hits = list(zip(*np.nonzero(is_hit), strict=True))

    def at(layer, a, r):
        return 0 <= layer < layers and 0 <= r < rings and is_hit[layer, a % sectors, r]

    found = observed(volume)
    along = np.mean([at(k, a - 1, r) or at(k, a + 1, r) for k, a, r in hits])
    across = np.mean([at(k, a, r - 1) or at(k, a, r + 1) for k, a, r in hits])
    through = np.mean([at(k - 1, a, r) or at(k + 1, a, r) for k, a, r in hits])
    assert found["neighbour_alpha"] == pytest.approx(along)
    assert found["neighbour_r"] == pytest.approx(across)
    assert found["neighbour_depth"] == pytest.approx(through)
    counts = is_hit.sum(axis=1)
    for step, name in ((1, "1"), (2, "2"), (sectors // 2, "opposite")):
        pairs = sum(at(k, a + step, r) for k, a, r in hits)
        chance = (counts * (counts - 1)).sum() / (sectors - 1)
        assert found[f"pairs_alpha_{name}"] == pytest.approx((pairs - chance) / len(hits))
    for step in (1, 2, 4):
        pairs = sum(at(k + step, a, r) for k, a, r in hits)
        chance = (counts[:-step] * counts[step:]).sum() / sectors
        assert found[f"pairs_depth_{step}"] == pytest.approx((pairs - chance) / len(hits))


def test_energies_and_moments_by_plain_sums(rng):
    volume = sparse_showers(rng, n=1)[0].astype(np.float64)
    energy = volume[volume >= 0.1]
    found = observed(volume)
    assert found["soft_energy"] == pytest.approx(energy[energy < 2].sum() / energy.sum())
    assert found["soft_hits"] == pytest.approx((energy < 2).mean())
    assert found["faint_hits"] == pytest.approx((energy < 0.3).mean())
    assert found["hard_energy"] == pytest.approx(energy[energy > 100].sum() / energy.sum())
    assert found["log_spread"] == pytest.approx(np.log10(energy).std())
    layers = volume.sum(axis=(1, 2))
    assert found["largest_in_layers"] == pytest.approx(
        volume.max(axis=(1, 2)).sum() / layers.sum()
    )
    assert found["largest_layer"] == pytest.approx(layers.max() / layers.sum())
    assert found["core"] == pytest.approx(volume[..., 0].sum() / volume.sum())
    assert found["halo"] == pytest.approx(volume[..., 2].sum() / volume.sum())


def test_turning_a_shower_changes_nothing_but_turning_one_layer_does(rng):
    volume = sparse_showers(rng, n=1)[0]
    before, after = observed(volume), observed(np.roll(volume, 3, axis=1))
    assert before == pytest.approx(after, rel=1e-5, abs=1e-6)
    spoilt = volume.copy()
    spoilt[4] = np.roll(spoilt[4], 3, axis=0)
    assert observed(spoilt)["memory_1"] != pytest.approx(before["memory_1"], abs=1e-4)
    assert observed(spoilt)["soft_hits"] == pytest.approx(before["soft_hits"])


def test_an_empty_shower_and_deposits_below_the_threshold_read_zero():
    volume = np.full(GEOMETRY.shape, 0.09)
    assert set(observed(volume).values()) == {0.0}


def test_pieces_make_no_difference_and_rows_can_be_taken(rng, monkeypatch):
    showers = sparse_showers(rng).reshape(30, -1)
    e_inc = rng.uniform(1e3, 1e4, (30, 1))
    whole = Measured.from_showers(e_inc, showers, GEOMETRY).structure
    monkeypatch.setattr(
        "calo4pqvae.evaluation.measured.rows.VOXELS_AT_ONCE", 7 * GEOMETRY.n_voxels
    )
    pieces = Measured.from_showers(e_inc, showers, GEOMETRY).structure
    np.testing.assert_array_equal(whole.values, pieces.values)
    np.testing.assert_array_equal(whole.take(np.array([4, 2])).values, whole.values[[4, 2]])
    assert (whole.between(2e3, 3e3).e_inc < 3e3).all()


def test_unlike_layers_are_refused():
    geometry = CylindricalGeometry((LayerBins((0.0, 1.0), 4), LayerBins((0.0, 1.0, 2.0), 4)))
    made = Measured.from_showers(np.ones((2, 1)), np.ones((2, 12), np.float32), geometry)
    assert made.structure is None
    with pytest.raises(GeometryError, match="regular cylinder"):
        measure(np.ones(2), np.ones((2, 12)), geometry)


def test_regions_of_the_known_cylinders():
    assert Region.of(CylindricalGeometry.dataset_2()) == ((2, 20), (5, 21), 3, 6)
    assert Region.of(CylindricalGeometry.dataset_3()) == ((2, 20), (5, 21), 6, 12)
    assert Region.of(CylindricalGeometry.regular(1, 1, [0.0, 1.0])) == ((0, 1), (0, 1), 0, 0)
