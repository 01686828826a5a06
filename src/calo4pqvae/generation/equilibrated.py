"""Sweeps that showers of each energy need, and stored states that need fewer of them."""

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from calo4pqvae._core.rng import SharedNoise, derive_seed
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.generation.bulk import measure_sweeps
from calo4pqvae.models.base import ShowerModel

__all__ = [
    "FROM_RANDOM",
    "FROM_STATES",
    "Equilibrated",
    "equilibrate",
    "equilibrated_states",
    "measure_times",
    "stored_states",
]

FROM_RANDOM = 10
"""Autocorrelation times from random bits to a state: see `Mixing.burn_in`."""

FROM_STATES = 5
"""Those from a stored state: two showers of one state have forgotten it but for e^-10."""


class Equilibrated(NamedTuple):
    """What an exported prior needs to draw from its distribution.

    Attributes:
        sweeps: for each interval of the couplings.
        states: to start from; None: chains start from random bits.
    """

    sweeps: Int[np.ndarray, " intervals"]
    states: Bool[np.ndarray, "intervals states nodes"] | None


def equilibrate(
    model: ShowerModel, n_states: int, *, sweeps: int | None = None, seed: int = 0
) -> Equilibrated:
    """Measure the sweeps that each interval of the couplings needs, and draw states for it.

    Arguments:
        model: trained model.
        n_states: states of each interval to start from; 0 for random bits.
        sweeps: take so many everywhere, and measure nothing.
        seed: seed of the chains.

    Raises:
        SamplerError: chains still disagree at the limit of `measure_times`.
    """
    if sweeps is not None:
        needed = wanted = np.full(model.prior.coupling_bins, sweeps)
    else:
        times = measure_times(model, seed=seed)
        needed = _whole(FROM_RANDOM * times)
        wanted = _whole((FROM_STATES if n_states else FROM_RANDOM) * times)
    states = equilibrated_states(model, needed, n_states, seed) if n_states else None
    return Equilibrated(wanted, states)


def stored_states(
    model: ShowerModel, n: int, seed: int = 0
) -> Bool[np.ndarray, "intervals states nodes"]:
    """Draw states of every interval after as many sweeps as it was measured to need.

    Raises:
        SamplerError: chains still disagree at the limit of `measure_times`.
    """
    needed = _whole(FROM_RANDOM * measure_times(model, seed=seed))
    return equilibrated_states(model, needed, n, seed)


@torch.no_grad()
def measure_times(
    model: ShowerModel, *, seed: int = 0, limit: int = 65_536, every: int = 4
) -> Float[np.ndarray, " intervals"]:
    """Measure the longest autocorrelation time [sweeps] in intervals of the couplings.

    Arguments:
        model: trained model.
        seed: seed of the chains.
        limit: sweeps after which to give up.
        every: measure in so many intervals one; those between take the larger neighbour's.

    Raises:
        SamplerError: chains still disagree at the limit.
    """
    bins = model.prior.coupling_bins
    tried = sorted({*range(0, bins, every), bins - 1})
    found = [
        measure_sweeps(model, _middle(model, number), seed=seed, limit=limit, n_energies=1)
        for number in tried
    ]
    times = np.array([mixing.conditions[0].tau for mixing in found])
    right = np.searchsorted(tried, np.arange(bins))
    left = np.searchsorted(tried, np.arange(bins), side="right") - 1
    return np.maximum(times[left], times[right])


@torch.no_grad()
def equilibrated_states(
    model: ShowerModel, sweeps: Int[np.ndarray, " intervals"], n: int, seed: int = 0
) -> Bool[np.ndarray, "intervals states nodes"]:
    """Draw states of every interval, each from a chain of its own that began at random bits."""
    states = []
    for number, rounds in enumerate(sweeps.tolist()):
        energies = torch.from_numpy(_middle(model, number).repeat(n, axis=0))
        t, code = model.condition(energies)
        noise = SharedNoise(derive_seed(seed, number))
        sampler = choose_sampler(model.prior.graph, noise, "auto")
        states.append(sample_machine(model.prior, sampler, t, code, rounds).numpy())
    return np.stack(states)


def _whole(sweeps: Float[np.ndarray, " intervals"]) -> Int[np.ndarray, " intervals"]:
    return np.ceil(sweeps).astype(int)


def _middle(model: ShowerModel, number: int) -> Float[np.ndarray, "1 1"]:
    """Incident energy [MeV] in the middle of an interval of the couplings."""
    scale, part = model.scale, (number + 0.5) / model.prior.coupling_bins
    return np.array([[scale.low * math.exp(part * math.log(scale.high / scale.low))]], "f4")
