"""Generate showers: energies in, chains of the prior, decoder, shower file out."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from calo4pqvae._core.rng import RowNoise, SharedNoise, derive_seed
from calo4pqvae.boltzmann.diagnostics.equilibrium import R_HAT, Mixing, measure_mixing
from calo4pqvae.boltzmann.samplers.base import Sampler
from calo4pqvae.boltzmann.samplers.choose import SamplerKind, choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.data.energies import Energies, draw_energies
from calo4pqvae.data.opening import PRIOR_ENERGY
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.errors import SamplerError
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.units import GeV

__all__ = [
    "Seconds",
    "draw_energies",
    "generate",
    "measure_sweeps",
    "reconstruct",
]

CHAINS_AT_ONCE = 8192
"""Chains of the prior that are sampled together: enough to fill the compiled sampler's lanes
although each interval of the energy has couplings of its own."""


@dataclass(frozen=True)
class Seconds:
    """Time that generating took: sampling the prior, and decoding with all the rest [s]."""

    sampling: float
    decoding: float


@torch.no_grad()
def generate(
    model: ShowerModel,
    e_inc: Energies,
    writer: ShowerWriter,
    *,
    sweeps: int,
    seed: int = 0,
    batch_size: int = 1024,
    device: torch.device | str = "cpu",
    sampler: SamplerKind | Sampler = "auto",
    on_batch: Callable[[int], None] | None = None,
) -> Seconds:
    """Generate one shower per incident energy and append them to a file, in order.

    The file's column `PRIOR_ENERGY` holds the energy of the state that each was made of.

    The random numbers of a shower depend on the seed and on its number in the file, not on
    the size of the batches. Chains start from random bits.

    Arguments:
        model: trained model.
        e_inc: incident energies [MeV].
        writer: open file that receives the showers.
        sweeps: Gibbs sweeps before a chain's state is used.
        seed: seed; the same seed and energies give the same showers, to rounding if batch
            size, threads or device change: voxels have moved by 4e-4 of their energy at most.
        batch_size: showers that are decoded together.
        device: where to compute.
        sampler: sampler of the prior: the kind of a Gibbs sampler, or any sampler, such as an
            annealer, which then has its own random numbers.
        on_batch: called with the number of showers just written.

    Returns:
        the time that sampling and decoding took.

    Raises:
        ConfigError: an energy lies outside the range of the model.
        SamplerError: the sampler does not run on the device.
    """
    model = model.to(device).eval()
    everything = torch.from_numpy(e_inc)
    model.scale.check(everything)
    done, sampling, began = 0, 0.0, time.perf_counter()
    for block, energies in enumerate(everything.split(_at_once(sampler))):
        energies = energies.to(device)  # noqa: PLW2901
        t, code = model.condition(energies)
        start = time.perf_counter()
        chains = sampler
        if isinstance(chains, str):
            noise = SharedNoise(derive_seed(seed, block), device)
            chains = choose_sampler(model.prior.graph, noise, chains)
        bits = sample_machine(model.prior, chains, t, code, sweeps)
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
    return Seconds(sampling, time.perf_counter() - began - sampling)


@torch.no_grad()
def measure_sweeps(
    model: ShowerModel,
    e_inc: Energies,
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    sampler: SamplerKind = "auto",
    limit: int = 32_768,
    n_energies: int = 8,
) -> Mixing:
    """Measure how many sweeps chains need from random starts, over a range of energies.

    Arguments:
        model: trained model.
        e_inc: incident energies of the job [MeV].
        seed: seed of the chains that are measured.
        device: where to compute.
        sampler: sampler of the prior.
        limit: sweeps after which to give up.
        n_energies: energies that are tried, evenly spaced in their logarithm from the lowest
            of the job to the highest.

    Returns:
        what was measured; its `burn_in` is the number of sweeps.

    Raises:
        ConfigError: an energy lies outside the range of the model.
        SamplerError: chains still disagree at the limit.
    """
    model = model.to(device).eval()
    low, high = float(e_inc.min()), float(e_inc.max())
    tried = np.geomspace(low, high, n_energies if low < high else 1, dtype=np.float32)
    energies = torch.from_numpy(tried.clip(low, high))[:, None].to(device)
    t, code = model.condition(energies)
    noise = SharedNoise(derive_seed(seed), device)
    chains = choose_sampler(model.prior.graph, noise, sampler)
    measured = []
    for rows in model.prior.groups(t):
        problem, codes = model.prior.problem(t[rows]), code[rows]
        found = measure_mixing(problem, codes, chains, limit=limit, allow_unconverged=True)
        _check_mixed(found, energies[rows, 0], limit)
        measured.append(found)
    return Mixing(
        tuple(condition for mixing in measured for condition in mixing.conditions),
        measured[0].chains,
        max(mixing.sweeps for mixing in measured),
        max(mixing.thinning for mixing in measured),
    )


def _check_mixed(found: Mixing, energies: torch.Tensor, limit: int) -> None:
    """Refuse chains that disagree, and name the energy at which they do most."""
    r_hats = [condition.r_hat for condition in found.conditions]
    worst = int(np.argmax(r_hats))
    if not found.converged:
        raise SamplerError(
            f"chains at {float(energies[worst]) / GeV:.4g} GeV disagree after {found.sweeps} "
            f"sweeps (split R-hat is {r_hats[worst]:.4g}, not below {R_HAT}); allow more than "
            f"{limit} sweeps, or say how many a shower gets",
            remedy="sweeps",
        )


@torch.no_grad()
def reconstruct(
    model: ShowerModel,
    showers: ShowerFile,
    writer: ShowerWriter,
    *,
    rows: np.ndarray | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> None:
    """Encode and decode showers: what the model makes when its prior plays no part.

    The file's column `PRIOR_ENERGY` holds the energies of the encoded states.
    """
    model = model.to(device).eval()
    for number, (e_inc, voxels) in enumerate(showers.chunks(256, rows)):
        noise = SharedNoise(derive_seed(seed, number), device)
        energies = torch.from_numpy(e_inc).to(device)
        volume = torch.from_numpy(voxels).view(-1, *model.geometry.shape).to(device)
        bits = model.encode(volume, energies, noise)
        made = model.decode(bits, energies, noise).flatten(start_dim=1)
        states = model.prior.energy(bits.float(), model.scale(energies))
        writer.append(e_inc, made.cpu().numpy(), **{PRIOR_ENERGY: states.cpu().numpy()})


def _at_once(sampler: SamplerKind | Sampler) -> int:
    """Chains of a call: as many as the sampler likes."""
    return getattr(sampler, "chains_at_once", CHAINS_AT_ONCE)
