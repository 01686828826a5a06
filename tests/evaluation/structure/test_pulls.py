"""Pulls of one distribution against itself, and against a distribution without an axis."""

import numpy as np
import pytest

from calo4pqvae.evaluation.structure.pulls import BEYOND, pulls
from calo4pqvae.evaluation.structure.windows import windows_of


def test_one_distribution_has_few_pulls_beyond_three_and_an_axis_lost_has_many(structure_of):
    """Some 270 correlated pulls; more than 8 beyond three in 1 case of 1,000 or fewer."""
    reference = structure_of(1500, 1)
    same = pulls(structure_of(1500, 2), reference)
    without = pulls(structure_of(1500, 3, lean=0.0), reference)
    assert len(same) > 200
    beyond = [sum(abs(one.pull) > BEYOND for one in of) for of in (same, without)]
    assert beyond[0] <= 8
    assert beyond[1] > 20
    worst = max(without, key=lambda one: abs(one.pull))
    assert worst.observable in {
        "axis_distance",
        "hit_distance",
        "dipole",
        "memory_1",
        "memory_2",
    }


def test_pulls_of_one_distribution_have_unit_width(structure_of):
    """Means of 200 x 90 pulls; their width is known to 2 %, limits are five of that."""
    whole = structure_of(6000, 4)
    rng, found = np.random.default_rng(0), []
    for _ in range(10):
        order = rng.permutation(6000)
        parts = whole.take(order[:3000]), whole.take(order[3000:])
        found += [one.pull for one in pulls(*parts) if one.kind != "separation"]
    assert np.std(found) == pytest.approx(1.0, abs=0.12)


def test_equal_energies_gain_nothing(structure_of):
    """The trend of the energy is off: hits per energy have the spread of fixed energies."""
    window = windows_of(structure_of(2000, 5), structure_of(2000, 6))[0]
    flat, _ = window.flattened()
    raw = window.sample.values
    slope = np.polyfit(np.log(window.sample.e_inc), flat[:, 1], 1)[0]
    assert abs(slope) < 0.1 * abs(np.polyfit(np.log(window.sample.e_inc), raw[:, 1], 1)[0])


def test_windows_need_showers_of_both_sides_and_low_energies_share_one(structure_of):
    few, many = structure_of(1500, 1).between(1e3, 3e3), structure_of(1500, 2)
    assert [w.name for w in windows_of(few, many)] == ["1-3 GeV"]
    low = structure_of(60, 3)
    scaled = type(low)(**{**low.__dict__, "e_inc": low.e_inc / 1e3})
    assert len(windows_of(scaled, scaled)) == 1
    assert windows_of(few.take(np.arange(10)), many) == []
