"""The samplers by the names that settings and commands know. A new one is one line here."""

__all__ = ["SAMPLERS"]

SAMPLERS = {
    "compiled": "calo4pqvae.boltzmann.samplers.cpu.compiled:CompiledGibbs",
    "cuda": "calo4pqvae.boltzmann.samplers.cuda.sampler:CudaGibbs",
    "torch": "calo4pqvae.boltzmann.samplers.block_gibbs:GibbsSampler",
}
"""Module and maker of each, imported when it is chosen; a maker takes a graph and the noise.

``compiled`` is compiled code for the CPU, ``cuda`` a kernel for NVIDIA's GPUs that needs the
extra of that name; ``torch`` runs on any device.
"""
