"""The one sequence of showers that a seed defines, any part of which can be had.

A shower depends on the model, the sweeps, the seed, its number and the incident energies around
it, and on nothing else, to the last bit on one type of machine. Two things see to it:

* Random numbers are keyed by the number of the shower (`RowNoise`), or of its chain among those
  of its block with the same couplings (`ChainNoise`).
* Rounding depends on the shapes of products and sums. So showers that are computed together
  are always the same ones: whole blocks of fixed places in the sequence, by one thread. What
  was not asked for is dropped. A model that computes each shower alone needs none of this.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae._core.rng import ChainNoise, RowNoise, derive_seed
from calo4pqvae._core.typing import Bits, IncidentEnergy
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.base import Sampler
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.data.energies import Energies, EnergySequence
from calo4pqvae.errors import SamplerError
from calo4pqvae.models.base import ShowerModel

__all__ = ["CHAINS", "Made", "ShowerSequence", "check_energies"]

CHAINS = 8192
"""Chains of a block: enough to fill the compiled sampler's lanes although each interval of the
energy has couplings of its own."""

CHECKED = 2**20
"""Energies that are looked at together."""


class Made(NamedTuple):
    """Some showers in a row.

    Attributes:
        e_inc: incident energies [MeV].
        voxels: voxel energies [MeV].
        prior_energy: energy of the state behind each, eq. (2).
    """

    e_inc: Energies
    voxels: Float[np.ndarray, "showers voxels"]
    prior_energy: Float[np.ndarray, " showers"]


class ShowerSequence:
    """Showers number 0, 1, 2, .. of a model.

    Arguments:
        model: trained model, on its device.
        energies: incident energies.
        sweeps: Gibbs sweeps before a chain's state is used.
        seed: seed of everything random.
        sampler: kind of a Gibbs sampler.
        device: where to compute.
    """

    def __init__(
        self,
        model: ShowerModel,
        energies: EnergySequence,
        *,
        sweeps: int,
        seed: int,
        sampler: str = "auto",
        device: torch.device | str = "cpu",
    ) -> None:
        self._model, self._energies = model, energies
        self._sweeps, self._seed, self._device = sweeps, seed, torch.device(device)
        self._together = model.decoded_together(self._device)
        self._by_number = sampler == "auto" and self._together == 1
        self._noise = ChainNoise(derive_seed(seed), device)
        self._sampler: Sampler = choose_sampler(model.prior.graph, self._noise, sampler)
        self._alone = getattr(self._sampler, "numbers_chains", False)

    @torch.no_grad()
    def batches(self, first: int, n: int, size: int) -> Iterator[Made]:
        """Make the showers first .. first + n - 1, in pieces of at most `size`.

        Raises:
            ConfigError: an energy lies outside the range of the model.
        """
        check_energies(self._model, self._energies, first, n)
        if self._by_number:
            yield from self._one_by_one(first, n, size)
            return
        end, together = first + n, self._together
        step = max(together, size // together * together)
        for block in range(first // CHAINS, -(-end // CHAINS)):
            low, high = block * CHAINS, (block + 1) * CHAINS
            begin = max(low, first // together * together)
            stop = min(high, -(-end // together) * together)
            e_inc = self._inside(low, CHAINS)
            bits, states = self._sample(block, e_inc, slice(begin - low, stop - low))
            for start in range(begin, stop, step):
                rows = slice(start - begin, min(start + step, stop) - begin)
                energies = e_inc[rows.start + begin - low : rows.stop + begin - low]
                made = self._decode(start, energies, bits[rows], states[rows])
                wanted = slice(max(first - start, 0), min(end - start, len(made.e_inc)))
                made = Made(*(part[wanted] for part in made))
                for at in range(0, len(made.e_inc), size):
                    yield Made(*(part[at : at + size] for part in made))

    def _one_by_one(self, first: int, n: int, size: int) -> Iterator[Made]:
        """Make showers each of which is computed alone: no blocks are needed."""
        for start in range(first, first + n, size):
            taken = self._energies.take(start, min(size, first + n - start))
            e_inc, seed = torch.from_numpy(taken), derive_seed(self._seed)
            drawn = self._model.sample(e_inc, seed, start, self._sweeps)
            if drawn is None:
                raise SamplerError("a model that draws showers alone must sample them, too")
            yield self._decode(start, e_inc, *drawn)

    def _inside(self, first: int, n: int) -> IncidentEnergy:
        """Energies of a block; those outside the range are nobody's, and are moved into it."""
        scale = self._model.scale
        e_inc = torch.from_numpy(self._energies.take(first, n))
        inside = (e_inc >= scale.low * (1 - 1e-6)) & (e_inc <= scale.high * (1 + 1e-6))
        return torch.where(inside, e_inc, torch.full_like(e_inc, scale.low)).to(self._device)

    def _sample(
        self, block: int, e_inc: IncidentEnergy, rows: slice
    ) -> tuple[Bool[Tensor, "rows nodes"], Float[Tensor, " rows"]]:
        """Sample chains of a block, and give their energies; the others where it must be."""
        prior = self._model.prior
        with _one_thread():
            t, code = self._model.condition(e_inc)
            groups = prior.groups(t)
            problems = [prior.problem(t[group]) for group in groups]
        self._noise.generator.manual_seed(derive_seed(self._seed, block))
        bits = code.new_zeros(len(e_inc), prior.graph.n_nodes)
        states = e_inc.new_zeros(len(e_inc))
        for group, problem in zip(groups, problems, strict=True):
            wanted = ((group >= rows.start) & (group < rows.stop)).nonzero()[:, 0]
            if self._alone and len(wanted):
                self._noise.begin = int(wanted[0])
                part, chains = problem.take(wanted), group[wanted]
            elif self._alone:
                self._noise.key()  # each group has a key, wanted or not
                continue
            else:
                part, chains = problem, group
            bits[chains] = self._sampler.sample(part, code[chains], self._sweeps)
            with _one_thread():
                states[chains] = _energies(part, bits[chains])
        return bits[rows], states[rows]

    def _decode(self, first: int, e_inc: IncidentEnergy, bits: Bits, states: Tensor) -> Made:
        """Turn bits into showers, in blocks that are always the same."""
        noise = derive_seed(self._seed)
        size = self._together
        showers = []
        with _one_thread(when=size > 1):
            for at in range(0, len(e_inc), size if size > 1 else len(e_inc)):
                rows = slice(at, at + size if size > 1 else len(e_inc))
                # A copy, since the place of an array in memory decides how it is read.
                given = bits[rows].clone(), e_inc[rows].clone()
                showers.append(
                    self._model.decode(*given, RowNoise(noise, first + at, self._device))
                )
        voxels = torch.cat(showers).flatten(start_dim=1)
        return Made(*(part.cpu().numpy() for part in (e_inc, voxels, states)))


def check_energies(model: ShowerModel, energies: EnergySequence, first: int, n: int) -> None:
    """Refuse energies outside the range of a model.

    Raises:
        ConfigError: naming how many there are.
    """
    for start in range(first, first + n, CHECKED):
        e_inc = energies.take(start, min(CHECKED, first + n - start))
        model.scale.check(torch.from_numpy(e_inc))


def _energies(
    problem: BoltzmannProblem, bits: Bool[Tensor, "chains nodes"]
) -> Float[Tensor, " chains"]:
    """Evaluate E(z), eq. (2), each state by itself: sums along rows, no matrix product."""
    i, j = problem.graph.edges.to(bits.device)
    both = (bits[:, i] & bits[:, j]).double() * problem.coupling.double()
    own = bits.double() * problem.bias.double()
    return (-own.sum(dim=1) - both.sum(dim=1)).to(problem.bias.dtype)


@contextmanager
def _one_thread(*, when: bool = True) -> Iterator[None]:
    """Let torch compute with one thread: how many share a product may change its rounding."""
    threads = torch.get_num_threads()
    if when:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
