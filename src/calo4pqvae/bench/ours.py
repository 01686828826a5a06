"""The samplers of this package as they take part in the comparison."""

from collections.abc import Callable

import torch
from torch import Tensor

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.bench.contender import Draw, Prepare, Task
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.base import Sampler
from calo4pqvae.boltzmann.samplers.block_gibbs import GibbsSampler
from calo4pqvae.boltzmann.samplers.cpu.compiled import CompiledGibbs
from calo4pqvae.boltzmann.samplers.cuda.sampler import CudaGibbs

__all__ = ["compiled", "cuda_kernel", "torch_sparse"]


def compiled(task: Task) -> Prepare:
    """The compiled kernel for CPUs."""
    graph = task.lattice.whole.graph
    return _prepare(task, lambda noise: CompiledGibbs(graph, noise, task.threads))


def torch_sparse(task: Task) -> Prepare:
    """The sampler in torch, with sparse matrices."""
    return _prepare(task, lambda noise: GibbsSampler(task.lattice.whole.graph, noise))


def cuda_kernel(task: Task) -> Prepare:
    """The kernel for CUDA."""
    return _prepare(task, lambda noise: CudaGibbs(task.lattice.whole.graph, noise))


def _prepare(task: Task, make: Callable[[SharedNoise], Sampler]) -> Prepare:
    whole, device = task.lattice.whole, torch.device(task.device)
    problem = BoltzmannProblem(whole.graph, whole.bias.to(device), whole.coupling.to(device))
    codes = task.lattice.codes(task.chains).to(device)

    def prepare(seed: int) -> Draw:
        sampler = make(SharedNoise(seed, device))

        def draw() -> Tensor:
            return sampler.sample(problem, codes, task.sweeps)[:, codes.shape[1] :].cpu()

        return draw

    return prepare
