"""The distance between correlations: unbiased, at equal conditions, and with a gradient."""

import pytest
import torch
from torch import Tensor

from calo4pqvae.boltzmann.matching import correlation_mismatch
from calo4pqvae.errors import SamplerError

N, ROWS, DRAWS = 60, 48, 400


def states(common: float, generator: torch.Generator, t: Tensor | None = None) -> Tensor:
    """Bits with one common movement; with t, its sign of half of them follows t."""
    rows = ROWS if t is None else len(t)
    logit = common * torch.randn(rows, 1, generator=generator).expand(-1, N).clone()
    if t is not None:
        logit[:, : N // 2] *= torch.where(t > 0.5, 1.0, -1.0)
    return (torch.rand(rows, N, generator=generator) < torch.sigmoid(logit)).float()


def estimates(one: float, other: float, generator: torch.Generator) -> Tensor:
    found = []
    for _ in range(DRAWS):
        t = [torch.rand(ROWS, 1, generator=generator) for _ in range(2)]
        pair = [states(common, generator) for common in (one, other)]
        found.append(correlation_mismatch(pair[0], t[0], pair[1], t[1]))
    return torch.stack(found)


def test_nothing_is_found_between_samples_of_one_distribution(
    generator: torch.Generator,
) -> None:
    """Five standard errors: one false alarm in two million."""
    for common in (0.0, 0.6):
        found = estimates(common, common, generator)
        assert abs(found.mean()) < 5 * found.std() / DRAWS**0.5


def test_the_distance_is_that_of_the_matrices(generator: torch.Generator) -> None:
    many = torch.cat([states(0.6, generator) for _ in range(1000)])
    spins = 2 * many - 1
    matrix = spins.T @ spins / len(spins)
    expected = (matrix.fill_diagonal_(0) ** 2).sum() / 4
    found = estimates(0.6, 0.0, generator)
    assert abs(found.mean() - expected) < 5 * found.std() / DRAWS**0.5
    assert found.mean() > 10 * found.std() / DRAWS**0.5


def test_only_states_of_similar_conditions_are_compared(generator: torch.Generator) -> None:
    """Correlations whose sign follows t cancel over all t, not at each."""
    found = []
    for _ in range(DRAWS):
        t = torch.rand(ROWS, 1, generator=generator)
        other = torch.rand(ROWS, 1, generator=generator)
        chains = states(0.8, generator, torch.zeros(ROWS, 1))
        found.append(correlation_mismatch(states(0.8, generator, t), t, chains, other))
    within = torch.stack(found)
    assert within.mean() > 10 * within.std() / DRAWS**0.5


def test_a_step_along_the_gradient_takes_the_common_movement_away(
    generator: torch.Generator,
) -> None:
    t = torch.rand(ROWS, 1, generator=generator)
    relaxed = (0.5 + 0.3 * torch.randn(ROWS, 1, generator=generator)).expand(-1, N).clone()
    relaxed.requires_grad_()
    chains = states(0.0, generator)
    before = correlation_mismatch(relaxed, t, chains, t)
    before.backward()
    after = correlation_mismatch((relaxed - 0.05 * relaxed.grad).detach(), t, chains, t)
    assert after < 0.9 * before


def test_one_state_has_no_correlations() -> None:
    one, many = torch.ones(1, 4), torch.ones(4, 4)
    with pytest.raises(SamplerError, match="at least 2"):
        correlation_mismatch(one, one[:, :1], many, many[:, :1])
