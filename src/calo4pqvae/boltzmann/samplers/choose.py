"""Which Gibbs sampler runs: the fastest that fits the device, unless one is named."""

from typing import Literal

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.samplers.base import Sampler
from calo4pqvae.boltzmann.samplers.block_gibbs import GibbsSampler
from calo4pqvae.errors import MissingExtraError

__all__ = ["SamplerKind", "choose_sampler"]

SamplerKind = Literal["auto", "compiled", "cuda", "torch"]
"""``compiled`` is compiled code for the CPU, ``cuda`` a kernel for NVIDIA's GPUs that needs the
extra of that name; ``torch`` runs on any device."""


def choose_sampler(
    graph: PartiteGraph, noise: SharedNoise, kind: SamplerKind = "auto"
) -> Sampler:
    """Make a block Gibbs sampler on the device of the noise.

    Arguments:
        graph: nodes and couplers.
        noise: source of random numbers.
        kind: sampler to make; ``auto`` takes the compiled one on a CPU, and the kernel on a
            CUDA device if its extra is installed.

    Raises:
        MissingExtraError: the kernel is asked for and its extra is not installed.
        SamplerError: the sampler does not run on that device.
    """
    device = noise.generator.device.type
    if kind == "compiled" or (kind == "auto" and device == "cpu"):
        from calo4pqvae.boltzmann.samplers.cpu.compiled import CompiledGibbs

        return CompiledGibbs(graph, noise)
    if kind == "cuda" or (kind == "auto" and device == "cuda"):
        from calo4pqvae.boltzmann.samplers.cuda.sampler import CudaGibbs

        try:
            return CudaGibbs(graph, noise)
        except MissingExtraError:
            if kind == "cuda":
                raise
    return GibbsSampler(graph, noise)
