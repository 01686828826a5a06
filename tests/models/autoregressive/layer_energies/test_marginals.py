"""Tables of quantiles: a known law comes back, both ways, with absence and energy trend."""

import pytest
import torch
from scipy.stats import kstest

from calo4pqvae.errors import ConfigError
from calo4pqvae.models.autoregressive.layer_energies import ConditionalQuantiles

N = 8000


def showers(n, seed):
    """Logarithms that rise with t, and are absent with probability 0.6 (1 - t)."""
    generator = torch.Generator().manual_seed(seed)
    t = torch.rand(n, 1, generator=generator)
    spread = 1.0 - 0.5 * t
    x = 3 * t + spread * torch.randn(n, 2, generator=generator)
    present = torch.rand(n, 2, generator=generator) > 0.6 * (1 - t)
    present[:, 1] = True
    return torch.where(present, x, 0.0), present, t


@pytest.fixture(scope="module")
def fitted():
    tables = ConditionalQuantiles(2)
    tables.fit(*showers(N, 1))
    return tables


def test_the_law_given_the_energy_becomes_standard_normal(fitted):
    x, present, t = showers(2000, 2)
    _, upper = fitted.to_normal(x, present, t)
    # The table is estimated: its own error is that of some 1,000 showers in the window.
    for low, high in ((0.0, 0.5), (0.5, 1.0)):
        rows = (t[:, 0] >= low) & (t[:, 0] < high)
        assert kstest(upper[rows, 1].numpy(), "norm").pvalue > 1e-4


def test_without_the_energy_it_would_not():
    x, present, t = showers(2000, 2)
    blind = ConditionalQuantiles(2, bandwidth=100.0)
    blind.fit(*showers(N, 1))
    _, upper = blind.to_normal(x, present, torch.full_like(t, 0.5))
    assert kstest(upper[t[:, 0] < 0.5, 1].numpy(), "norm").pvalue < 1e-4


def test_absence_follows_the_energy(fitted):
    t = torch.tensor([[0.1], [0.5], [0.9]])
    expected = 0.6 * (1 - t.double())
    assert torch.allclose(fitted.absence(t)[:, :1], expected, atol=0.04)
    assert bool((fitted.absence(t)[:, 1] < 1e-4).all())


def test_a_steep_absence_is_right_up_to_the_ends():
    """A window's mean, the estimate without a slope, would be off at both ends."""
    generator = torch.Generator().manual_seed(4)
    t = torch.rand(40_000, 1, generator=generator)

    def chance(t):
        return torch.sigmoid(3 - 12 * t)

    present = torch.rand(len(t), 1, generator=generator) > chance(t)
    tables = ConditionalQuantiles(1)
    tables.fit(torch.zeros(len(t), 1), present, t)
    ends = torch.tensor([[0.0], [0.5], [1.0]])
    logit = torch.logit(tables.absence(ends), 1e-9)
    # Some 2,000 showers in the window at the ends, twice as many in the middle.
    assert torch.allclose(logit[:2], (3 - 12 * ends[:2]).double(), atol=0.35)
    window = torch.exp(-((t / tables.bandwidth) ** 2) / 2)
    flat = (window * ~present).sum() / window.sum()
    assert abs(float(torch.logit(flat)) - 3) > 0.35


def test_absent_quantities_are_intervals_below_the_edge_and_come_back_absent(fitted):
    x, present, t = showers(500, 3)
    low, high = fitted.to_normal(x, present, t)
    assert bool((low[~present] == -torch.inf).all())
    assert torch.equal(low[present], high[present])
    inside = torch.where(present, high, high - 0.3)
    again, there = fitted.from_normal(inside, t)
    assert torch.equal(there, present)
    usual = present & (high.abs() < 3)
    assert torch.allclose(again[usual], x[usual].double(), atol=1e-3)


def test_too_few_showers_are_refused():
    with pytest.raises(ConfigError, match="20 showers are too few"):
        ConditionalQuantiles(2).fit(*showers(20, 1))
