"""The longitudinal part of a layered model: tables, copula, places on the chip, prior."""

from collections.abc import Callable
from itertools import combinations
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae._core.rng import SharedNoise, derive_seed
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.boltzmann.natural_gradient import REFRESH, fit_likelihood
from calo4pqvae.boltzmann.placement import place
from calo4pqvae.boltzmann.pseudo_likelihood import maximise
from calo4pqvae.config import TrainingConfig
from calo4pqvae.data.batches import ShowerBatches

if TYPE_CHECKING:
    from calo4pqvae.models.autoregressive.layer_bits import LayerBitsModel

__all__ = ["fit_layer_energies", "fit_longitudinal", "pairwise_weights", "read_layers"]


@torch.no_grad()
def fit_longitudinal(
    model: "LayerBitsModel",
    batches: ShowerBatches,
    config: TrainingConfig,
    on_stage: Callable[[str], None] = lambda _: None,
) -> None:
    """Fit everything that concerns layer energies to the training showers.

    Arguments:
        model: model to fit, in place; its decoder is left alone.
        batches: training showers.
        config: steps and sweeps of the prior's fit, and the seed.
        on_stage: told the name of each stage before it.

    Raises:
        ConfigError: too few showers.
    """
    on_stage("reading")
    fit_layer_energies(model, *read_layers(model, batches), config, on_stage)


def read_layers(
    model: "LayerBitsModel", batches: ShowerBatches
) -> tuple[Float[Tensor, "showers layer"], Float[Tensor, "showers 1"]]:
    """Read layer energies and incident energies [MeV] of one epoch of showers."""
    layers, energies = [], []
    for batch in batches.epoch(0):
        showers = torch.from_numpy(batch.showers).view(-1, *model.geometry.shape)
        layers.append(model.profiles(showers))
        energies.append(torch.from_numpy(batch.e_inc))
    return torch.cat(layers), torch.cat(energies)


@torch.no_grad()
def fit_layer_energies(
    model: "LayerBitsModel",
    layers: Float[Tensor, "showers layer"],
    e_inc: Float[Tensor, "showers 1"],
    config: TrainingConfig,
    on_stage: Callable[[str], None] = lambda _: None,
) -> None:
    """Fit tables, copula, places and prior to layer energies [MeV]."""
    distribution, prior, home = model.law, model.prior, model.prior.bias.device
    distribution.cpu()
    prior.cpu()
    t = model.scale(e_inc)
    noise = SharedNoise(derive_seed(config.seed, 1))
    on_stage("tables")
    distribution.marginals.fit(*distribution.quantities(layers, e_inc), t)
    interval = distribution.intervals(layers, e_inc, t)
    on_stage("copula")
    distribution.copula.fit(interval, t, noise.uniform)
    bits = distribution.levels.encode(interval, distribution.marginals.absence(t))
    if bits.shape[1]:
        on_stage("pairwise weights")
        wanted = pairwise_weights(prior, bits, t)
        on_stage("placement")
        distribution.node_of_bit.copy_(place(wanted, prior.graph, config.seed))
        on_stage("start of the prior")
        fit_likelihood(
            prior,
            distribution.on_nodes(bits),
            t,
            steps=config.fit_steps,
            sweeps=config.sweeps,
            seed=derive_seed(config.seed, 2),
            on_step=lambda step: on_stage("steps" if step % REFRESH else "renewals"),
        )
    distribution.to(home)
    prior.to(home)


def pairwise_weights(
    prior: BoltzmannMachine, bits: Bool[Tensor, "showers bits"], t: Float[Tensor, "showers 1"]
) -> Float[Tensor, "bits bits"]:
    """Say how much each pair of bits wants a coupler: the mean strength it would have.

    The strengths are those of a fit in which every pair has one (pseudo-likelihood).
    """
    n = bits.shape[1]
    pairs = torch.tensor(list(combinations(range(n), 2)), dtype=torch.int64).view(-1, 2).T
    slope = prior.coupling_feature(prior.coupling_bin(t))
    fit = maximise(bits, prior.features(t), slope, pairs)
    shares = [(number, float((slope == number).double().mean())) for number in slope.unique()]
    strength = sum(share * (fit.coupling[0] + x * fit.coupling[1]).abs() for x, share in shares)
    weight = torch.zeros(n, n, dtype=torch.float64)
    weight[pairs[0], pairs[1]] = strength
    return weight + weight.T
