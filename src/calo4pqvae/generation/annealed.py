"""Showers of states that an annealer draws: all of them in one job, each read paid for once."""

import time
from collections.abc import Callable

import torch

from calo4pqvae._core.rng import RowNoise, derive_seed
from calo4pqvae.boltzmann.samplers.base import Sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.data.energies import Energies
from calo4pqvae.data.opening import PRIOR_ENERGY
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.generation.sequence import CHAINS
from calo4pqvae.models.base import ShowerModel

__all__ = ["generate_annealed"]


@torch.no_grad()
def generate_annealed(
    model: ShowerModel,
    e_inc: Energies,
    writer: ShowerWriter,
    sampler: Sampler,
    *,
    seed: int = 0,
    batch_size: int = 1024,
    device: torch.device | str = "cpu",
    on_batch: Callable[[int], None] | None = None,
) -> float:
    """Generate one shower per incident energy with a sampler that has its own random numbers.

    Nothing is sampled beyond what is asked for, since reads are paid.

    Arguments:
        model: trained model.
        e_inc: incident energies [MeV].
        writer: open file that receives the showers.
        sampler: draws the states of the prior.
        seed: seed of the decoder.
        batch_size: showers that are decoded together.
        device: where to decode.
        on_batch: called with the number of showers just written.

    Returns:
        the time that was not spent in the sampler [s].

    Raises:
        ConfigError: an energy lies outside the range of the model.
        SamplerError: what the sampler refuses.
    """
    model = model.to(device).eval()
    everything = torch.from_numpy(e_inc)
    model.scale.check(everything)
    done, sampling, began = 0, 0.0, time.perf_counter()
    for energies in everything.split(getattr(sampler, "chains_at_once", CHAINS)):
        energies = energies.to(device)  # noqa: PLW2901
        t, code = model.condition(energies)
        start = time.perf_counter()
        bits = sample_machine(model.prior, sampler, t, code, 0)
        sampling += time.perf_counter() - start
        states = model.prior.energy(bits.float(), t)
        parts = (values.split(batch_size) for values in (energies, bits, states))
        for e, z, energy in zip(*parts, strict=True):
            noise = RowNoise(derive_seed(seed), done, device)
            showers = model.decode(z, e, noise).flatten(start_dim=1)
            writer.append(
                e.cpu().numpy(), showers.cpu().numpy(), **{PRIOR_ENERGY: energy.cpu().numpy()}
            )
            done += len(e)
            if on_batch is not None:
                on_batch(len(e))
    return time.perf_counter() - began - sampling
