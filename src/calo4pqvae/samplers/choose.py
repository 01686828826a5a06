"""Which Gibbs sampler runs: the fastest that fits the device, unless one is named."""

from typing import Literal

from calo4pqvae.prior.graph import FourPartiteGraph
from calo4pqvae.random import SharedNoise
from calo4pqvae.samplers.base import Sampler
from calo4pqvae.samplers.gibbs import GibbsSampler

__all__ = ["SamplerKind", "choose_sampler"]

SamplerKind = Literal["auto", "compiled", "torch"]
"""``compiled`` is compiled code for the CPU, ``torch`` runs on any device."""


def choose_sampler(
    graph: FourPartiteGraph, noise: SharedNoise, kind: SamplerKind = "auto"
) -> Sampler:
    """Make a block Gibbs sampler on the device of the noise.

    Arguments:
        graph: nodes and couplers.
        noise: source of random numbers.
        kind: sampler to make; ``auto`` takes the compiled one on a CPU.

    Raises:
        SamplerError: the sampler does not run on that device.
    """
    on_cpu = noise.generator.device.type == "cpu"
    if kind == "compiled" or (kind == "auto" and on_cpu):
        from calo4pqvae.samplers.compiled import CompiledGibbs

        return CompiledGibbs(graph, noise)
    return GibbsSampler(graph, noise)
