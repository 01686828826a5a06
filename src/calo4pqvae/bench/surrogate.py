"""The rows of our model: the way of `generation.generate`, with a clock between its steps."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from calo4pqvae._core.rng import RowNoise, SharedNoise, derive_seed
from calo4pqvae.bench.cost import MEASURED, ShowerCost, mean_with_error
from calo4pqvae.bench.power import Meter, clock
from calo4pqvae.boltzmann.samplers.choose import SamplerKind, choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.data.energies import Energies
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.models.base import Bits, IncidentEnergy, ShowerModel

__all__ = ["STEPS", "BenchConfig", "largest_batch", "our_cost"]

STEPS = ("prior", "decoder", "writing")

SECONDS_OF_A_REPEAT = 0.5
"""Small batches are repeated within a repeat until they take about so long."""


@dataclass(frozen=True)
class BenchConfig:
    """How our model is timed.

    Attributes:
        device: where it computes.
        sweeps: Gibbs sweeps before a chain's state is used.
        repeats: timed repeats.
        sampler: sampler of the prior.
        seed: seed of everything random.
    """

    device: str
    sweeps: int
    repeats: int
    sampler: SamplerKind = "auto"
    seed: int = 0


def our_cost(
    model: ShowerModel,
    e_inc: Energies,
    sample: str,
    batch: int,
    config: BenchConfig,
    meter: Meter,
    on_repeat: Callable[[], None] = lambda: None,
) -> ShowerCost:
    """Time showers in batches of one size, from energies to a file on disk.

    Arguments:
        model: trained model.
        e_inc: incident energies [MeV]; each batch takes the next ones, over and over.
        sample: what to call them.
        batch: showers made together.
        config: how it is done.
        meter: counter of energy.
        on_repeat: called after each repeat.
    """
    harness = _Harness(model.to(config.device).eval(), config)
    mixed = np.random.default_rng(config.seed).permutation(e_inc)
    with tempfile.TemporaryDirectory() as folder:
        first = harness.run(mixed, batch, Path(folder) / "0.h5", 1)
        turns = max(1, min(200, round(SECONDS_OF_A_REPEAT / max(sum(first), 1e-4))))
        steps, joules = [], []
        for number in range(1, config.repeats + 1):
            meter.start()
            taken = harness.run(mixed, batch, Path(folder) / f"{number}.h5", turns)
            joules.append(meter.joules(sum(taken)) / (batch * turns))
            steps.append([seconds / (batch * turns) for seconds in taken])
            on_repeat()
    parts = {
        name: mean_with_error(list(values))
        for name, values in zip(STEPS, zip(*steps, strict=True), strict=True)
    }
    place = "1 GPU" if config.device == "cuda" else _cores(torch.get_num_threads())
    return ShowerCost(
        "ours",
        place,
        sample,
        batch,
        MEASURED,
        mean_with_error([sum(step) for step in steps]),
        mean_with_error(joules),
        meter.source,
        parts,
        note=f"{config.sweeps} sweeps",
    )


def largest_batch(model: ShowerModel, e_inc: Energies, config: BenchConfig, bound: int) -> int:
    """Find the largest batch that fits the memory, by halving from a bound."""
    harness = _Harness(model.to(config.device).eval(), config)
    batch = bound
    while batch > 1:
        try:
            with tempfile.TemporaryDirectory() as folder:
                harness.run(e_inc, batch, Path(folder) / "try.h5", 1)
        except (torch.cuda.OutOfMemoryError, MemoryError):
            torch.cuda.empty_cache()
            batch //= 2
        else:
            break
    return batch


class _Harness:
    """A model and the clock on its steps."""

    def __init__(self, model: ShowerModel, config: BenchConfig) -> None:
        self.model, self.config = model, config
        self.noise = SharedNoise(derive_seed(config.seed), config.device)
        self.chains = choose_sampler(model.prior.graph, self.noise, config.sampler)
        self.made = 0

    @torch.no_grad()
    def run(self, e_inc: Energies, batch: int, path: Path, turns: int) -> list[float]:
        """Make batches and write them to a file; return the time of each step [s]."""
        device, taken = self.config.device, [0.0, 0.0, 0.0]
        started = clock(device)
        with ShowerWriter(path, self.model.geometry) as writer:
            taken[2] += clock(device) - started
            for _ in range(turns):
                rows = np.arange(self.made, self.made + batch)
                energies = np.take(e_inc, rows, axis=0, mode="wrap")
                times = [clock(device)]
                e = torch.from_numpy(energies).to(device)
                bits = self._bits(e)
                times.append(clock(device))
                noise = RowNoise(derive_seed(self.config.seed), self.made, device)
                showers = self.model.decode(bits, e, noise).flatten(start_dim=1).cpu().numpy()
                times.append(clock(device))
                writer.append(energies, showers)
                times.append(clock(device))
                self.made += len(energies)
                taken = [a + b for a, b in zip(taken, np.diff(times), strict=True)]
            started = clock(device)
        taken[2] += clock(device) - started
        return [float(seconds) for seconds in taken]

    def _bits(self, e: IncidentEnergy) -> Bits:
        """Draw bits as `generate` does: by the model itself, if it can."""
        drawn = self.model.sample(
            e, derive_seed(self.config.seed), self.made, self.config.sweeps
        )
        if drawn is not None:
            return drawn[0]
        t, code = self.model.condition(e)
        return sample_machine(self.model.prior, self.chains, t, code, self.config.sweeps)


def _cores(threads: int) -> str:
    return f"{threads} core{'s' if threads > 1 else ''}"
