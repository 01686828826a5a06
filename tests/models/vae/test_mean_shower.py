"""The mean shower in closed form: known polynomials come back, and the energy is right."""

import pytest
import torch
from torch.nn.functional import softplus

from calo4pqvae.models.vae.mean_shower import ORDER, CellSums, MeanShower, legendre

SHAPE = (3, 8, 2)


def truth(t):
    """A logit and a raw value that bend with t, other ones in each layer and ring."""
    layer = torch.arange(SHAPE[0]).view(1, -1, 1, 1)
    ring = torch.arange(SHAPE[2]).view(1, 1, 1, -1)
    x = 2 * t.view(-1, 1, 1, 1) - 1
    return 0.3 * layer - ring + x + 0.5 * x**2 * layer, 4.0 + layer - 0.5 * ring + x * (
        1 + ring
    )


def drawn_showers(generator, n=6000, sigma=0.6):
    """Hits with the true probability, values normal around the true one."""
    t = torch.rand(n, 1, generator=generator)
    logit, raw = truth(t)
    hits = torch.rand(n, *SHAPE, generator=generator) < torch.sigmoid(logit)
    x = softplus(raw) + sigma * torch.randn(n, *SHAPE, generator=generator)
    return t, hits, torch.where(hits, x.clamp(min=0.01), 0.0)


def fitted(t, x, exponent):
    sums, mean = CellSums(exponent), MeanShower(SHAPE)
    for rows in torch.arange(len(t)).split(1000):
        sums.add(x[rows], mean.features(t[rows]))
    mean.fit(sums)
    return mean


def test_known_polynomials_come_back(generator):
    """6,000 showers of 8 azimuth bins fix a logit to 0.03; 0.12 is four of these errors."""
    t, _, x = drawn_showers(generator)
    tried = torch.linspace(0.05, 0.95, 19)[:, None]
    found = fitted(t, x, exponent=0.0)(tried).detach()
    logit, raw = truth(tried)
    torch.testing.assert_close(found[:, 0], logit.expand_as(found[:, 0]), atol=0.2, rtol=0)
    torch.testing.assert_close(found[:, 1], raw.expand_as(found[:, 1]), atol=0.12, rtol=0)


@pytest.mark.parametrize(("exponent", "right"), [(0.5, True), (0.0, False)])
def test_half_a_power_of_the_energy_makes_the_energy_right(generator, exponent, right):
    """exp of the fitted value is the mean of exp(x) for k = 1/2, its geometric mean for 0."""
    t, hits, x = drawn_showers(generator, n=20_000)
    value = softplus(fitted(t, x, exponent)(t).detach()[:, 1]).expand_as(x)
    ratio = float(torch.exp(value[hits]).sum() / torch.exp(x[hits]).sum())
    assert (abs(ratio - 1) < 0.02) == right


def test_cells_without_hits_stay_finite_and_empty():
    t = torch.linspace(0, 1, 50)[:, None]
    x = torch.zeros(50, *SHAPE)
    x[:, 1, :, 0] = 5.0
    found = fitted(t, x, 0.5)(t).detach()
    assert torch.isfinite(found).all()
    assert float(torch.sigmoid(found[:, 0, 0]).max()) < 0.01
    assert float(torch.sigmoid(found[:, 0, 1, :, 0]).min()) > 0.99


def test_polynomials_are_legendre_polynomials():
    """Orthogonal on [0, 1], each with the square integral 1 / (2 k + 1)."""
    nodes = (torch.arange(20_000, dtype=torch.float64) + 0.5)[:, None] / 20_000
    features = legendre(nodes, ORDER)
    gram = features.T @ features / len(nodes)
    wanted = torch.diag(1 / (2 * torch.arange(ORDER + 1, dtype=torch.float64) + 1))
    torch.testing.assert_close(gram, wanted, atol=1e-6, rtol=0)
