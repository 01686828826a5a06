"""Bits of intervals: thresholds, and that every pattern has a meaning."""

import pytest
import torch

from calo4pqvae.models.autoregressive.layer_energies import QuantileBits


@pytest.mark.parametrize("bits", [0, 1, 2, 3])
def test_a_number_lies_in_the_interval_of_its_bits(bits, generator):
    u = torch.randn(400, 5, generator=generator, dtype=torch.float64)
    absence = torch.rand(400, 5, generator=generator, dtype=torch.float64).clamp(0.001, 0.999)
    levels = QuantileBits([bits, 1, 0, 3, bits])
    low, high = levels.decode(levels.encode((u, u), absence), absence)
    assert bool(((low < u) & (u <= high)).all())


def test_the_first_bit_is_presence_where_absence_is_likely():
    absence = torch.tensor([[0.7, 0.1]], dtype=torch.float64)
    edges = torch.special.ndtr(QuantileBits([2, 2]).thresholds(absence))[0]
    assert torch.allclose(edges[:2], torch.tensor([0.7, 0.85], dtype=torch.float64))
    assert torch.allclose(edges[2:], torch.tensor([1 / 3, 2 / 3], dtype=torch.float64))


def test_an_absent_quantity_has_no_bit():
    absence = torch.tensor([[0.7]], dtype=torch.float64)
    edge = torch.special.ndtri(absence)
    below = (torch.full_like(edge, -torch.inf), edge)
    assert not bool(QuantileBits([3]).encode(below, absence).any())


def test_only_the_number_of_ones_counts():
    absence = torch.full((2, 1), 0.2, dtype=torch.float64)
    bits = torch.tensor([[True, False], [False, True]])
    low, high = QuantileBits([2]).decode(bits, absence)
    assert float(low[0]) == float(low[1])
    assert float(high[0]) == float(high[1])
