"""Which sampler runs where."""

import sys
from types import SimpleNamespace

import pytest
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.lattices import zephyr
from calo4pqvae.boltzmann.samplers import block_gibbs
from calo4pqvae.boltzmann.samplers.block_gibbs import GibbsSampler
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.cpu.compiled import CompiledGibbs
from calo4pqvae.boltzmann.samplers.cuda import sampler as cuda
from calo4pqvae.boltzmann.samplers.cuda.sampler import CudaGibbs
from calo4pqvae.errors import MissingExtraError, SamplerError


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("auto", CompiledGibbs), ("compiled", CompiledGibbs), ("torch", GibbsSampler)],
)
def test_the_compiled_sampler_is_the_choice_on_a_cpu(kind, wanted):
    assert isinstance(choose_sampler(zephyr(3), SharedNoise(0), kind), wanted)


@pytest.fixture
def cuda_noise(monkeypatch):
    """Noise that says to be a CUDA device's; its numbers are the CPU's."""
    noise = SharedNoise(0)
    elsewhere = SimpleNamespace(device=torch.device("cuda"))
    monkeypatch.setattr(noise, "generator", elsewhere)
    return noise


class NoKernels:
    """Stands for the kernels of a GPU that is not there."""

    shared_bytes = 1 << 16

    def __init__(self, device):  # noqa: ARG002
        self.device = torch.device("cpu")


def test_compiled_code_for_the_cpu_is_refused_elsewhere(cuda_noise):
    with pytest.raises(SamplerError, match="runs on the CPU only"):
        choose_sampler(zephyr(3), cuda_noise, "compiled")


def test_the_kernel_for_cuda_is_refused_elsewhere():
    with pytest.raises(SamplerError, match="runs on a CUDA device only"):
        choose_sampler(zephyr(3), SharedNoise(0), "cuda")


@pytest.mark.parametrize("kind", ["auto", "cuda"])
def test_the_kernel_is_the_choice_on_cuda(cuda_noise, monkeypatch, kind):
    monkeypatch.setattr(cuda, "CupyKernels", NoKernels)
    assert isinstance(choose_sampler(zephyr(3), cuda_noise, kind), CudaGibbs)


def test_without_its_extra_torch_takes_the_place_of_the_kernel(cuda_noise, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    on_cpu = lambda graph, _: GibbsSampler(graph, SharedNoise(0))  # noqa: E731
    monkeypatch.setattr(block_gibbs, "GibbsSampler", on_cpu)
    assert isinstance(choose_sampler(zephyr(3), cuda_noise), GibbsSampler)
    with pytest.raises(MissingExtraError, match=r"calo4pqvae\[cuda\]"):
        choose_sampler(zephyr(3), cuda_noise, "cuda")


def test_an_unknown_sampler_is_refused_with_the_names_of_the_known_ones():
    with pytest.raises(SamplerError, match="no sampler 'gpu'; name compiled, cuda, torch or"):
        choose_sampler(zephyr(3), SharedNoise(0), "gpu")
