"""Hits that share an energy: likelihoods and draws, alone and under the condition of a sum."""

import math

import pytest
import torch
from scipy.stats import ks_2samp, kstest

from calo4pqvae.models.voxels import SharedVoxels
from calo4pqvae.models.voxels.shared import Shares

THRESHOLD = 0.0151515


def width(sigma):
    """The output that gives this sigma."""
    low, high = SharedVoxels.WIDTHS
    return float(torch.logit(torch.tensor((sigma - low) / (high - low))))


def shares(energies, left, n_left, *, last):
    n = len(energies)
    return Shares(
        energies,
        torch.full((n,), left),
        torch.full((n,), float(n_left)),
        torch.full((n,), last),
    )


def parameters(means, sigmas, n):
    mu = torch.tensor(means).view(1, 1, -1).repeat(n, 1, 1)
    raw = torch.tensor([width(s) for s in sigmas]).view(1, 1, -1).repeat(n, 1, 1)
    return mu, raw


@pytest.mark.parametrize(("mu", "sigma"), [(3.0, 0.5), (6.0, 1.0), (0.5, 1.5)])
def test_the_likelihood_of_a_single_hit_integrates_to_one(mu, sigma):
    """Over all energies up to what is left."""
    left, n_left = 5.0, 3
    room = left - 2 * THRESHOLD
    v = torch.exp(torch.linspace(math.log(THRESHOLD), math.log(room), 40_001))[1:-1]
    distribution = SharedVoxels(THRESHOLD, 1)
    group = shares(v.view(-1, 1, 1), left, n_left, last=False)
    nll = distribution.loss(*parameters([mu], [sigma], len(v)), group)
    stretched = torch.log(v / THRESHOLD) - torch.log1p(-v / room)
    mass = torch.trapezoid(torch.exp(-nll) / math.sqrt(2 * math.pi), stretched)
    assert float(mass) == pytest.approx(1, abs=0.03)


def test_single_hits_are_drawn_from_that_likelihood(generator):
    n, left = 5000, 5.0
    distribution = SharedVoxels(THRESHOLD, 1)
    mu, raw = parameters([5.0], [0.8], n)
    group = shares(torch.zeros(n, 1, 1), left, 3, last=False)
    uniform = torch.rand(n, 1, 1, generator=generator)
    drawn = distribution.draw(mu, raw, torch.ones(n, 1, 1, dtype=torch.bool), group, uniform)
    assert float(drawn.max()) < left
    _, logit, _ = distribution.transform(mu, raw, shares(drawn, left, 3, last=False))
    assert kstest(torch.sigmoid(logit).numpy(), "uniform").pvalue > 1e-3


def conditioned(generator, means, sigmas, left, n):
    """Hits of a sum, by rejection: what the draws should look like."""
    many = 400_000
    y = torch.tensor(means) + torch.tensor(sigmas) * torch.randn(
        many, len(means), generator=generator
    )
    v = THRESHOLD * torch.exp(y)
    near = v[(v.sum(dim=1) / left - 1).abs() < 0.01]
    assert len(near) > n
    return near[:n] * (left / near[:n].sum(dim=1, keepdim=True))


def test_the_last_hits_follow_the_distribution_under_their_sum(generator):
    """Three hits, one of them with a sharp energy, which common scaling would smear."""
    means, sigmas, n = [5.0, 4.5, 5.5], [0.05, 0.6, 0.6], 4000
    left = 1.15 * THRESHOLD * sum(math.exp(m) for m in means)
    truth = conditioned(generator, means, sigmas, left, n)
    distribution = SharedVoxels(THRESHOLD, 3)
    mu, raw = parameters(means, [0.0501, 0.6, 0.6], n)
    hits = torch.ones(n, 1, 3, dtype=torch.bool)
    group = shares(torch.zeros(n, 1, 3), left, 3, last=True)
    uniform = torch.rand(n, 1, 3, generator=generator)
    drawn = distribution.draw(mu, raw, hits, group, uniform)[:, 0]
    assert torch.allclose(drawn.sum(dim=1), torch.full((n,), left), rtol=0.011)
    # The condition is imposed to first order: means and widths within a few percent.
    assert torch.allclose(drawn.mean(dim=0), truth.mean(dim=0), rtol=0.06)
    assert torch.allclose(drawn.std(dim=0), truth.std(dim=0), rtol=0.1)
    free = THRESHOLD * torch.exp(
        torch.tensor(means) + torch.tensor(sigmas) * torch.randn(n, 3, generator=generator)
    )
    scaled = free * (left / free.sum(dim=1, keepdim=True))
    assert ks_2samp(drawn[:, 0], truth[:, 0]).statistic < 0.1
    assert ks_2samp(scaled[:, 0], truth[:, 0]).statistic > 0.3


def best_sigma(drawn, left, *, last):
    """The common width of two hits that makes their energies most likely."""
    distribution, n = SharedVoxels(THRESHOLD, 2), len(drawn)
    sigmas = torch.linspace(0.12, 0.4, 57).tolist()
    group = shares(drawn.view(n, 1, 2), left, 2, last=last)
    costs = [
        distribution.loss(*parameters([5.0, 5.0], [s, s], n), group).mean() for s in sigmas
    ]
    return sigmas[int(torch.stack(costs).argmin())]


def test_the_sum_takes_a_degree_of_freedom_of_the_widths(generator):
    """Two hits under a sum scatter like one; the fifth that is kept takes 1 / 1.2."""
    left = 2 * THRESHOLD * math.exp(5.0)
    drawn = conditioned(generator, [5.0, 5.0], [0.3, 0.3], left, 3000)
    assert best_sigma(drawn, left, last=True) == pytest.approx(0.3 / math.sqrt(1.2), rel=0.05)
    y = torch.log(drawn / THRESHOLD) - 5
    assert float(y.square().mean().sqrt()) == pytest.approx(0.3 / math.sqrt(2), rel=0.05)


def test_a_single_last_hit_costs_nothing_and_takes_everything(generator):
    distribution = SharedVoxels(THRESHOLD, 1)
    mu, raw = parameters([3.0], [0.5], 50)
    energies = torch.full((50, 1, 1), 0.5)
    group = shares(energies, 0.5, 1, last=True)
    loose = distribution.loss(mu, raw, group)
    assert bool((loose.abs() < 1).all())
    uniform = torch.rand(50, 1, 1, generator=generator)
    drawn = distribution.draw(mu, raw, energies > 0, group, uniform)
    assert torch.allclose(drawn, energies, rtol=0.011)


def test_empty_groups_and_empty_layers_have_finite_gradients():
    distribution = SharedVoxels(THRESHOLD, 2)
    mu = torch.zeros(2, 3, 2, requires_grad=True)
    raw = torch.zeros(2, 3, 2, requires_grad=True)
    group = Shares(
        torch.zeros(2, 3, 2), torch.zeros(2), torch.zeros(2), torch.tensor([True, False])
    )
    loss = distribution.loss(mu, raw, group).sum()
    loss.backward()
    assert float(loss.detach()) == 0
    assert torch.isfinite(mu.grad).all()
    assert torch.isfinite(raw.grad).all()
