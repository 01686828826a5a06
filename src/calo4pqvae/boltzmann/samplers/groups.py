"""Chains whose couplings differ: one request to the sampler for each set of couplings."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae._core.typing import Bits
from calo4pqvae.boltzmann.machine import BoltzmannPrior
from calo4pqvae.boltzmann.samplers.base import Sampler

__all__ = ["sample_prior"]


@torch.no_grad()
def sample_prior(
    prior: BoltzmannPrior,
    sampler: Sampler,
    t: Float[Tensor, "chains 1"],
    clamped: Bool[Tensor, "chains clamped"],
    sweeps: int,
    start: Bits | None = None,
) -> Bits:
    """Run one chain of the prior for each scaled incident energy.

    Arguments:
        prior: machine whose couplings may depend on the energy.
        sampler: draws the chains.
        t: scaled incident energy of each chain.
        clamped: state of the conditioning partition of each chain.
        sweeps: number of sweeps.
        start: initial states; as the sampler chooses when absent.

    Returns:
        the last state of every chain, in the order of t.

    Raises:
        SamplerError: what the sampler refuses.
    """
    groups = prior.groups(t)
    if len(groups) == 1:
        return sampler.sample(prior.problem(t), clamped, sweeps, start)
    states = clamped.new_empty(len(t), prior.graph.n_nodes)
    for rows in groups:
        begin = None if start is None else start[rows]
        problem = prior.problem(t[rows])
        states[rows] = sampler.sample(problem, clamped[rows], sweeps, begin)
    return states
