"""Chains without a start begin with fair bits: after 0 sweeps and 1 they are exact.

After many sweeps a start is forgotten, so that no other test sees a biased one.
"""

import numpy as np
import pytest
import torch
from torch import Tensor

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.block_gibbs import GibbsSampler
from calo4pqvae.boltzmann.samplers.cpu.compiled import CompiledGibbs
from calo4pqvae.boltzmann.samplers.exact import enumerate_states
from calo4pqvae.testing.machines import KnownMachine, known_machines
from calo4pqvae.testing.statistics import states_p_value

CHAINS = 20_011
FALSE_ALARM = 1e-6
"""Each of eight comparisons raises a false alarm for fewer than one seed in 1e5 (see
`calo4pqvae.testing.statistics` on the far tails)."""

STRONG = known_machines()[3]
"""Couplings of 2.5: one sweep remembers its start well."""


def after_one_sweep(machine: KnownMachine, start: Tensor) -> Tensor:
    """The distribution of the free nodes a sweep after that of the start, a row per code."""
    graph = machine.graph
    n0 = graph.sizes[0]
    states = enumerate_states(graph.n_latents)
    rows = []
    for code in machine.codes:
        distribution = start
        bits = torch.cat([code.repeat(len(states), 1), states], dim=1)
        problem = BoltzmannProblem(graph, machine.bias, machine.coupling)
        weight = torch.exp(-problem.energy(bits).double())
        for partition in graph.partitions[1:]:
            moved = torch.zeros(graph.n_latents, dtype=torch.bool)
            moved[partition.start - n0 : partition.stop - n0] = True
            same = (states[:, None, ~moved] == states[None][:, :, ~moved]).all(dim=2)
            step = same * weight[None]
            distribution = distribution @ (step / step.sum(dim=1, keepdim=True))
        rows.append(distribution)
    return torch.stack(rows)


def p_values(sampler, machine: KnownMachine) -> list[float]:
    """Those of the states after 0 sweeps and after 1."""
    condition = machine.conditions(CHAINS)
    n0, n = machine.graph.sizes[0], machine.graph.n_latents
    fair = torch.full((2**n,), 0.5**n, dtype=torch.float64)
    distributions = (fair.repeat(len(machine.codes), 1), after_one_sweep(machine, fair))
    found = []
    for sweeps, distribution in enumerate(distributions):
        states = sampler.sample(machine.problem(condition), machine.clamped(condition), sweeps)
        found.append(states_p_value(states[:, n0:], condition, distribution))
    return found


@pytest.mark.parametrize("kind", [GibbsSampler, CompiledGibbs])
@pytest.mark.parametrize("machine", [STRONG, known_machines()[2]], ids=lambda m: m.name)
def test_chains_start_from_fair_bits(kind, machine: KnownMachine) -> None:
    assert min(p_values(kind(machine.graph, SharedNoise(1)), machine)) > FALSE_ALARM


def test_a_start_that_is_not_fair_is_seen_after_each() -> None:
    class Biased(GibbsSampler):
        def sample(self, problem, clamped, sweeps, start=None):
            start = self.noise.uniform(len(clamped), self.graph.n_nodes) < 0.55
            return super().sample(problem, clamped, sweeps, start)

    biased = Biased(STRONG.graph, SharedNoise(1))
    assert max(p_values(biased, STRONG)) < FALSE_ALARM


def test_the_enumerated_sweep_keeps_the_distribution_of_the_machine() -> None:
    distribution = STRONG.probabilities()
    kept = torch.stack([after_one_sweep(STRONG, row)[c] for c, row in enumerate(distribution)])
    np.testing.assert_allclose(
        kept, distribution, atol=1e-6
    )  # energies are in single precision
