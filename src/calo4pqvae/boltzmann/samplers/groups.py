"""Chains whose couplings differ: one request to the sampler for each set of couplings."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae._core.typing import Bits
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.boltzmann.samplers.base import Sampler

__all__ = ["sample_machine"]


@torch.no_grad()
def sample_machine(
    machine: BoltzmannMachine,
    sampler: Sampler,
    t: Float[Tensor, "chains 1"],
    clamped: Bool[Tensor, "chains clamped"],
    sweeps: int,
    start: Bits | None = None,
) -> Bits:
    """Run one chain of the machine for each condition.

    Arguments:
        machine: machine whose biases and couplings may depend on the condition.
        sampler: draws the chains.
        t: condition of each chain.
        clamped: state of the clamped partition of each chain.
        sweeps: number of sweeps.
        start: initial states; as the sampler chooses when absent.

    Returns:
        the last state of every chain, in the order of t.

    Raises:
        SamplerError: what the sampler refuses.

    Example:
        >>> machine = BoltzmannMachine(PartiteGraph.complete([0, 2, 2]), bias_order=1)
        >>> machine.bias[1] += 20.0  # all nodes down at t = 0, up at t = 1
        >>> sampler = choose_sampler(machine.graph, SharedNoise(seed=1))
        >>> t, nothing = torch.tensor([[0.0], [1.0]]), machine.graph.nothing_clamped(2)
        >>> sample_machine(machine, sampler, t, nothing, sweeps=3).int().tolist()
        [[0, 0, 0, 0], [1, 1, 1, 1]]
    """
    groups = machine.groups(t)
    if len(groups) == 1:
        return sampler.sample(machine.problem(t), clamped, sweeps, start)
    states = clamped.new_empty(len(t), machine.graph.n_nodes)
    for rows in groups:
        begin = None if start is None else start[rows]
        problem = machine.problem(t[rows])
        states[rows] = sampler.sample(problem, clamped[rows], sweeps, begin)
    return states
