"""Energy codes: the paper's integers against plain Python, and the thermometer."""

import math

import numpy as np
import pytest
import torch

from calo4pqvae.data.energy_code import IntegerCode, ThermometerCode, make_energy_code
from calo4pqvae.data.transforms import EnergyScale
from calo4pqvae.errors import ConfigError


def plain_integer_code(e, n_bits):
    block = []
    for number in (int(e), int(math.sqrt(10 * e)), int(math.exp(10) * math.log(e))):
        block += [int(digit) for digit in reversed(f"{number:020b}")]
    repeats = n_bits // len(block)
    return block * repeats + [0] * (n_bits - repeats * len(block))


@pytest.mark.parametrize("n_bits", [60, 84, 302, 512])
def test_integer_code_against_plain_python(n_bits, rng):
    energies = np.concatenate([[1.0, 1e3, 1e6], 10 ** rng.uniform(3, 6, 200)])
    e_inc = torch.tensor(energies, dtype=torch.float32)[:, None]
    expected = [plain_integer_code(float(e), n_bits) for e in e_inc[:, 0]]
    assert torch.equal(IntegerCode(n_bits)(e_inc), torch.tensor(expected).bool())


def test_integer_code_starts_with_the_least_significant_bit():
    code = IntegerCode(60)(torch.tensor([[6.0]]))
    assert code[0, :4].tolist() == [False, True, True, False]


@pytest.mark.parametrize("e_inc", [0.5, 2.0**20, math.nan])
def test_integer_code_refuses_energies_it_cannot_hold(e_inc):
    with pytest.raises(ConfigError, match="1 MeV"):
        IntegerCode(60)(torch.tensor([[e_inc]]))


def test_integer_code_needs_sixty_nodes():
    with pytest.raises(ConfigError, match="60 nodes"):
        IntegerCode(59)


def test_thermometer_is_filled_from_the_left_and_never_falls():
    code = ThermometerCode(84, EnergyScale())(torch.logspace(3, 6, 500)[:, None]).int()
    assert (code.diff(dim=1) <= 0).all()
    assert (code.diff(dim=0) >= 0).all()
    assert code[0].sum() == 0
    assert code[-1].sum() == 84


def test_thermometer_levels_lie_at_half_steps():
    scale = EnergyScale()
    t = torch.tensor([0.12, 0.13, 0.37, 0.38, 0.88])
    code = ThermometerCode(4, scale)(1e3 * 1e3 ** t[:, None])
    assert code.sum(dim=1).tolist() == [0, 1, 1, 2, 4]


def test_codes_are_made_by_name():
    assert isinstance(make_energy_code("integer", 60, EnergyScale()), IntegerCode)
    assert isinstance(make_energy_code("thermometer", 8, EnergyScale()), ThermometerCode)
