"""Generate showers: energies in, chains of the prior, decoder, shower file out."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.errors import ConfigError
from calo4pqvae.model import Calo4pQVAE
from calo4pqvae.random import SharedNoise
from calo4pqvae.samplers.gibbs import GibbsSampler

__all__ = ["draw_energies", "generate", "reconstruct"]

Energies = Float[np.ndarray, "showers 1"]


def draw_energies(n: int, low: float, high: float, seed: int) -> Energies:
    """Draw incident energies log-uniformly between low and high [MeV], or equal to both.

    Raises:
        ConfigError: the range is not rising, or the number is not positive.
    """
    if n < 1 or not 0 < low <= high:
        raise ConfigError(
            f"cannot draw {n} energies between {low} and {high} MeV; "
            "give a number of showers above zero and a rising range above zero"
        )
    uniform = np.random.default_rng(seed).uniform(size=(n, 1))
    return (low * (high / low) ** uniform).astype(np.float32)


@torch.no_grad()
def generate(
    model: Calo4pQVAE,
    e_inc: Energies,
    writer: ShowerWriter,
    *,
    sweeps: int,
    seed: int = 0,
    batch_size: int = 256,
    device: torch.device | str = "cpu",
    on_batch: Callable[[int], None] | None = None,
) -> None:
    """Generate one shower per incident energy and append them to a file, in order.

    Each batch has random numbers of its own, so that a batch can be made again alone. Chains
    start from random bits.

    Arguments:
        model: trained model.
        e_inc: incident energies [MeV].
        writer: open file that receives the showers.
        sweeps: Gibbs sweeps before a chain's state is used.
        seed: seed; the same seed, energies and batch size give the same showers.
        batch_size: chains that run together.
        device: where to compute.
        on_batch: called with the number of showers just written.

    Raises:
        ConfigError: an energy lies outside the range of the model.
    """
    model = model.to(device).eval()
    everything = torch.from_numpy(e_inc)
    model.scale.check(everything)
    for number, energies in enumerate(everything.split(batch_size)):
        noise = SharedNoise(_batch_seed(seed, number), device)
        energies = energies.to(device)  # noqa: PLW2901
        t, code = model.condition(energies)
        bits = GibbsSampler(model.prior.graph, noise).sample(
            model.prior.problem(t), code, sweeps
        )
        showers = model.decode(bits, energies, noise).flatten(start_dim=1)
        writer.append(energies.cpu().numpy(), showers.cpu().numpy())
        if on_batch is not None:
            on_batch(len(energies))


@torch.no_grad()
def reconstruct(
    model: Calo4pQVAE,
    showers: ShowerFile,
    writer: ShowerWriter,
    *,
    rows: np.ndarray | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> None:
    """Encode and decode showers: what the model makes when its prior plays no part."""
    model = model.to(device).eval()
    for number, (e_inc, voxels) in enumerate(showers.chunks(256, rows)):
        noise = SharedNoise(_batch_seed(seed, number), device)
        energies = torch.from_numpy(e_inc).to(device)
        volume = torch.from_numpy(voxels).view(-1, *model.geometry.shape).to(device)
        bits = model.encode(volume, energies, noise)
        made = model.decode(bits, energies, noise).flatten(start_dim=1)
        writer.append(e_inc, made.cpu().numpy())


def _batch_seed(seed: int, number: int) -> int:
    state = np.random.SeedSequence([seed, number]).generate_state(2)
    return int(state[0]) << 31 ^ int(state[1])
