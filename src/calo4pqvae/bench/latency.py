"""One shower at a time, as a host asks for it: the first call, later ones, and the memory."""

import copy
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from calo4pqvae._core.rng import RowNoise, SharedNoise, derive_seed
from calo4pqvae.bench.power import clock
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import ConfigError
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.simulation.facts import CPU_SECONDS
from calo4pqvae.units import GeV

__all__ = ["LATENCY_COLUMNS", "Geant4Times", "Latency", "latency_rows", "measure_latency"]

LATENCY_COLUMNS = (
    "energy", "median", "95 of 100", "longest", "Geant4", "Geant4 / median"
)  # fmt: skip
CALLS = 60
PER_DECADE = 2
NEAR = 0.25
"""How far, in the logarithm, an energy may be from one whose time is asked for."""


@dataclass(frozen=True)
class Latency:
    """Computing time of single showers of one energy, on one thread.

    Attributes:
        energy: incident energy [MeV].
        median: seconds of a call.
        slow: seconds that 95 of 100 calls stay below.
        longest: seconds of the longest call.
        geant4: seconds of a shower of Geant4, if known.
    """

    energy: float
    median: float
    slow: float
    longest: float
    geant4: float | None


class Geant4Times:
    """Times of Geant4's showers by energy, from the column of simulated files.

    Arguments:
        files: shower files that `simulate` wrote.

    Raises:
        ShowerFileError: a file cannot be read.
        ConfigError: a file has no such column.
    """

    def __init__(self, files: Sequence[str | Path]) -> None:
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        for name in files:
            with ShowerFile(name) as file:
                seconds = file.column(CPU_SECONDS)
                if seconds is None:
                    raise ConfigError(f"{name} has no column {CPU_SECONDS}")
                parts.append((np.log(file.e_inc()[:, 0].astype(np.float64)), seconds))
        self._logs = np.concatenate([logs for logs, _ in parts] or [np.empty(0)])
        self._seconds = np.concatenate([seconds for _, seconds in parts] or [np.empty(0)])

    def at(self, energy: float) -> float | None:
        """Give the time of a shower [s]; among its neighbours, time goes with energy."""
        away = self._logs - math.log(energy)
        near = np.abs(away) < NEAR
        return float(np.mean(self._seconds[near] * np.exp(-away[near]))) if near.any() else None


@torch.no_grad()
def measure_latency(
    model: ShowerModel, sweeps: int, geant4: Geant4Times, *, seed: int = 0, calls: int = CALLS
) -> tuple[list[Latency], dict[str, float | None]]:
    """Draw showers one at a time, over all energies of a model.

    Arguments:
        model: trained model, on the CPU.
        sweeps: Gibbs sweeps for a shower.
        geant4: times of Geant4's showers.
        seed: seed of everything random.
        calls: showers of each energy.

    Returns:
        the times, and of the first call: ``first_s``, ``resident_mib`` after it, and what it
        added, ``added_mib``; memory is None where the system does not tell.
    """
    threads, before = torch.get_num_threads(), _resident()
    torch.set_num_threads(1)
    try:
        started = clock("cpu")
        draw = _Draw(copy.deepcopy(model), sweeps, seed)
        draw(model.scale.low)
        first: dict[str, float | None] = {"first_s": clock("cpu") - started}
        after = _resident()
        first |= {
            "resident_mib": after,
            "added_mib": None if before is None or after is None else after - before,
        }
        return [_at(draw, energy, geant4, calls) for energy in _energies(model)], first
    finally:
        torch.set_num_threads(threads)


def latency_rows(found: Sequence[Latency]) -> list[tuple[str, ...]]:
    """One row for each energy."""

    def ms(seconds: float | None) -> str:
        return "-" if seconds is None else f"{1e3 * seconds:.3g} ms"

    return [
        (
            f"{one.energy / GeV:.3g} GeV",
            *(ms(s) for s in (one.median, one.slow, one.longest, one.geant4)),
            "-" if one.geant4 is None else f"{one.geant4 / one.median:.3g}",
        )
        for one in found
    ]


class _Draw:
    """Calls of a model, as `generate` makes them."""

    def __init__(self, model: ShowerModel, sweeps: int, seed: int) -> None:
        self._model, self._sweeps = model.eval(), sweeps
        self._key, self._made = derive_seed(seed), 0
        self._chains = choose_sampler(model.prior.graph, SharedNoise(self._key), "auto")

    def __call__(self, energy: float) -> None:
        e_inc = torch.tensor([[energy]], dtype=torch.float32)
        drawn = self._model.sample(e_inc, self._key, self._made, self._sweeps)
        if drawn is None:
            t, code = self._model.condition(e_inc)
            bits = sample_machine(self._model.prior, self._chains, t, code, self._sweeps)
        else:
            bits = drawn[0]
        self._model.decode(bits, e_inc, RowNoise(self._key, self._made))
        self._made += 1


def _at(draw: _Draw, energy: float, geant4: Geant4Times, calls: int) -> Latency:
    draw(energy)
    seconds = []
    for _ in range(calls):
        started = clock("cpu")
        draw(energy)
        seconds.append(clock("cpu") - started)
    median, slow = np.quantile(seconds, (0.5, 0.95)).tolist()
    return Latency(energy, median, slow, max(seconds), geant4.at(energy))


def _energies(model: ShowerModel) -> list[float]:
    """Equal ratios from the lowest to the highest energy."""
    low, high = model.scale.low, model.scale.high
    n = max(2, 1 + round(PER_DECADE * math.log10(high / low)))
    inner = [low * (high / low) ** (k / (n - 1)) for k in range(1, n - 1)]
    return [low, *inner, high]


def _resident() -> float | None:
    """Resident memory of this process [MiB]."""
    with suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * 4096 / 2**20
    return None
