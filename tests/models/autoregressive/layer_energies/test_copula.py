"""Normal numbers in boxes against rejection, and matrices from censored numbers."""

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp, kstest, norm

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae._core.truncated_normal import normal_between
from calo4pqvae.models.autoregressive.layer_energies import GaussianCopula
from calo4pqvae.models.autoregressive.layer_energies.box import gibbs_in_box

R = torch.tensor([[1.0, 0.8, 0.3], [0.8, 1.0, 0.6], [0.3, 0.6, 1.0]], dtype=torch.float64)
LOW = torch.tensor([0.2, -torch.inf, -1.0], dtype=torch.float64)
HIGH = torch.tensor([torch.inf, 0.4, 1.5], dtype=torch.float64)
N = 4000


def accepted(n, generator):
    """Draw from the box by rejection."""
    root = torch.linalg.cholesky(R)
    u = torch.randn(40 * n, 3, generator=generator, dtype=torch.float64) @ root.T
    return u[((u > LOW) & (u < HIGH)).all(dim=1)][:n]


def drawn(n, matrix, rounds=12):
    copula = GaussianCopula(3, bins=1)
    copula.correlation[0] = matrix
    box = (LOW.repeat(n, 1), HIGH.repeat(n, 1))
    return copula.draw(box, torch.full((n, 1), 0.5), SharedNoise(3).uniform, rounds)


def smallest_p(a, b):
    """Of the three numbers and two differences; below 1e-5 by chance for 5e-5 of the seeds."""
    pairs = [(a[:, k], b[:, k]) for k in range(3)]
    pairs += [(a[:, 0] - a[:, 1], b[:, 0] - b[:, 1]), (a[:, 1] - a[:, 2], b[:, 1] - b[:, 2])]
    return min(ks_2samp(x.numpy(), y.numpy()).pvalue for x, y in pairs)


def test_numbers_in_a_box_follow_the_cut_normal_distribution(generator):
    made = drawn(N, R)
    assert bool(((made >= LOW) & (made <= HIGH)).all())
    assert smallest_p(accepted(N, generator), made) > 1e-5


@pytest.mark.parametrize(("matrix", "rounds"), [(torch.eye(3), 12), (R, 0)])
def test_a_wrong_matrix_or_no_round_is_seen(generator, matrix, rounds):
    assert smallest_p(accepted(N, generator), drawn(N, matrix, rounds)) < 1e-5


def test_the_matrix_is_found_from_numbers_known_to_an_interval(generator):
    root = torch.linalg.cholesky(R)
    u = torch.randn(20_000, 3, generator=generator, dtype=torch.float64) @ root.T
    hidden = u < -0.3
    low = torch.where(hidden, -torch.inf, u)
    high = torch.where(hidden, -0.3, u)
    copula = GaussianCopula(3, bins=1, bandwidth=10.0)
    noise = SharedNoise(1)
    copula.fit((low, high), torch.full((len(u), 1), 0.5), noise.uniform, rounds=20)
    # Correlations of 20,000 numbers, a third of them hidden, are good to 0.01.
    assert torch.allclose(copula.correlation[0].double(), R, atol=0.04)


def test_the_matrix_follows_the_energy(generator):
    t = torch.rand(20_000, 1, generator=generator)
    z = torch.randn(20_000, 2, generator=generator, dtype=torch.float64)
    u = torch.stack([z[:, 0], t[:, 0] * z[:, 0] + (1 - t[:, 0] ** 2).sqrt() * z[:, 1]], dim=1)
    copula = GaussianCopula(2, bins=4, bandwidth=0.05)
    copula.fit((u, u), t, SharedNoise(1).uniform)
    found = copula.correlation[:, 0, 1]
    assert torch.allclose(found, torch.tensor([0.125, 0.375, 0.625, 0.875]), atol=0.06)


def test_draws_between_far_ends_keep_their_digits():
    uniform = np.linspace(0.001, 0.999, 500)
    for low, high in ((-1.0, 0.5), (6.0, np.inf), (-np.inf, -6.0), (-np.inf, np.inf)):
        made = np.array([normal_between(low, high, u) for u in uniform])
        ends = norm.cdf(low), norm.cdf(high)
        if low == 6.0:
            share = (norm.sf(low) - norm.sf(made)) / norm.sf(low)
        else:
            share = (norm.cdf(made) - ends[0]) / (ends[1] - ends[0])
        assert kstest(share, "uniform").statistic < 0.01


def test_a_number_without_freedom_stays():
    u = np.array([[0.3, 0.0]])
    fixed = np.array([[0.3, -1.0]]), np.array([[0.3, 1.0]])
    gibbs_in_box(
        u, *fixed, np.eye(2)[None], np.zeros(1, dtype=np.int64), np.full((1, 3, 2), 0.9)
    )
    assert u[0, 0] == 0.3
    assert u[0, 1] != 0.0


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.2), (0.9, 1.0)])
def test_the_matrix_is_right_where_showers_fill_part_of_the_range(low, high, generator):
    """Far from all showers the nearest ones speak together, not the very nearest alone."""
    t = low + (high - low) * torch.rand(4000, 1, generator=generator)
    root = torch.linalg.cholesky(R)
    u = torch.randn(4000, 3, generator=generator, dtype=torch.float64) @ root.T
    copula = GaussianCopula(3)
    copula.fit((u, u), t, SharedNoise(1).uniform, rounds=2)
    # Correlations of at least 400 showers are good to 0.05; the shrinking takes a hundredth.
    assert torch.allclose(copula.correlation.double(), R.expand(16, 3, 3), atol=0.16)


def test_few_showers_give_a_matrix_that_can_be_inverted(generator):
    """Fifty showers of forty-nine quantities are mostly noise."""
    u = torch.randn(50, 49, generator=generator, dtype=torch.float64)
    u[:, 7] = 0
    copula = GaussianCopula(49, bins=2)
    t = torch.rand(50, 1, generator=generator)
    copula.fit((u, u), t, SharedNoise(1).uniform, rounds=1)
    assert float(torch.linalg.eigvalsh(copula.correlation[0].double()).min()) > 0.2
    free = torch.full_like(u, torch.inf)
    drawn = copula.draw((-free, free), t, SharedNoise(2).uniform, rounds=4)
    assert float(drawn.abs().max()) < 6
