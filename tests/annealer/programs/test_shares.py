"""Chains are shared out among programmings, reads and copies of the model."""

import numpy as np
import pytest
import torch
from small_chip import couplings

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.annealer.calibration.checkup import compare_marginals
from calo4pqvae.annealer.programs.shares import equal_chains, share_out
from calo4pqvae.boltzmann.samplers.cpu.compiled import CompiledGibbs
from calo4pqvae.boltzmann.samplers.exact import enumerate_states


def test_single_mode_programs_each_chain(problem, codes, make_annealer, sampler_of):
    sampler = sampler_of(make_annealer(), problem.graph, mode="single")
    plan = sampler.plan(problem, codes(2, 10))
    sampler.sample(problem, codes(2, 10))
    usage = sampler.usage
    assert plan.programmings == usage.programmings == plan.reads == usage.reads == 10
    assert plan.time.total == pytest.approx(usage.time.total)


def test_plans_are_what_is_used(problem, codes, make_annealer, sampler_of):
    sampler = sampler_of(make_annealer(), problem.graph, most_reads=7, gauges=2)
    plan = sampler.plan(problem, codes(3, 60))
    sampler.sample(problem, codes(3, 60))
    assert plan.programmings == sampler.usage.programmings == 9
    assert plan.time.total == pytest.approx(sampler.usage.time.total)


def test_small_models_lie_side_by_side(chip, make_annealer, sampler_of):
    """Two conditions share a programming, and states stay those of their own condition."""
    graph = chip.lay_out(4)
    problem = couplings(graph, 0.5)
    clamped = enumerate_states(4)[[3, 12]].repeat(1500, 1)
    sampler = sampler_of(make_annealer(), graph, copies=None)
    copies = sampler.placement.copies
    assert copies >= 2
    states = sampler.sample(problem, clamped)
    assert sampler.usage.reads < 2 * 3000 / copies
    want = CompiledGibbs(graph, SharedNoise(1)).sample(problem, clamped, 100)
    for k in range(2):
        assert compare_marginals(states[k::2], want[k::2])[1] > 1e-5


def test_chains_are_shared_out_once_each():
    rng = np.random.default_rng(0)
    groups = [np.arange(k, k + n) for k, n in zip([0, 50, 57, 60], [50, 7, 3, 1], strict=True)]
    for copies, most, gauges in rng.integers(1, 9, (50, 3)).tolist():
        shares = share_out(groups, copies=copies, most=most, gauges=gauges)
        served = np.concatenate([c for share in shares for c in share.chains])
        assert sorted(served) == list(range(61))
        assert max(share.reads for share in shares) <= most
        assert max(len(share.chains) for share in shares) <= copies


def test_equal_chains_are_found():
    bias = torch.tensor([[0.0], [1.0], [0.0], [0.0]])
    clamped = torch.tensor([[True], [True], [True], [False]])
    assert [g.tolist() for g in equal_chains(bias, clamped)] == [[0, 2], [1], [3]]
    assert [g.tolist() for g in equal_chains(bias[:1], clamped)] == [[0, 1, 2], [3]]
