"""Tables of quantiles: a known distribution comes back, with absence and energy trend."""

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


def test_the_distribution_given_the_energy_becomes_standard_normal(fitted):
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


PARTS = {
    "lower two thirds": (0.0, 2 / 3),
    "upper tenth": (0.9, 1.0),
    "a stretch inside": (0.4, 0.6),
    "two stretches": (0.0, 0.1, 0.9, 1.0),
}


def energies(part, n, generator):
    """Energies that fill only these stretches of [0, 1]."""
    ends = torch.tensor(PARTS[part]).view(-1, 2)
    which = torch.randint(len(ends), (n,), generator=generator)
    low, high = ends[which].T
    return (low + (high - low) * torch.rand(n, generator=generator))[:, None]


@pytest.mark.parametrize("part", PARTS)
def test_quantiles_are_right_where_showers_fill_part_of_the_range(part, generator):
    """x is uniform on [t, t + 1]: every quantile is known, also where there are no showers."""
    t = energies(part, N, generator)
    x = torch.rand(N, 2, generator=generator) + t
    tables = ConditionalQuantiles(2)
    tables.fit(x, torch.ones(N, 2, dtype=torch.bool), t)
    assert bool(torch.isfinite(tables.table).all())
    asked = energies(part, 200, generator)
    for level in (0.1, 0.5, 0.9):
        u = torch.special.ndtri(torch.full((200, 2), level, dtype=torch.float64))
        found, present = tables.from_normal(u, asked)
        assert bool(present.all())
        # Some 500 showers in a window: errors of a quantile of 0.022, the largest of 200.
        assert torch.allclose(found, (asked + level).double(), atol=0.09)
    found, _ = tables.from_normal(torch.zeros(2, 2).double(), torch.tensor([[0.0], [1.0]]))
    # The straight line goes on to the ends, from a stretch as long as the gap.
    assert torch.allclose(found[:, 0], torch.tensor([0.5, 1.5]).double(), atol=0.35)


def test_showers_of_one_energy_give_their_own_quantiles(generator):
    x = torch.randn(2000, 1, generator=generator)
    for spread in (0.0, 1e-5):
        t = 0.37 + spread * torch.rand(2000, 1, generator=generator)
        tables = ConditionalQuantiles(1)
        tables.fit(x, torch.ones(2000, 1, dtype=torch.bool), t)
        u = torch.tensor([[-1.0], [0.0], [1.0]]).double()
        # Errors of 2,000 numbers: 0.03 in the middle, 0.04 at one sigma.
        assert torch.allclose(tables.from_normal(u, t[:3])[0], u, atol=0.15)


@pytest.mark.parametrize("n_present", [0, 1, 2, 3, 10])
def test_a_layer_that_is_hardly_ever_hit_keeps_to_what_was_seen(n_present, generator):
    n = 400
    t = torch.rand(n, 1, generator=generator)
    present = torch.zeros(n, 2, dtype=torch.bool)
    present[:, 0] = True
    present[:n_present, 1] = True
    x = torch.randn(n, 2, generator=generator)
    t[: n_present // 2] = 0.5
    t[n_present // 2 : n_present] = 0.5001
    tables = ConditionalQuantiles(2)
    tables.fit(x, present, t)
    low, high = tables.to_normal(x, present, t)
    assert bool(torch.isfinite(low[present]).all())
    assert bool(torch.isfinite(high).all())
    many = torch.randn(20_000, 2, generator=generator, dtype=torch.float64)
    drawn, there = tables.from_normal(many, torch.rand(20_000, 1, generator=generator))
    assert bool(there[:, 0].all())
    share = float(there[:, 1].double().mean())
    assert share == 0.0 if n_present == 0 else abs(share - n_present / n) < 0.02
    if n_present and bool(there[:, 1].any()):
        seen, made = x[:n_present, 1], drawn[there[:, 1], 1]
        room = float(seen.max() - seen.min()) + 1e-3
        assert float(seen.min()) - room < float(made.min())
        assert float(made.max()) < float(seen.max()) + room


def test_a_number_that_never_changes_lies_inside_its_distribution():
    """33 is not told from 33 + 1e-6 in the table's precision."""
    x, t = torch.full((100, 1), 33.0), torch.linspace(0, 1, 100)[:, None]
    tables = ConditionalQuantiles(1)
    tables.fit(x, torch.ones(100, 1, dtype=torch.bool), t)
    low, _ = tables.to_normal(x, torch.ones(100, 1, dtype=torch.bool), t)
    assert bool(torch.isfinite(low).all())
    assert torch.allclose(tables.from_normal(low, t)[0], x.double(), atol=1e-4)
