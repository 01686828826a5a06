"""Maximum likelihood on all data at once, by natural gradient and persistent chains."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.boltzmann.pseudo_likelihood import fit_pseudo_likelihood
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine

__all__ = ["REFRESH", "climb", "fit_likelihood", "information", "parameters", "set_parameters",
           "statistics"]  # fmt: skip

Statistics = Float[Tensor, "states statistics"]

RATE = 0.2
"""Share of a full step taken at a time: moments and curvature are those of finite samples."""

DAMPING = 5e-3
"""Added to each variance: that of a bit that is up once in 200 states; rarer ones move less."""

RIDGE = 1e-4
"""Pull of all parameters to zero, so that a bit that is never up keeps a finite bias."""

REFRESH = 10
"""Steps between two factorisations of the curvature, which cost more than the sweeps."""


@torch.no_grad()
def fit_likelihood(
    machine: BoltzmannMachine,
    bits: Bool[Tensor, "states nodes"],
    t: Float[Tensor, "states 1"] | None = None,
    *,
    steps: int,
    sweeps: int,
    seed: int,
    on_step: Callable[[int], None] = lambda _: None,
) -> None:
    r"""Fit a machine to bits: pseudo-likelihood first, then the likelihood by natural gradient.

    One chain stands under the condition of every state, starts there and persists (persistent
    contrastive divergence). With the sufficient statistics $\phi$, a step is
    $\theta \mathrel{+}= \eta\,(F + \lambda)^{-1} (\langle\phi\rangle_d -
    \langle\phi\rangle_m)$; F is the covariance of the chains' statistics inside intervals of
    the condition, renewed every ten steps. The result is the mean over the second half of the
    steps.

    Arguments:
        machine: machine to fit, in place.
        bits: states of all nodes.
        t: condition of each state; none for a machine that depends on none.
        steps: natural-gradient steps; 0 keeps the pseudo-likelihood's fit.
        sweeps: Gibbs sweeps between steps.
        seed: seed of the chains.
        on_step: called with the number of each natural-gradient step before it.

    Source: Amari, Neural Computation 10 (1998) 251; Tieleman, ICML 2008.

    Example:
        >>> machine = BoltzmannMachine(PartiteGraph.complete([0, 1, 1]))
        >>> bits = torch.tensor([[1, 1], [0, 0], [1, 1], [0, 0], [1, 0]]).bool().repeat(40, 1)
        >>> fit_likelihood(machine, bits, steps=20, sweeps=1, seed=1)
        >>> bool(machine.coupling > 2)  # equal bits are the rule
        True
    """
    t = machine.condition(t, len(bits))
    fit_pseudo_likelihood(machine, bits, t)
    if steps and machine.graph.n_edges:
        climb(machine, bits, t, steps=steps, sweeps=sweeps, seed=seed, on_step=on_step)


@torch.no_grad()
def climb(
    machine: BoltzmannMachine,
    bits: Bool[Tensor, "states nodes"],
    t: Float[Tensor, "states 1"],
    *,
    steps: int,
    sweeps: int,
    seed: int,
    ridge: float = RIDGE,
    moved: Bool[Tensor, " statistics"] | None = None,
    on_step: Callable[[int], None] = lambda _: None,
) -> None:
    """Take natural-gradient steps from where a machine is (`fit_likelihood`).

    Arguments:
        machine: machine to fit, in place.
        bits: states of all nodes.
        t: condition of each state.
        steps: natural-gradient steps.
        sweeps: Gibbs sweeps between steps.
        seed: seed of the chains.
        ridge: pull of all parameters to zero.
        moved: which parameters are fitted, in the order of `parameters`; all when None.
        on_step: called with the number of each step before it.
    """
    sampler = choose_sampler(machine.graph, SharedNoise(seed))
    clamped, chains = bits[:, : machine.graph.sizes[0]], bits
    values, averaged = parameters(machine), []
    some = slice(None) if moved is None else moved
    data = statistics(machine, bits, t)[:, some].mean(dim=0)
    factor = torch.empty(0)
    for step in range(steps):
        on_step(step)
        chains = sample_machine(machine, sampler, t, clamped, sweeps, chains)
        drawn = statistics(machine, chains, t)[:, some]
        if step % REFRESH == 0:
            factor = torch.linalg.cholesky(information(drawn, machine.coupling_bin(t)))
        gap = (data - drawn.mean(dim=0)).double()[:, None] - ridge * values[some, None]
        rate = RATE * min(1.0, 2 * (1 - step / steps))
        values = values.clone()
        values[some] += rate * torch.cholesky_solve(gap, factor)[:, 0]
        set_parameters(machine, values)
        if 2 * step >= steps:
            averaged.append(values)
    set_parameters(machine, torch.stack(averaged).mean(dim=0))


def statistics(
    machine: BoltzmannMachine, bits: Bool[Tensor, "states nodes"], t: Float[Tensor, "states 1"]
) -> Statistics:
    """Evaluate what multiplies each parameter in -E, in the order of `parameters`."""
    z, features = bits.to(machine.bias.dtype), machine.features(t)
    i, j = machine.graph.edges
    pairs = z[:, i] * z[:, j]
    parts = [(features[:, :, None] * z[:, None]).flatten(start_dim=1), pairs]
    if machine.coupling_slope is not None:
        parts.append(machine.coupling_feature(machine.coupling_bin(t))[:, None] * pairs)
    return torch.cat(parts, dim=1)


def parameters(machine: BoltzmannMachine) -> Float[Tensor, " statistics"]:
    """Line up biases, couplings and slopes in float64."""
    parts = [machine.bias.flatten(), machine.coupling]
    parts += [] if machine.coupling_slope is None else [machine.coupling_slope]
    return torch.cat(parts).double()


def set_parameters(machine: BoltzmannMachine, values: Float[Tensor, " statistics"]) -> None:
    """Put lined-up values back in their places."""
    sizes = [machine.bias.numel(), machine.graph.n_edges]
    bias, coupling, slope = values.tensor_split(torch.tensor(sizes).cumsum(0))
    machine.bias.copy_(bias.view_as(machine.bias))
    machine.coupling.copy_(coupling)
    if machine.coupling_slope is not None:
        machine.coupling_slope.copy_(slope)


def information(drawn: Statistics, number: Tensor) -> Float[Tensor, "statistics statistics"]:
    """Estimate the covariance of the statistics inside intervals of the condition, damped.

    Arguments:
        drawn: statistics of states.
        number: interval of the condition of each.
    """
    centred = drawn.clone()
    for k in number.unique().tolist():
        centred[number == k] -= drawn[number == k].mean(dim=0)
    matrix = (centred.T @ centred / len(drawn)).double()
    matrix.diagonal().add_(DAMPING)
    return matrix
