"""The relaxation of bits: its limits, its thresholds, its entropy."""

import math

import pytest
import torch
from scipy.stats import binomtest

from calo4pqvae.boltzmann.samplers.exact import enumerate_states
from calo4pqvae.models.vae.relax import draw_bits, entropy, relaxed_bits


@pytest.fixture
def draws(generator):
    logits = 3 * torch.randn(200, 50, generator=generator)
    return logits, torch.rand(200, 50, generator=generator).clamp(1e-6, 1 - 1e-6)


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 20.0, 100.0])
def test_thresholded_relaxed_bits_are_the_drawn_bits(draws, sharpness):
    logits, uniform = draws
    assert torch.equal(
        relaxed_bits(logits, uniform, sharpness) > 0.5, draw_bits(logits, uniform)
    )


@pytest.mark.parametrize("logit", [-3.0, -0.5, 0.0, 1.0, 4.0])
def test_bits_are_one_as_often_as_the_logit_says(logit, generator):
    n = 40_000
    bits = draw_bits(torch.full((n,), logit), torch.rand(n, generator=generator))
    test = binomtest(int(bits.sum()), n, 1 / (1 + math.exp(-logit)))
    # False alarms: one in ten thousand seeds.
    assert test.pvalue > 1e-4


def test_sharper_bits_come_closer_to_zero_and_one(draws):
    logits, uniform = draws
    exact = draw_bits(logits, uniform).float()
    distance = [
        float((relaxed_bits(logits, uniform, s) - exact).abs().mean())
        for s in (0.01, 1.0, 10.0, 1000.0)
    ]
    assert distance == sorted(distance, reverse=True)
    assert distance[0] == pytest.approx(0.5, abs=0.02)
    assert distance[-1] < 1e-3


def test_gradients_reach_the_logits(draws):
    logits, uniform = draws[0].double().requires_grad_(), draws[1].double()
    relaxed = relaxed_bits(logits, uniform, 2.0)
    relaxed.sum().backward()
    torch.testing.assert_close(logits.grad, (2 * relaxed * (1 - relaxed)).detach())


def test_entropy_against_enumeration(generator):
    logits = 2 * torch.randn(3, 6, generator=generator, dtype=torch.float64)
    states = enumerate_states(6)
    p = torch.sigmoid(logits)[:, None]
    joint = torch.where(states, p, 1 - p).prod(dim=2)
    torch.testing.assert_close(entropy(logits), -(joint * joint.log()).sum(dim=1))


def test_entropy_of_certain_and_of_even_bits():
    assert float(entropy(torch.tensor([[80.0, -80.0]]))) == pytest.approx(0, abs=1e-6)
    assert float(entropy(torch.zeros(1, 5))) == pytest.approx(5 * math.log(2))
