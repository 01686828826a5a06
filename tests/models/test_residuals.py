"""The table of residuals: draws follow the measured distribution, bin by bin."""

import torch
from scipy.stats import ks_2samp

from calo4pqvae.models.voxels.residuals import ResidualTable


def material(generator, n=60_000):
    """Differences that are skewed, and wider for small values and outer rings."""
    value = 1 + 5 * torch.rand(n, generator=generator)
    ring = torch.randint(2, (n,), generator=generator)
    skewed = torch.log(torch.rand(n, generator=generator) + 1e-3) + 1
    return value, skewed * (1 + ring) / value, ring


def test_draws_follow_what_was_measured(generator):
    """Kolmogorov-Smirnov in four bins and two rings; a false alarm in 8e-4 of free seeds."""
    table = ResidualTable(2)
    assert table.fit(*material(generator))
    value, real, ring = material(generator)
    drawn = table(value, torch.rand(len(value), generator=generator), ring)
    for low in range(1, 5):
        for r in range(2):
            mine = (value >= low) & (value < low + 1) & (ring == r)
            assert ks_2samp(real[mine].numpy(), drawn[mine].numpy()).pvalue > 1e-4
    twin = table(value, torch.rand(len(value), generator=generator), 1 - ring)
    assert ks_2samp(real[ring == 0].numpy(), twin[ring == 0].numpy()).pvalue < 1e-9


def test_nothing_is_drawn_beyond_what_was_measured(generator):
    table = ResidualTable(2)
    value, difference, ring = material(generator)
    table.fit(value, difference, ring)
    ends = torch.tensor([1e-9, 1 - 1e-7]).repeat(500)
    drawn = table(value[:1000], ends, ring[:1000])
    assert difference.min() <= drawn.min()
    assert drawn.max() <= difference.max()


def test_too_few_hits_leave_the_table_zero(generator):
    table = ResidualTable(2)
    value, difference, ring = material(generator, 999)
    assert not table.fit(value, difference, ring)
    assert not table(value, torch.rand(999, generator=generator), ring).any()
