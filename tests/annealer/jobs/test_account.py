"""Times that are charged, and the limit that no submission exceeds."""

from types import SimpleNamespace

import pytest
from small_chip import BETA

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.annealer.sampler import AnnealerSampler, Settings
from calo4pqvae.errors import AnnealerError


def test_times_that_are_not_stated_are_estimated(problem, codes, make_annealer, sampler_of):
    """A solver that states no times, or only the total, does not work for nothing."""
    whole = make_annealer()
    for fields in ({}, {"qpu_access_time": 16_000.0}, {"qpu_programming_time": 8_000.0}):

        def sample(model, fields=fields, **given):
            answer = whole.sample(model, **given)
            answer.info["timing"] = fields
            return answer

        silent = SimpleNamespace(
            sample=sample,
            properties=whole.properties,
            nodelist=whole.nodelist,
            edgelist=whole.edgelist,
        )
        sampler = sampler_of(silent, problem.graph)
        sampler.sample(problem, codes(2, 20))
        wanted = 32_000.0 if "qpu_access_time" in fields else 2 * 8_000 + 20 * 85.6
        assert sampler.usage.time.total == pytest.approx(wanted)
        assert sampler.account.charged == pytest.approx(wanted)


def test_no_submission_exceeds_the_limit_when_a_solver_takes_longer(
    problem, codes, make_annealer
):
    """Answers cost twice what was estimated: after the first, no other is sent."""
    whole, sent = make_annealer(), []

    def sample(model, **given):
        sent.append(given["label"])
        answer = whole.sample(model, **given)
        answer.info["timing"] = {"qpu_access_time": 2 * (8_000 + 85.6 * 5)}
        return answer

    slow = SimpleNamespace(
        sample=sample,
        properties=whole.properties,
        nodelist=whole.nodelist,
        edgelist=whole.edgelist,
    )
    limit = 1e-6 * 4 * (8_000 + 85.6 * 5)
    settings = Settings(beta=BETA, limit_s=limit)
    sampler = AnnealerSampler(problem.graph, slow, SharedNoise(0), settings, window=1)
    with pytest.raises(AnnealerError, match="it was not sent"):
        sampler.sample(problem, codes(4, 20))
    assert len(sent) == 1
