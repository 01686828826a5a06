"""Schedules: sharpness, weight of the regulariser, learning rate, freeze."""

from dataclasses import replace

import pytest

from calo4pqvae.config import TrainingConfig
from calo4pqvae.training.schedules import (
    is_frozen,
    kl_weight,
    learning_rate,
    prior_learning_rate,
    ramp,
    sharpness,
)

PAPER = TrainingConfig()


@pytest.mark.parametrize(
    ("epoch", "expected"), [(0, 1.0), (37.5, 25.75), (75, 50.5), (150, 100.0), (250, 100.0)]
)
def test_sharpness_rises_linearly_and_stays(epoch: float, expected: float) -> None:
    assert sharpness(PAPER, epoch) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("epoch", "expected"), [(0, 0.02), (50, 0.02), (72.5, 0.51), (95, 1.0), (149, 1.0)]
)
def test_weight_of_the_regulariser_ramps_between_two_epochs(
    epoch: float, expected: float
) -> None:
    config = replace(PAPER, kl_weight=(0.02, 1.0), kl_epochs=(50, 95))
    assert kl_weight(config, epoch) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("epoch", [0, 0.5, 3, 200])
def test_the_papers_regulariser_has_full_weight_from_the_start(epoch: float) -> None:
    assert kl_weight(PAPER, epoch) == 1.0


def test_a_ramp_may_fall() -> None:
    assert ramp(1, (4.0, 2.0), (0, 4)) == 3.5


def test_learning_rate_follows_half_a_cosine_until_the_freeze() -> None:
    config = replace(
        PAPER, learning_rate=3e-3, learning_rate_end=1e-3, epochs=100, freeze_epoch=80
    )
    steps = [0, 20, 40, 60, 80, 90]
    expected = [3e-3, 2e-3 + 1e-3 * 0.5**0.5, 2e-3, 2e-3 - 1e-3 * 0.5**0.5, 1e-3, 1e-3]
    assert [learning_rate(config, e) for e in steps] == pytest.approx(expected, rel=1e-12)


def test_learning_rate_ends_with_training_when_there_is_no_freeze() -> None:
    config = replace(
        PAPER, learning_rate=1e-3, learning_rate_end=0.0, epochs=10, freeze_epoch=99
    )
    assert learning_rate(config, 5) == pytest.approx(5e-4)
    assert learning_rate(config, 10) == pytest.approx(0.0, abs=1e-18)


def test_the_papers_learning_rate_is_constant() -> None:
    assert {learning_rate(PAPER, epoch) for epoch in (0, 17.3, 199, 249)} == {1e-4}


def test_the_priors_learning_rate_falls_through_the_freeze_to_the_last_epoch() -> None:
    config = replace(
        PAPER, prior_learning_rate=0.2, prior_learning_rate_end=0.1, epochs=8, freeze_epoch=4
    )
    rates = [prior_learning_rate(config, float(epoch)) for epoch in (0, 2, 4, 8)]
    assert rates == pytest.approx([0.2, 0.15 + 0.05 * 0.5**0.5, 0.15, 0.1], rel=1e-12)


@pytest.mark.parametrize(("epoch", "frozen"), [(0, False), (199, False), (200, True)])
def test_only_the_prior_learns_from_the_freeze_on(epoch: int, frozen: bool) -> None:
    assert is_frozen(PAPER, epoch) is frozen
