"""Numbers drawn in order inside a box, and the probability of the box."""

import numpy as np
import torch

from calo4pqvae.models.autoregressive.layer_energies.ordered import draw_in_order

R = np.array([[1.0, 0.7, 0.3], [0.7, 1.0, 0.5], [0.3, 0.5, 1.0]])
ROOT = np.linalg.cholesky(R)[None]


def draw(low, high, n, seed=1):
    ends = (np.tile(end, (n, 1)).astype(float) for end in (low, high))
    uniform = np.random.default_rng(seed).random((n, 3))
    return draw_in_order(*ends, ROOT, np.zeros(n, dtype=np.int64), uniform)


def test_without_a_box_the_distribution_is_normal():
    u, log_p = draw([-np.inf] * 3, [np.inf] * 3, 40_000)
    # Errors of a correlation from 40,000 pairs: at most 0.005.
    assert np.abs(np.corrcoef(u.T) - R).max() < 0.02
    assert np.abs(log_p).max() < 1e-12


def test_the_probability_of_an_orthant_is_known():
    """Sheppard: P = 1/8 + sum arcsin(r) / (4 pi) for three variables."""
    _, log_p = draw([0.0] * 3, [np.inf] * 3, 20_000)
    p, error = np.exp(log_p).mean(), np.exp(log_p).std() / 20_000**0.5
    truth = 1 / 8 + np.arcsin([0.7, 0.3, 0.5]).sum() / (4 * np.pi)
    assert abs(p - truth) < 4 * error
    assert abs(p - 1 / 8) > 20 * error


def test_given_numbers_count_with_their_density():
    given = [0.5, -0.3, 1.2]
    u, log_p = draw(given, given, 1)
    distribution = torch.distributions.MultivariateNormal(
        torch.zeros(3), torch.tensor(R).float()
    )
    assert np.allclose(u[0], given)
    assert abs(log_p[0] - float(distribution.log_prob(torch.tensor(given)))) < 1e-5
