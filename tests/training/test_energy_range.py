"""The range of energies that a model takes from its showers."""

from collections.abc import Callable

import numpy as np
import pytest

from calo4pqvae.config import Config
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import ConfigError
from calo4pqvae.training.energy_range import describe_range, range_around, with_energy_range


def energies(*gev: float) -> np.ndarray:
    return np.float32([[1000 * e] for e in gev])


@pytest.mark.parametrize(
    ("showers", "ends"),
    [
        ((1.0003, 99.92), (1, 100)),
        ((1.0, 1000.0), (1, 1000)),
        ((13.7, 86.2), (13, 87)),
        ((0.2512, 4.099), (0.25, 4.1)),
        ((50.0, 50.0), (49, 51)),
        ((0.1, 0.1), (0.09, 0.11)),
        ((49.99, 50.01), (49, 51)),
        ((0.3, 0.7), (0.3, 0.7)),
    ],
)
def test_ends_are_rounded_outwards_to_two_digits(
    showers: tuple[float, ...], ends: tuple[float, float]
) -> None:
    found = range_around(energies(*showers))
    assert found == pytest.approx(ends, rel=1e-6)
    assert found[0] * (1 - 1e-6) <= min(showers) <= max(showers) <= found[1] * (1 + 1e-6)
    assert found[0] < found[1]


@pytest.mark.parametrize("wrong", [0.0, float("nan"), float("inf")])
def test_energies_that_give_no_range_are_refused(wrong: float) -> None:
    with pytest.raises(ConfigError, match="give no range to train on"):
        range_around(energies(1.0, wrong))


def test_a_given_range_stays(configure: Callable[..., Config], showers: ShowerFile) -> None:
    given = configure()
    assert with_energy_range(given, [showers]) == given
    free = configure("data.energy_gev=null")
    low, high = with_energy_range(free, [showers]).data.energy_gev or (0, 0)
    assert low <= showers.e_inc().min() / 1000 < 1.1 * low
    assert high >= showers.e_inc().max() / 1000 > high / 1.1


def test_what_showers_leave_empty_of_a_given_range_is_said(
    configure: Callable[..., Config],
) -> None:
    config = configure("data.energy_gev=[1,1000]")
    part = describe_range(config, True, energies(1.0, 99.9))
    assert "the showers to train on have 1 to 99.9 GeV" in part
    assert describe_range(config, True, energies(1.01, 990.0)).endswith("as set")
    assert "those of the showers" in describe_range(config, False, energies(1.0, 99.9))
