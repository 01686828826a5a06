"""The row of Geant4: real showers of the same energies, on one core."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from calo4pqvae.bench.cost import MEASURED, ShowerCost, Value, mean_with_error
from calo4pqvae.bench.power import Stated
from calo4pqvae.data.energies import Energies
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import MissingExtraError
from calo4pqvae.simulation.facts import CPU_SECONDS
from calo4pqvae.simulation.job import Progress, Simulation, simulate

__all__ = ["geant4_costs"]

SYSTEM = "Geant4"


def geant4_costs(
    samples: Mapping[str, Energies],
    repeats: int,
    core_watts: float,
    seed: int = 0,
    on_shower: Callable[[], None] = lambda: None,
) -> list[ShowerCost]:
    """Simulate each sample some times over with the stack of dataset 2.

    One process does all, so that Geant4 starts once; its start does not count. The energy is
    stated, because a counter would count what else runs on the machine for minutes.

    Arguments:
        samples: incident energies by name [MeV].
        repeats: how often; each time with other seeds.
        core_watts: stated power of a core [W].
        seed: seed of the showers.
        on_shower: called for each.

    Returns:
        a row per sample; a row that says why when Geant4 is not installed.
    """
    everything = np.concatenate([np.tile(e, (repeats, 1)) for e in samples.values()])
    progress = Progress(on_shower=lambda _: on_shower())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "geant4.h5"
        try:
            simulate(Simulation(everything, seed=seed), path, progress=progress)
        except MissingExtraError as error:
            return [ShowerCost(SYSTEM, "1 core", "-", 0, MEASURED, None, None, note=str(error))]
        with ShowerFile(path) as file:
            seconds = file.column(CPU_SECONDS)
            note = f"{file.attrs['generator']}; {file.attrs['tables'].split()[0]} tables"
    assert seconds is not None
    ends = np.cumsum([repeats * len(e) for e in samples.values()])[:-1]
    meter = Stated(core_watts, "core")
    return [
        _row(name, times.reshape(repeats, -1), meter, note)
        for name, times in zip(samples, np.split(seconds.astype(float), ends), strict=True)
    ]


def _row(sample: str, times: np.ndarray, meter: Stated, note: str) -> ShowerCost:
    seconds = mean_with_error(times.mean(axis=1).tolist())
    error = None if seconds.error is None else meter.joules(seconds.error)
    joules = Value(meter.joules(seconds.value), error)
    return ShowerCost(
        SYSTEM, "1 core", sample, 1, MEASURED, seconds, joules, meter.source, note=note
    )
