"""How far the showers of two models are apart that differ in their prior alone."""

from typing import NamedTuple

import numpy as np
import torch

from calo4pqvae._core.rng import RowNoise, SharedNoise, derive_seed
from calo4pqvae._core.typing import Bits
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.data.energies import Energies, draw_energies
from calo4pqvae.evaluation.distances.frechet import Gaussian, frechet_distance
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.models.base import ShowerModel

__all__ = ["ShowerDistance", "distance_of_bits", "shower_distance"]

_AT_ONCE = 256


class ShowerDistance(NamedTuple):
    """Squared Frechet distance of the official features, and that of a model from itself."""

    value: float
    floor: float
    showers: int

    @property
    def excess(self) -> float:
        """What the prior adds."""
        return self.value - self.floor


@torch.no_grad()
def shower_distance(
    before: ShowerModel, after: ShowerModel, *, sweeps: int, n: int = 1600, seed: int = 0
) -> ShowerDistance:
    """Compare showers of two models at equal incident energies, block Gibbs behind both.

    Arguments:
        before: a model.
        after: another one, with other bits.
        sweeps: Gibbs sweeps that chains of the priors need.
        n: showers of each.
        seed: seed of energies and showers.

    Returns:
        the distance between the two, and between two samples of the first.
    """
    e_inc = draw_energies(n, before.scale.low, before.scale.high, derive_seed(seed, 1))
    first, second, made = (
        _features(model, e_inc, _states(model, e_inc, sweeps, own), own)
        for model, own in zip(
            (before, before, after), (derive_seed(seed, 2, k) for k in range(3)), strict=True
        )
    )
    return _compare(first, second, made)


@torch.no_grad()
def distance_of_bits(
    model: ShowerModel, e_inc: Energies, bits: Bits, *, sweeps: int, seed: int = 0
) -> ShowerDistance:
    """Compare showers of given bits with showers of classical chains, as `shower_distance`.

    Arguments:
        model: the model.
        e_inc: incident energies [MeV].
        bits: state behind each shower.
        sweeps: Gibbs sweeps that chains of the prior need.
        seed: seed of chains and decoders.
    """
    seeds = [derive_seed(seed, 2, k) for k in range(3)]
    first, second = (
        _features(model, e_inc, _states(model, e_inc, sweeps, own), own) for own in seeds[:2]
    )
    return _compare(first, second, _features(model, e_inc, bits, seeds[2]))


def _compare(first: np.ndarray, second: np.ndarray, made: np.ndarray) -> ShowerDistance:
    scale = np.abs(first).max(axis=0)
    scale[scale == 0] = 1
    one, two, other = (_gaussian(values / scale) for values in (first, second, made))
    return ShowerDistance(frechet_distance(one, other), frechet_distance(one, two), len(first))


def _states(model: ShowerModel, e_inc: Energies, sweeps: int, seed: int) -> Bits:
    t, code = model.condition(torch.from_numpy(e_inc))
    sampler = choose_sampler(model.prior.graph, SharedNoise(seed))
    return sample_machine(model.prior, sampler, t, code, sweeps)


def _features(model: ShowerModel, e_inc: Energies, bits: Bits, seed: int) -> np.ndarray:
    energies, found = torch.from_numpy(e_inc), []
    for start in range(0, len(bits), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        showers = model.decode(bits[rows], energies[rows], RowNoise(seed, start))
        volume = showers.flatten(start_dim=1).numpy()
        measured = Measured.from_showers(e_inc[rows], volume, model.geometry)
        found.append(measured.features.values)
    return np.concatenate(found)


def _gaussian(values: np.ndarray) -> Gaussian:
    x = torch.from_numpy(values.astype(np.float64))
    return Gaussian(x.mean(dim=0), torch.cov(x.T))
