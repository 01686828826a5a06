"""Requests are checked in one place, with one sentence per mistake."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.base import Sampler, check_request
from calo4pqvae.boltzmann.samplers.block_gibbs import GibbsSampler
from calo4pqvae.boltzmann.samplers.exact import ExactSampler
from calo4pqvae.errors import SamplerError


@pytest.fixture
def problem():
    graph = FourPartiteGraph.complete((2, 1, 1, 1))
    return BoltzmannProblem(graph, torch.zeros(1, 5), torch.zeros(graph.n_edges))


@pytest.fixture
def clamped():
    return torch.zeros(3, 2, dtype=torch.bool)


def test_the_samplers_of_the_house_obey_the_protocol(problem):
    assert isinstance(ExactSampler(), Sampler)
    assert isinstance(GibbsSampler(problem.graph, SharedNoise(0)), Sampler)
    assert not isinstance(SharedNoise(0), Sampler)


def test_a_good_request_passes(problem, clamped):
    check_request(problem, clamped, 0)
    graph = FourPartiteGraph.complete((2, 1, 1, 1))
    check_request(problem, clamped, 3, torch.zeros(3, 5, dtype=torch.bool), graph)
    check_request(replace(problem, bias=torch.zeros(3, 5)), clamped, 0)


def test_values_that_became_infinite_after_construction_are_refused(problem, clamped):
    problem.coupling[2] = torch.nan
    with pytest.raises(SamplerError, match="1 values of the coupling are not finite"):
        check_request(problem, clamped, 1)


def test_states_that_are_not_bits_are_refused(problem, clamped):
    with pytest.raises(SamplerError, match="tensors of type bool"):
        check_request(problem, clamped.float(), 1)
    with pytest.raises(SamplerError, match="tensors of type bool"):
        check_request(problem, clamped, 1, torch.zeros(3, 5))


def test_tensors_on_several_devices_are_refused(problem, clamped):
    with pytest.raises(SamplerError, match="on several devices: cpu, meta"):
        check_request(problem, clamped.to("meta"), 1)


@pytest.mark.parametrize("shape", [(3, 6), (2, 5)])
def test_a_start_of_another_shape_is_refused(problem, clamped, shape):
    with pytest.raises(SamplerError, match="do not fit 3 chains of 5 nodes"):
        check_request(problem, clamped, 1, torch.zeros(shape, dtype=torch.bool))


def test_a_problem_without_a_free_node_is_refused(clamped):
    graph = FourPartiteGraph.complete((2, 0, 0, 0))
    closed = BoltzmannProblem(graph, torch.zeros(1, 2), torch.zeros(0))
    with pytest.raises(SamplerError, match="all 2 nodes are clamped"):
        check_request(closed, clamped, 1)


def test_a_bare_seed_in_the_place_of_noise_is_told_what_to_give() -> None:
    """In a process of its own, where no checker of types speaks first."""
    code = """
from calo4pqvae.boltzmann.samplers.block_gibbs import GibbsSampler
from calo4pqvae.boltzmann.samplers.cpu.compiled import CompiledGibbs
from calo4pqvae.errors import SamplerError
for kind in (GibbsSampler, CompiledGibbs):
    try:
        kind(None, 0)
    except SamplerError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    line = "a sampler takes its random numbers from SharedNoise(seed), not from 0"
    assert done.stdout.decode().splitlines() == [line, line]
