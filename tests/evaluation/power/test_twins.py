"""Twins have the defect that they state, and no other."""

import numpy as np
import pytest

from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.power.twins import KINDS, STANDARD, spoilt
from calo4pqvae.geometry import CylindricalGeometry

GEOMETRY = CylindricalGeometry.regular(12, 8, [0.0, 4.0, 8.0, 12.0], threshold=0.1)
KEEPS_LAYERS = {
    "narrower", "axis", "neighbours", "twist", "late", "tracks", "largest", "values",
}  # fmt: skip


@pytest.fixture(scope="module")
def showers():
    rng = np.random.default_rng(3)
    shape = (60, *GEOMETRY.shape)
    chance = 0.5 * np.exp(-np.arange(3))
    energy = np.where(rng.random(shape) < chance, 0.1 + rng.gamma(1.0, 5.0, shape), 0.0)
    energy[0] = 0.0
    return energy.reshape(60, -1).astype(np.float32)


def layers(showers):
    return showers.reshape(len(showers), *GEOMETRY.shape).sum(axis=(2, 3))


@pytest.mark.parametrize("twin", KINDS, ids=lambda twin: twin.name)
def test_a_twin_differs_keeps_its_layers_and_its_source(showers, twin):
    before = showers.copy()
    made = spoilt(twin, twin.sizes[0], showers, GEOMETRY)
    np.testing.assert_array_equal(showers, before)
    assert made.shape == showers.shape
    assert np.isfinite(made).all()
    assert (made >= 0).all()
    assert (made != showers).any()
    assert not made[0].any()
    if twin.name in KEEPS_LAYERS:
        np.testing.assert_allclose(layers(made), layers(showers), rtol=1e-5)
    elif twin.name == "rough":
        np.testing.assert_allclose(made.sum(axis=1), showers.sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("twin", STANDARD, ids=lambda twin: twin.name)
def test_a_twin_of_size_zero_is_the_original(showers, twin):
    np.testing.assert_allclose(spoilt(twin, 0.0, showers, GEOMETRY), showers, rtol=1e-5)
    assert list(twin.sizes) == sorted(twin.sizes, reverse=True)


def test_narrower_is_as_narrow_as_stated(showers):
    """The mean radius falls by 5 %, to float32."""
    radius = np.tile(np.tile([2.0, 6.0, 10.0], 8), 12)
    made = spoilt(KINDS[0], 0.05, showers, GEOMETRY)
    before, after = ((s @ radius).sum() / s.sum() for s in (showers, made))
    assert after / before == pytest.approx(0.95, abs=1e-4)


def test_soft_deposits_are_as_many_as_stated(showers):
    twin = next(twin for twin in KINDS if twin.name == "soft")
    made = spoilt(twin, 0.5, showers, GEOMETRY)
    added = (made > 0) & (showers == 0)
    soft = (showers > 0) & (showers < 2)
    assert (made[added] < 2).all()
    assert 0.2 < added.sum() / soft.sum() < 0.5


def test_values_exchanged_and_axis_removed_keep_every_energy(showers):
    for name in ("values", "axis", "neighbours", "tracks", "twist", "late"):
        twin = next(twin for twin in KINDS if twin.name == name)
        made = spoilt(twin, 1.0, showers, GEOMETRY)
        np.testing.assert_array_equal(np.sort(made, axis=1), np.sort(showers, axis=1))


def test_lone_hits_lost_takes_lone_hits_only(showers):
    twin = next(twin for twin in KINDS if twin.name == "isolated")
    e_inc = np.full((60, 1), 1e3)
    before = Measured.from_showers(e_inc, showers, GEOMETRY).structure
    after = Measured.from_showers(
        e_inc, spoilt(twin, 1.0, showers, GEOMETRY), GEOMETRY
    ).structure
    assert before.column("isolated").mean() > 0.01
    assert not after.column("isolated").any()
    lost = before.column("hits") * before.column("isolated")
    np.testing.assert_allclose(after.column("hits"), before.column("hits") - lost)
