"""Generate showers: energies in, chains of the prior, decoder, shower file out."""

from collections.abc import Callable

import numpy as np
import torch

from calo4pqvae._core.rng import SharedNoise, derive_seed
from calo4pqvae.boltzmann.diagnostics.equilibrium import R_HAT, Mixing, measure_mixing
from calo4pqvae.boltzmann.samplers.choose import SamplerKind, choose_sampler
from calo4pqvae.data.energies import Energies, EnergySequence, draw_energies
from calo4pqvae.data.opening import PRIOR_ENERGY
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.errors import ConfigError, SamplerError
from calo4pqvae.generation.sequence import ShowerSequence
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.units import GeV

__all__ = [
    "draw_energies",
    "generate",
    "measure_sweeps",
    "reconstruct",
]

BATCH = 1024
"""Showers that are handed on together: half a second's work, and 40 MB of dataset 2."""


def generate(
    model: ShowerModel,
    energies: Energies | EnergySequence,
    writer: ShowerWriter,
    *,
    sweeps: int,
    first: int = 0,
    n: int | None = None,
    seed: int = 0,
    batch_size: int = BATCH,
    device: torch.device | str = "cpu",
    sampler: SamplerKind = "auto",
    on_batch: Callable[[int], None] | None = None,
) -> None:
    """Generate one shower per incident energy and append them to a file, in order.

    The showers are number first .. first + n - 1 of the one sequence that model, energies,
    sweeps and seed define: to the last bit on one type of machine, whatever the part that is
    asked for, the size of the batches, and the number of threads. Chains start from random
    bits. The file's column `PRIOR_ENERGY` holds the energy of the state that each was made of.

    Arguments:
        model: trained model.
        energies: incident energies [MeV]; an array is gone through over and over.
        writer: open file that receives the showers.
        sweeps: Gibbs sweeps before a chain's state is used.
        first: number of the first shower.
        n: how many; as many as the array has when absent.
        seed: seed of everything random but the energies.
        batch_size: showers that are in memory together.
        device: where to compute.
        sampler: kind of the Gibbs sampler of the prior.
        on_batch: called with the number of showers just written.

    Raises:
        ConfigError: an energy lies outside the range of the model, or an endless sequence
            comes without a number of showers.
        SamplerError: the sampler does not run on the device.

    Example:
        >>> model = load_pretrained().model
        >>> with ShowerWriter("showers.h5", model.geometry) as writer:
        ...     generate(model, draw_energies(2, 1e3, 1e4, seed=1), writer, sweeps=10)
        >>> writer.n_written
        2
    """
    if isinstance(energies, EnergySequence):
        sequence = energies
    else:
        sequence, n = EnergySequence.given(energies), len(energies) if n is None else n
    if n is None:
        raise ConfigError("an endless sequence of energies needs a number of showers, n")
    showers = ShowerSequence(
        model.to(device).eval(),
        sequence,
        sweeps=sweeps,
        seed=seed,
        sampler=sampler,
        device=device,
    )
    for made in showers.batches(first, n, batch_size):
        writer.append(made.e_inc, made.voxels, **{PRIOR_ENERGY: made.prior_energy})
        if on_batch is not None:
            on_batch(len(made.e_inc))


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

    Arguments:
        model: trained model.
        showers: real showers.
        writer: open file that receives what is made of them.
        rows: rows of the showers to take; all of them by default.
        seed: seed of everything random.
        device: where to compute.

    Raises:
        ConfigError: an energy lies outside the range of the model.

    Example:
        >>> model = load_pretrained().model
        >>> with ShowerFile(sample_path()) as file:
        ...     with ShowerWriter("again.h5", model.geometry) as writer:
        ...         reconstruct(model, file, writer, rows=np.arange(3))
        >>> writer.n_written
        3
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
