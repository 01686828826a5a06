"""A network is given the same rows for its power as for its verdict."""

import numpy as np
import pytest

from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.classifiers.classifier import low_level
from calo4pqvae.evaluation.classifiers.quick_power import network_rows, network_score
from calo4pqvae.evaluation.features.high_level import Features
from calo4pqvae.evaluation.power.ladder import flags


@pytest.mark.parametrize("kind", ["high", "low", "resnet"])
def test_rows_are_those_of_the_classifier(kind):
    rows = np.arange(12)
    with ShowerFile(sample_path()) as file:
        made = network_rows(file.e_inc(rows), file.showers(rows), file.geometry, kind)
        wanted = (
            Features.from_file(file, rows).values if kind == "high" else low_level(file, rows)
        )
    np.testing.assert_allclose(made[kind], wanted, rtol=1e-6)


def test_a_network_flags_a_shift_and_counts_the_showers_held_back(rng):
    """One standard deviation in each of four columns: seen in any of a million seeds."""
    one = rng.standard_normal((300, 4))
    found = network_score(one, rng.standard_normal((300, 4)) + 1, kind="high", shape=(1, 1, 1))
    assert found.n == 60
    assert flags(found)
    same = network_score(one, rng.standard_normal((300, 4)), kind="high", shape=(1, 1, 1))
    assert not flags(same)
