"""How probable a machine finds given states: ln Z(u) and likelihood between two bounds."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae.boltzmann.log_z.annealed import forward_log_z, matched_base, reverse_log_z
from calo4pqvae.boltzmann.log_z.normaliser import LogZEstimate, conditional_log_likelihood
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.base import Sampler
from calo4pqvae.errors import SamplerError

__all__ = [
    "EachBound",
    "LikelihoodBounds",
    "LogZBounds",
    "each_log_likelihood",
    "log_z_bounds",
    "mean_log_likelihood",
]


@dataclass(frozen=True, eq=False)
class LogZBounds:
    """Stochastic bounds of ln Z(u): below and above it in expectation [nats]."""

    lower: LogZEstimate
    upper: LogZEstimate


@dataclass(frozen=True)
class LikelihoodBounds:
    """Stochastic bounds of the mean of ln p(x | u) over states, with errors [nats].

    The errors contain the spread of the states and the errors of ln Z(u).
    """

    lower: float
    lower_error: float
    upper: float
    upper_error: float
    n_states: int


class EachBound(NamedTuple):
    """A stochastic bound of ln p(x | u) for each state [nats].

    Attributes:
        value: the bound.
        shared_error: error of the mean over states that comes from ln Z(u).
    """

    value: Float[Tensor, " states"]
    shared_error: float


@torch.no_grad()
def log_z_bounds(
    problem: BoltzmannProblem,
    clamped: Bool[Tensor, "conditions clamped"],
    sampler: Sampler,
    schedule: Float[Tensor, " steps"],
    *,
    chains: int = 64,
    sweeps: int = 1,
    burn_in: int = 1000,
) -> LogZBounds:
    """Bound ln Z(u) from below and above, with a base matched to equilibrated chains.

    Chains of `burn_in` sweeps choose the base; after as many sweeps again they are annealed
    back to it. The upper bound is as good as their equilibrium: compare it for two values of
    `burn_in`.

    Arguments:
        problem: biases (one row, or one per condition) and couplings.
        clamped: states u of the clamped partition.
        sampler: draws the chains; a sweep must leave the distribution invariant.
        schedule: inverse temperatures, rising from 0 to 1.
        chains: independent chains per condition.
        sweeps: sweeps at each temperature.
        burn_in: sweeps after which chains count as equilibrated.

    Raises:
        SamplerError: as for `boltzmann.log_z.annealed.forward_log_z`.

    Example:
        >>> graph = zephyr(6).unclamped()
        >>> problem = BoltzmannProblem(graph, torch.zeros(1, 24), torch.ones(graph.n_edges))
        >>> sampler = CompiledGibbs(graph, SharedNoise(seed=1))
        >>> bounds = log_z_bounds(problem, graph.nothing_clamped(1), sampler, even_schedule())
        >>> bool((bounds.upper.value - bounds.lower.value).abs() < 0.2)
        True
    """
    if chains < 2:
        raise SamplerError(f"an error needs at least 2 chains per condition, not {chains}")
    shape = (len(clamped), chains, problem.graph.n_nodes)
    rows = clamped.repeat_interleave(chains, dim=0)
    repeated = problem.repeat(chains)
    pilot = sampler.sample(repeated, rows, burn_in)
    base = matched_base(pilot.reshape(shape), problem.graph.sizes[0])
    lower = forward_log_z(
        problem, clamped, sampler, schedule, chains=chains, sweeps=sweeps, base=base
    )
    samples = sampler.sample(repeated, rows, burn_in, pilot).reshape(shape)
    upper = reverse_log_z(problem, samples, sampler, schedule, sweeps=sweeps, base=base)
    return LogZBounds(lower, upper)


@torch.no_grad()
def mean_log_likelihood(
    machine: BoltzmannMachine,
    bits: Bool[Tensor, "states nodes"],
    t: Float[Tensor, "states 1"] | None,
    sampler: Sampler,
    schedule: Float[Tensor, " steps"],
    *,
    chains: int = 64,
    sweeps: int = 1,
    burn_in: int = 1000,
) -> LikelihoodBounds:
    """Bound the mean log-likelihood of states given their clamped nodes and conditions.

    ln Z(u) is estimated once per distinct clamped state and condition; all chains of one value
    of the couplings are held at once.

    Arguments:
        machine: the Boltzmann machine.
        bits: states of all nodes, the clamped ones first.
        t: condition of each state; None for a machine that depends on none.
        sampler: draws the chains; a sweep must leave the distribution invariant.
        schedule: inverse temperatures, rising from 0 to 1.
        chains: independent chains per clamped state and condition.
        sweeps: sweeps at each temperature.
        burn_in: sweeps after which chains count as equilibrated.

    Raises:
        SamplerError: fewer than 2 states, or as for `boltzmann.log_z.annealed.forward_log_z`.

    Example:
        >>> machine = BoltzmannMachine(zephyr(6).unclamped())  # no parameters: 24 coins
        >>> bits = torch.zeros(2, 24, dtype=torch.bool)
        >>> sampler = choose_sampler(machine.graph, SharedNoise(seed=1))
        >>> found = mean_log_likelihood(machine, bits, None, sampler, even_schedule(50))
        >>> abs(found.lower / math.log(2) + 24) < 0.1
        True
    """
    n = len(bits)
    if n < 2:
        raise SamplerError(f"an error needs at least 2 states, not {n}")
    below, above = each_log_likelihood(
        machine, bits, t, sampler, schedule, chains=chains, sweeps=sweeps, burn_in=burn_in
    )
    results = []
    for side in (below, above):
        squares = side.value.var() / n + side.shared_error**2
        results += [float(side.value.mean()), math.sqrt(squares)]
    return LikelihoodBounds(*results, n_states=n)


@torch.no_grad()
def each_log_likelihood(
    machine: BoltzmannMachine,
    bits: Bool[Tensor, "states nodes"],
    t: Float[Tensor, "states 1"] | None,
    sampler: Sampler,
    schedule: Float[Tensor, " steps"],
    *,
    chains: int = 64,
    sweeps: int = 1,
    burn_in: int = 1000,
) -> tuple[EachBound, EachBound]:
    """Bound the log-likelihood of each state from below and from above.

    Two machines on the same bits are best compared by their differences, state by state.
    Arguments and errors are those of `mean_log_likelihood`.

    Example:
        >>> machine = BoltzmannMachine(zephyr(6).unclamped())
        >>> machine.bias[0] += 3.0  # independent bits: each is up with probability 0.953
        >>> bits = torch.tensor([[True] * 24, [False] * 24])
        >>> sampler = choose_sampler(machine.graph, SharedNoise(seed=1))
        >>> low, _ = each_log_likelihood(machine, bits, None, sampler, even_schedule(50))
        >>> low.value.round()
        tensor([ -1., -73.], dtype=torch.float64)
    """
    n0, t = machine.graph.sizes[0], machine.condition(t, len(bits))
    keys = torch.cat([t, bits[:, :n0].to(t.dtype)], dim=1)
    values = torch.zeros(2, len(bits), dtype=torch.float64, device=bits.device)
    squares = [0.0, 0.0]
    for rows in machine.groups(t):
        conditions, number = keys[rows].unique(dim=0, return_inverse=True)
        problem, clamped = machine.problem(conditions[:, :1]), conditions[:, 1:] > 0.5
        bounds = log_z_bounds(
            problem, clamped, sampler, schedule, chains=chains, sweeps=sweeps, burn_in=burn_in
        )
        own, share = machine.problem(t[rows]), torch.bincount(number) / len(bits)
        for side, log_z in enumerate((bounds.upper, bounds.lower)):
            each = conditional_log_likelihood(own, bits[rows], log_z.value[number])
            values[side, rows] = each
            squares[side] += float(((share * log_z.error) ** 2).sum())
    low, high = (EachBound(v, math.sqrt(e)) for v, e in zip(values, squares, strict=True))
    return low, high
