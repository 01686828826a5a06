"""Every sampler of the house passes the suite that users run on theirs."""

import pytest
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.samplers.block_gibbs import GibbsSampler
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.exact import ExactSampler
from calo4pqvae.boltzmann.samplers.registry import SAMPLERS
from calo4pqvae.testing import conformance_cases


def named(name):
    return lambda graph, seed: choose_sampler(graph, SharedNoise(seed), name)


MAKERS = {name: named(name) for name in SAMPLERS if name != "cuda"} | {
    "exact": lambda graph, seed: ExactSampler(SharedNoise(seed)),  # noqa: ARG005
}
ON_CUDA = {
    "gibbs": lambda graph, seed: GibbsSampler(graph, SharedNoise(seed, "cuda")),
    "exact": lambda graph, seed: ExactSampler(SharedNoise(seed, "cuda")),  # noqa: ARG005
}


@pytest.mark.parametrize("case", conformance_cases(), ids=str)
@pytest.mark.parametrize("sampler", MAKERS)
def test_samplers_conform(sampler, case):
    case(MAKERS[sampler], exact_sweeps=100)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("case", conformance_cases(), ids=str)
@pytest.mark.parametrize("sampler", ON_CUDA)
def test_samplers_conform_on_cuda(sampler, case):
    case(ON_CUDA[sampler], exact_sweeps=100, device="cuda")
