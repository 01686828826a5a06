"""The two statistical promises: the right distribution, and independent chains.

Each function takes a `Subject` and returns what it found in a few words, or raises
`ConformanceError`.
"""

import torch
from torch import Tensor

from calo4pqvae.boltzmann.samplers.base import Sampler
from calo4pqvae.boltzmann.samplers.exact import enumerate_states
from calo4pqvae.testing.directions import energy_deviations
from calo4pqvae.testing.machines import KnownMachine, balanced_machine
from calo4pqvae.testing.statistics import (
    deviation_p_value,
    frequency_deviations,
    lag_deviations,
    states_p_value,
)
from calo4pqvae.testing.subject import Subject, require

__all__ = ["FALSE_ALARM", "check_distribution", "check_independence"]

FALSE_ALARM = 1e-6
"""P-value below which a check refuses. Allowing ten for the far tails, a right sampler meets
that for less than one seed in a hundred thousand."""


def check_distribution(subject: Subject, machine: KnownMachine) -> str:
    """Draw the last states of independent chains from p(free | clamped).

    The states are compared by chi-square; the frequencies of nodes and of joined pairs of
    nodes, and the mean energies, in standard errors. All chains start with their free nodes up.
    """
    n0 = machine.graph.sizes[0]
    condition = machine.conditions(subject.chains)
    start = torch.ones(subject.chains, machine.graph.n_nodes, dtype=torch.bool)
    free = subject.draw(machine, condition, subject.sweeps, start)[:, n0:]
    probability = machine.probabilities()
    states = enumerate_states(machine.graph.n_latents)
    i, j = machine.graph.edges[:, machine.graph.edges[0] >= n0] - n0

    def events(bits: Tensor) -> Tensor:
        return torch.cat([bits, bits[:, i] & bits[:, j]], dim=1)

    expected = (probability @ events(states).double())[condition]
    deviations = frequency_deviations(events(free), expected)
    p_values = (
        states_p_value(free, condition, probability),
        deviation_p_value(deviations),
        deviation_p_value(energy_deviations(machine, free, condition, probability)),
    )
    p_value = min(1.0, len(p_values) * min(p_values))
    require(
        p_value >= FALSE_ALARM,
        f"states of {subject.chains} chains after {subject.sweeps} sweeps do not follow the "
        f"enumerated distribution (p = {p_value:.1e})",
    )
    return f"p = {p_value:.2g}"


def check_independence(subject: Subject) -> str:
    """Share no random numbers between chains, successive calls, or neighbouring seeds.

    Chains of one distribution are correlated with the chains at every distance.
    """
    machine = balanced_machine()
    n0 = machine.graph.sizes[0]
    condition = machine.conditions(subject.chains)
    mean = machine.probabilities() @ enumerate_states(machine.graph.n_latents).double()

    def draw(sampler: Sampler) -> Tensor:
        states = subject.call(sampler, machine, condition, subject.sweeps)
        return (states[:, n0:].double() - mean) / (mean * (1 - mean)).sqrt()

    sampler = subject.make(machine.graph, 0)
    first, second, other = draw(sampler), draw(sampler), draw(subject.make(machine.graph, 1))
    pairs = {
        "chains of one call": lag_deviations(first),
        "chains of two calls": lag_deviations(first, second),
        "chains of two seeds": lag_deviations(first, other),
    }
    p_values = {name: deviation_p_value(lags) for name, lags in pairs.items()}
    worst = min(p_values, key=lambda name: p_values[name])
    p_value = min(1.0, len(pairs) * p_values[worst])
    require(p_value >= FALSE_ALARM, f"{worst} are correlated (p = {p_value:.1e})")
    return f"p = {p_value:.2g}"
