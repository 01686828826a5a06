r"""Fit a machine against an annealer's own samples, so that what comes back has its moments.

What a chip does wrong in every programming moves means of bits and of their products. The
negative phase of maximum likelihood, taken from the chip, sees that: with the sufficient
statistics $\phi$, a round is $\theta \mathrel{+}= \eta\,F^{-1} (\langle\phi\rangle_c -
\langle\phi\rangle_a)$, c classical states of the machine as it was, a reads of what is
programmed now, and F the covariance of $\phi$ within conditions. The result holds for that
chip and day.
"""

import copy
from collections.abc import Callable
from dataclasses import replace

import torch

from calo4pqvae._core.rng import SharedNoise, derive_seed
from calo4pqvae.annealer.request import Request
from calo4pqvae.annealer.sampler import AnnealerSampler
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.boltzmann.natural_gradient import (
    information,
    parameters,
    set_parameters,
    statistics,
)
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine

__all__ = ["refit"]

ROUNDS, CONDITIONS, READS = 6, 64, 100
"""Access time of 6 s on system4, most of it to program 64 conditions in each round."""

RATE = 0.5
"""Share of a full step: what reads scatter by is averaged over rounds."""

_CLASSICAL = 256
"""Classical chains under each condition: their scatter is small beside that of the reads."""


@torch.no_grad()
def refit(
    sampler: AnnealerSampler,
    request: Request,
    *,
    sweeps: int,
    rounds: int = ROUNDS,
    conditions: int = CONDITIONS,
    reads: int = READS,
    seed: int = 0,
    on_round: Callable[[int], None] = lambda _: None,
) -> BoltzmannMachine:
    """Move a machine's constant fields and couplings until the chip's reads have its moments.

    Reads are submissions like all others: they count for the limit and are kept in the
    sampler's journal.

    Arguments:
        sampler: the annealer, its temperature set; shims and gauges as they are.
        request: chains of the job, of which conditions are taken, evenly over t.
        sweeps: sweeps that classical chains need.
        rounds: steps; the result is the mean over the second half.
        conditions: different conditions in each round.
        reads: reads under each condition.
        seed: seed of the classical chains.
        on_round: called with the number of each round before it.

    Returns:
        the machine to be programmed in the place of the request's.

    Raises:
        AnnealerError: the solver fails, or the limit has no room for it.
    """
    machine = copy.deepcopy(request.machine)
    t = machine.condition(request.t, len(request.clamped))
    place = torch.linspace(0, len(t) - 1, conditions, dtype=torch.float64).round().long()
    chosen = t[:, 0].argsort(stable=True)[place]

    def under(each: int) -> tuple[torch.Tensor, torch.Tensor]:
        rows = chosen.repeat_interleave(each)
        return t[rows], request.clamped[rows]

    classical = choose_sampler(machine.graph, SharedNoise(derive_seed(seed, 6)))
    many, codes = under(_CLASSICAL)
    bits = sample_machine(machine, classical, many, codes, sweeps)
    moved = _constant(machine)
    told = statistics(machine, bits, many)[:, moved]
    target = told.mean(dim=0)
    number = torch.arange(conditions).repeat_interleave(_CLASSICAL)
    factor = torch.linalg.cholesky(information(told, number))
    values, averaged = parameters(machine), []
    few, codes = under(reads)
    before = sampler.settings
    sampler.settings = replace(before, mode="shared", relax=0)
    try:
        for number in range(rounds):
            on_round(number)
            drawn = sample_machine(machine, sampler, few, codes, 0)
            gap = target - statistics(machine, drawn, few)[:, moved].mean(dim=0)
            values = values.clone()
            values[moved] += RATE * torch.cholesky_solve(gap.double()[:, None], factor)[:, 0]
            set_parameters(machine, values)
            if 2 * (number + 1) > rounds:
                averaged.append(values)
    finally:
        sampler.settings = before
    if averaged:
        set_parameters(machine, torch.stack(averaged).mean(dim=0))
    return machine


def _constant(machine: BoltzmannMachine) -> torch.Tensor:
    """Choose fields of free nodes and used couplings between them that depend on nothing."""
    graph, n0 = machine.graph, machine.graph.sizes[0]
    bias = torch.zeros(machine.bias.shape, dtype=torch.bool)
    bias[0, n0:] = True
    parts = [bias.flatten(), graph.among_free & machine.used_edges]
    if machine.coupling_slope is not None:
        parts.append(torch.zeros(graph.n_edges, dtype=torch.bool))
    return torch.cat(parts)
