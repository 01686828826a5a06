"""Errors that most samplers would make if they made one: of all fields, or of all couplings.

A sampler whose temperature is wrong by a few per cent moves every frequency a little and none
much. The sums that such an error moves most are the parts of the energy itself.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from calo4pqvae.boltzmann.ising import to_ising
from calo4pqvae.boltzmann.samplers.exact import enumerate_states
from calo4pqvae.testing.machines import KnownMachine

__all__ = ["energy_deviations", "smallest_error"]

_POWER = 4.24
"""Smallest relative error of all fields that is refused in 99 of 100 runs, times the root of
the number of chains: 3 % of 20,011 chains, by `scripts/sampler_power.py`."""


def energy_deviations(
    machine: KnownMachine,
    free: Bool[Tensor, "chains free"],
    condition: Int[Tensor, " chains"],
    probability: Float[Tensor, "conditions states"],
) -> Float[np.ndarray, " three"]:
    """Measure how far mean energies are from the enumerated ones, in standard errors.

    Arguments:
        machine: the machine.
        free: free nodes of each chain.
        condition: number of the condition that each chain is under.
        probability: probability of each state under each condition.

    Returns:
        those of the whole energy, which moves with the temperature; of its part of the
        external fields; and of its part of the couplings.
    """
    states = enumerate_states(machine.graph.n_latents)
    n_conditions, n_states = probability.shape
    parts = _parts(machine, states).reshape(n_conditions, n_states, 3)
    mean = (probability[:, :, None] * parts).sum(dim=1)
    variance = (probability[:, :, None] * (parts - mean[:, None]) ** 2).sum(dim=1)
    places = 2 ** torch.arange(free.shape[1] - 1, -1, -1)
    excess = parts[condition, (free.long() * places).sum(dim=1)] - mean[condition]
    return (excess.sum(dim=0) / variance[condition].sum(dim=0).sqrt()).numpy()


def smallest_error(chains: int) -> float:
    """Tell the smallest relative error of all fields that is refused in 99 of 100 runs.

    Measured for a sampler that multiplies the local field of every node, so that its
    temperature is wrong; it falls with the root of the number of chains.
    """
    return _POWER / chains**0.5


def _parts(
    machine: KnownMachine, states: Bool[Tensor, "states free"]
) -> Float[Tensor, "rows three"]:
    """Energy, external part and coupling part of all states under all conditions."""
    n_conditions, n_states = len(machine.codes), len(states)
    condition = torch.arange(n_conditions).repeat_interleave(n_states)
    ising = to_ising(machine.problem(condition))
    bits = torch.cat([machine.codes[condition], states.repeat(n_conditions, 1)], dim=1)
    spins = 2 * bits.double() - 1
    i, j = machine.graph.edges
    external = (ising.field.double() * spins).sum(dim=1)
    coupled = (ising.coupling.double() * spins[:, i] * spins[:, j]).sum(dim=1)
    return torch.stack([external + coupled, external, coupled], dim=1)
