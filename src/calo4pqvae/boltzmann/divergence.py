r"""How far one machine is from another: $\mathrm{KL}(p \| q)$ over conditions, in nats.

$\mathrm{KL}(p\|q) = \langle E_q - E_p \rangle_p + \ln Z_q - \ln Z_p$; the ratio of the two
normalisers follows from states of both (Bennett's acceptance ratio), condition by condition.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae._core.rng import SharedNoise, derive_seed
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine

__all__ = ["Divergence", "divergence", "log_ratio"]

_BLOCKS = 8
"""Parts of the chains whose scatter is the error: enough to know it to a quarter."""

_BISECTIONS = 60
"""The interval of the logarithm shrinks by 2^60: to rounding."""


class Divergence(NamedTuple):
    """Mean divergence over conditions, and its standard error [nats]."""

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:.3g} +- {self.error:.1g} nats"


def log_ratio(forward: Float[Tensor, " n"], backward: Float[Tensor, " m"]) -> float:
    r"""Find $\ln(Z_q / Z_p)$ from energy differences $E_q - E_p$ of states of p and of q.

    Source: Bennett, J. Comput. Phys. 22 (1976) 245.

    Example:
        >>> round(log_ratio(torch.full((9,), 2.0), torch.full((9,), 2.0)), 6)
        -2.0
    """
    prior = float(torch.tensor(len(forward) / len(backward)).log())

    def excess(c: float) -> float:
        up = torch.sigmoid(-(forward + c + prior)).sum()
        return float(up - torch.sigmoid(backward + c + prior).sum())

    both = torch.cat([forward, backward])
    low, high = -float(both.max()) - 50, -float(both.min()) + 50
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return (low + high) / 2


@torch.no_grad()
def divergence(
    p: BoltzmannMachine,
    q: BoltzmannMachine,
    t: Float[Tensor, "conditions 1"],
    clamped: Bool[Tensor, "conditions clamped"],
    *,
    sweeps: int,
    chains: int = 512,
    seed: int = 0,
) -> Divergence:
    """Estimate how many nats states of p lose when q describes them, averaged over conditions.

    Arguments:
        p: machine whose states are described.
        q: machine that describes them, of the same nodes in the same order.
        t: conditions.
        clamped: state of the clamped partition under each of them.
        sweeps: Gibbs sweeps from random bits that chains need.
        chains: states of each machine under each condition.
        seed: seed of the chains.

    Example:
        >>> p = BoltzmannMachine(PartiteGraph.complete([0, 2, 2]))
        >>> q = BoltzmannMachine(p.graph)
        >>> p.bias += 1.0  # four independent bits: 4 ln 2 less the entropy of p
        >>> nothing = p.graph.nothing_clamped(1)
        >>> found = divergence(p, q, torch.zeros(1, 1), nothing, sweeps=5, chains=4000)
        >>> abs(found.value - 0.4436) < 0.05
        True
    """
    rows = torch.arange(len(t)).repeat_interleave(chains)
    states = []
    for number, machine in enumerate((p, q)):
        sampler = choose_sampler(machine.graph, SharedNoise(derive_seed(seed, number)))
        states.append(sample_machine(machine, sampler, t[rows], clamped[rows], sweeps))
    up, down = (
        (q.energy(z.float(), t[rows]) - p.energy(z.float(), t[rows])).double().view(-1, chains)
        for z in states
    )
    parts = [
        _mean(a, b)
        for a, b in zip(up.chunk(_BLOCKS, dim=1), down.chunk(_BLOCKS, dim=1), strict=True)
    ]
    scatter = torch.tensor(parts).std() / len(parts) ** 0.5
    return Divergence(_mean(up, down), float(scatter))


def _mean(up: Float[Tensor, "conditions n"], down: Float[Tensor, "conditions n"]) -> float:
    """Average the divergence over conditions."""
    each = [float(a.mean()) + log_ratio(a, b) for a, b in zip(up, down, strict=True)]
    return sum(each) / len(each)
