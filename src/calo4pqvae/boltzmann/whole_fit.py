"""The prior fitted to all training showers at once, its chains never started anew."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.machine import BoltzmannPrior
from calo4pqvae.boltzmann.pseudo_likelihood import fit_pseudo_likelihood
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_prior

__all__ = ["fit_prior"]

Statistics = Float[Tensor, "showers statistics"]

RATE = 0.2
DAMPING = 5e-3
RIDGE = 1e-4
REFRESH = 10


@torch.no_grad()
def fit_prior(
    prior: BoltzmannPrior,
    bits: Bool[Tensor, "showers nodes"],
    t: Float[Tensor, "showers 1"],
    *,
    steps: int,
    sweeps: int,
    seed: int,
) -> None:
    r"""Fit a machine to bits: pseudo-likelihood first, then the likelihood by natural gradient.

    One chain stands at the energy of every shower, starts at the shower's bits and persists
    (persistent contrastive divergence). With the sufficient statistics $\phi$, a step is
    $\theta \mathrel{+}= \eta\,(F + \lambda)^{-1} (\langle\phi\rangle_d -
    \langle\phi\rangle_m)$; F is the covariance of the chains' statistics inside intervals of
    the energy, renewed every ten steps. The result is the mean over the second half of the
    steps.

    Arguments:
        prior: machine to fit, in place; partition 0 must be empty.
        bits: states of all nodes.
        t: scaled incident energies.
        steps: natural-gradient steps; 0 keeps the pseudo-likelihood's fit.
        sweeps: Gibbs sweeps between steps.
        seed: seed of the chains.
    """
    fit_pseudo_likelihood(prior, bits, t)
    if steps == 0 or prior.graph.n_edges == 0:
        return
    sampler = choose_sampler(prior.graph, SharedNoise(seed))
    empty = bits[:, :0]
    data, chains = statistics(prior, bits, t).mean(dim=0), bits
    values, kept = read(prior), []
    factor = torch.empty(0)
    for step in range(steps):
        chains = sample_prior(prior, sampler, t, empty, sweeps, chains)
        drawn = statistics(prior, chains, t)
        if step % REFRESH == 0:
            factor = torch.linalg.cholesky(_information(drawn, prior.coupling_bin(t)))
        gap = (data - drawn.mean(dim=0)).double()[:, None] - RIDGE * values[:, None]
        rate = RATE * min(1.0, 2 * (1 - step / steps))
        values = values + rate * torch.cholesky_solve(gap, factor)[:, 0]
        write(prior, values)
        if 2 * step >= steps:
            kept.append(values)
    write(prior, torch.stack(kept).mean(dim=0))


def statistics(
    prior: BoltzmannPrior, bits: Bool[Tensor, "showers nodes"], t: Float[Tensor, "showers 1"]
) -> Statistics:
    """Evaluate what multiplies each parameter in -E, in the order of `read`."""
    z, features = bits.to(prior.bias.dtype), prior.features(t)
    i, j = prior.graph.edges
    pairs = z[:, i] * z[:, j]
    parts = [(features[:, :, None] * z[:, None]).flatten(start_dim=1), pairs]
    if prior.coupling_slope is not None:
        parts.append(prior.coupling_feature(prior.coupling_bin(t))[:, None] * pairs)
    return torch.cat(parts, dim=1)


def read(prior: BoltzmannPrior) -> Float[Tensor, " statistics"]:
    """Line up biases, couplings and slopes in float64."""
    parts = [prior.bias.flatten(), prior.coupling]
    parts += [] if prior.coupling_slope is None else [prior.coupling_slope]
    return torch.cat(parts).double()


def write(prior: BoltzmannPrior, values: Float[Tensor, " statistics"]) -> None:
    """Put lined-up values back in their places."""
    sizes = [prior.bias.numel(), prior.graph.n_edges]
    bias, coupling, slope = values.tensor_split(torch.tensor(sizes).cumsum(0))
    prior.bias.copy_(bias.view_as(prior.bias))
    prior.coupling.copy_(coupling)
    if prior.coupling_slope is not None:
        prior.coupling_slope.copy_(slope)


def _information(drawn: Statistics, number: Tensor) -> Float[Tensor, "statistics statistics"]:
    """Covariance of the statistics inside intervals of the energy, damped."""
    centred = drawn.clone()
    for k in number.unique().tolist():
        centred[number == k] -= drawn[number == k].mean(dim=0)
    matrix = (centred.T @ centred / len(drawn)).double()
    matrix.diagonal().add_(DAMPING)
    return matrix
