"""Access times: the paper's table 2, the rule of the documentation, refusals."""

import pytest

from calo4pqvae.annealer.chip.constants import CHIPS, POWER_W, find_chip
from calo4pqvae.annealer.jobs.timing import AccessTime, access_time
from calo4pqvae.errors import ConfigError


def test_the_papers_chip_gives_the_papers_times():
    """Table 2: 20 us anneal, 87 us readout, 20 us wait, 2.0 J."""
    one = access_time("prototype2.6", reads=1, programmings=0)
    assert (one.anneal, one.readout, round(one.wait)) == (20, 87, 20)
    assert one.joules(POWER_W) == pytest.approx(2.04)


@pytest.mark.parametrize(
    ("name", "ratio"),
    [("prototype2.6", 144), ("system1", 186), ("system2", 182), ("system4", 94)],
)
def test_one_programming_per_sample_costs_many_times_as_much(name, ratio):
    many = access_time(name, reads=1024, programmings=1024)
    assert many.total / access_time(name, reads=1024, programmings=0).total == pytest.approx(
        ratio, rel=0.01
    )
    assert many.total == many.sampling + many.programming


def test_times_add():
    parts = AccessTime(1.0, 2.0, 3.0, 4.0) + AccessTime(10.0, 20.0, 30.0, 40.0)
    assert parts == AccessTime(11.0, 22.0, 33.0, 44.0)
    assert parts.total == 110


@pytest.mark.parametrize("name", ["system1", "Advantage2_system1", "Advantage2_system1.10"])
def test_chips_are_found_by_solver_names(name):
    assert find_chip(name) is CHIPS["system1"]


def test_prototype_keeps_its_minor_number():
    assert find_chip("Advantage2_prototype2.6").readout_us == 87


def test_unknown_chips_and_negative_numbers_are_refused():
    with pytest.raises(ConfigError, match="Advantage_system4"):
        find_chip("Advantage_system4.1")
    with pytest.raises(ConfigError, match="negative"):
        access_time("system1", reads=-1, programmings=1)
