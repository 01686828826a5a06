"""Power is measured as the sample is: a blind classifier has none, a seeing one states it."""

import numpy as np
import pytest

from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.classifiers.trees import separate
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.trees import tree_rows
from calo4pqvae.evaluation.power.ladder import flags, halves_of, measure_power
from calo4pqvae.evaluation.power.twins import STANDARD
from calo4pqvae.evaluation.result import Score


def test_trees_on_structure_have_power_that_a_blind_classifier_lacks():
    def blind(reference, *_):
        return Score(0.5, 0.02, len(reference))

    def measure(*showers):
        rows = tree_rows(Measured.from_showers(*showers))["structure"]
        return {"structure": rows, "blind": rows}

    with ShowerFile(sample_path()) as file:
        classifiers = {"structure": separate, "blind": blind}
        found = measure_power(file, np.arange(600), measure, classifiers, STANDARD[:2])
    floor, power = found["structure"]
    assert not flags(floor)
    assert {rung.twin for rung in power.smallest} == {"narrower", "axis"}
    assert power.entry()["n"] == 300
    assert found["blind"][1].any is False
    assert [rung.size for rung in found["blind"][1].rungs] == [0.05, 1.0]


def test_halves_are_disjoint_and_drawn_of_the_rows_given():
    rows = np.arange(100, 131)
    one, other = halves_of(rows)
    assert len(one) == len(other) == 15
    assert np.isin([one, other], rows).all()
    assert len(np.union1d(one, other)) == 30


def test_trees_refuse_few_showers_and_keep_one_energy_in_one_fold(rng):
    """Where only the energy could tell the sides apart, nothing can be learnt."""
    e_inc = np.repeat(rng.uniform(1, 2, 100), 4)
    rows = np.repeat(rng.standard_normal((100, 3)), 4, axis=0)
    score = separate(rows, rows, e_inc, e_inc)
    assert score.value == pytest.approx(0.5, abs=1e-9)
    with pytest.raises(ConfigError, match="too few"):
        separate(rows[:99], rows, e_inc[:99], e_inc)


def test_trees_do_not_depend_on_the_run_and_see_a_shift(rng):
    one, other = rng.standard_normal((300, 4)), rng.standard_normal((300, 4)) + 0.7
    e_inc = rng.uniform(1, 2, 600)
    found = separate(one, other, e_inc[:300], e_inc[300:])
    assert found == separate(one, other, e_inc[:300], e_inc[300:])
    assert flags(found)
