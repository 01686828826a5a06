"""Numbers of hits: a distribution that sums to one, and draws that follow it."""

import torch
from scipy.stats import chisquare

from calo4pqvae.models.autoregressive.counts import HitCounts

MOST = 12


def distribution_and_outputs():
    distribution = HitCounts(1, MOST).double()
    return distribution, torch.tensor([0.3, 0.0, 0.9, 0.5, 1.5], dtype=torch.float64)


def probabilities(distribution, outputs):
    n = torch.arange(1, MOST + 1, dtype=torch.float64)
    return torch.exp(-distribution.loss(outputs.expand(MOST, -1), n)).double()


def test_probabilities_sum_to_one():
    assert abs(float(probabilities(*distribution_and_outputs()).sum()) - 1) < 1e-5


def test_draws_follow_the_distribution(generator):
    """One chi-square, false alarms one in a thousand; other parameters must fail."""
    distribution, outputs = distribution_and_outputs()
    uniform = torch.rand(20_000, 2, generator=generator, dtype=torch.float64)
    drawn = distribution.draw(outputs.expand(20_000, -1), uniform).long()
    counts = torch.bincount(drawn, minlength=MOST + 1)[1:].numpy()
    expected = probabilities(distribution, outputs).numpy()
    assert chisquare(counts, 20_000 * expected / expected.sum()).pvalue > 1e-3
    wrong = probabilities(distribution, outputs * 1.1).numpy()
    assert chisquare(counts, 20_000 * wrong / wrong.sum()).pvalue < 1e-6


def test_an_empty_layer_costs_nothing_and_gradients_are_finite():
    distribution, outputs = distribution_and_outputs()
    outputs = (100 * outputs).repeat(3, 1).requires_grad_()
    loss = distribution.loss(outputs, torch.tensor([0.0, 1.0, 12.0]))
    assert float(loss[0].detach()) == 0
    loss.sum().backward()
    assert torch.isfinite(outputs.grad).all()
