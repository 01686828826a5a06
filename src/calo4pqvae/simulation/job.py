"""A simulation as a whole: its description on disk, its showers, and the file at the end."""

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from calo4pqvae._core.atomic import check_target
from calo4pqvae._core.lock import output_lock
from calo4pqvae.data.energies import Energies
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.errors import (
    ConfigError,
    OutputError,
    ShowerFileError,
    SimulationError,
    WorkerError,
)
from calo4pqvae.shards.crew import Crew, Done
from calo4pqvae.shards.folder import FIRST
from calo4pqvae.simulation.engine import Particle
from calo4pqvae.simulation.facts import (
    CPU_SECONDS,
    attributes,
    check_energies,
    describe,
    find_tables,
    shower_seed,
)
from calo4pqvae.simulation.geant4 import elements_of
from calo4pqvae.simulation.journal import Event, Finished, ShowerJournal
from calo4pqvae.simulation.stack import Stack
from calo4pqvae.simulation.stacks import load_stack
from calo4pqvae.simulation.tables import Tables
from calo4pqvae.units import GeV

__all__ = ["Progress", "Simulation", "simulate"]

_JOURNAL = "showers.sqlite"


@dataclass(frozen=True)
class Simulation:
    """What decides the showers of a file.

    Attributes:
        e_inc: incident energies [MeV].
        stack: the detector.
        particle: what comes in along the axis.
        seed: seed of all showers; each has its own, from this one and its number.
        first: number of the first shower.
        tables: ``auto`` (official ones where they are), ``official`` or ``built``.

    Example:
        >>> simulation = Simulation(draw_energies(100, 1e3, 1e4, seed=1), seed=1)
        >>> simulation.stack.geometry.shape, len(list(simulation.events()))
        ((45, 16, 9), 100)
    """

    e_inc: Energies
    stack: Stack = field(default_factory=lambda: load_stack("dataset-2"))
    particle: Particle = "electron"
    seed: int = 0
    tables: str = "auto"
    first: int = 0

    def events(self, done: set[int] | frozenset[int] = frozenset()) -> Iterator[Event]:
        """List what is still to simulate, in the order of the file."""
        energies = self.e_inc[:, 0].astype(np.float32)
        for number, energy in enumerate(energies, self.first):
            if number not in done:
                yield Event(number, float(energy), shower_seed(self.seed, number))


@dataclass(frozen=True)
class Progress:
    """Callbacks of a simulation that show it.

    Attributes:
        on_start: called with the tables and the numbers of showers that are finished already.
        on_shower: called for each shower that is finished.
        on_note: called with a sentence for each worker that has died and is replaced.
    """

    on_start: Callable[[Tables, set[int]], None] = lambda _tables, _done: None
    on_shower: Callable[[Finished], None] = lambda _: None
    on_note: Callable[[str], None] = lambda _: None


def simulate(
    simulation: Simulation,
    path: str | Path,
    *,
    workers: int = 1,
    overwrite: bool = False,
    times: bool = True,
    compression: str = "gzip",
    progress: Progress = Progress(),
) -> None:
    """Simulate showers and write them to a file, or take up where an earlier call broke off.

    Finished showers lie in the folder ``PATH.work`` until the file is whole. Energies and
    showers of the file depend on the simulation, on the version of Geant4 and on the
    processor, not on workers or interruptions. The column `cpu_seconds` is measured and never
    the same twice; without it the files of two calls are equal byte for byte.

    Arguments:
        simulation: what to simulate.
        path: the file to write.
        workers: number of processes.
        overwrite: whether an existing file may be replaced.
        times: whether to store the CPU time of each shower in the column `cpu_seconds`.
        compression: of the file, see `COMPRESSIONS`.
        progress: callbacks.

    Raises:
        ConfigError: an energy is out of range, or official tables are wanted and missing.
        MissingExtraError: Geant4 or xraylib is not installed.
        OutputError: the file exists, or the work folder belongs to another simulation.
        SimulationError: Geant4 refuses the stack, or a worker died; finished showers are kept.

    Example:
        >>> simulate(Simulation(draw_energies(2, 1e3, 1e3, seed=1)), "showers.h5")
        >>> with ShowerFile("showers.h5") as file:
        ...     len(file)
        2
    """
    path = Path(path)
    folder = path.with_name(f"{path.name}.work")
    if not (folder.is_dir() and path.is_file()):
        check_target(path, overwrite)
    _check(simulation, workers)
    elements = elements_of({slab.material for slab in simulation.stack.slabs})
    with _work_folder(folder):
        tables = find_tables(simulation.tables, elements, folder / "tables")
        facts = _describe(simulation, tables)
        if _is_written(simulation, path, facts) and not overwrite:
            progress.on_start(tables, {event.number for event in simulation.events()})
        else:
            check_target(path, overwrite)
            with _journal(simulation, folder, facts) as journal:
                _work(simulation, folder, tables, journal, workers, progress)
                target = (path, attributes(facts), overwrite, compression)
                _write(simulation, journal, target, times)
        shutil.rmtree(folder)


def _check(simulation: Simulation, workers: int) -> None:
    energies = simulation.e_inc
    if not len(energies) or workers < 1 or simulation.seed < 0 or simulation.first < 0:
        raise ConfigError(
            "a simulation needs showers, a worker, and a seed and a first number of at least 0"
        )
    check_energies(energies)


def _describe(simulation: Simulation, tables: Tables) -> dict[str, Any]:
    """Everything that the showers depend on; kept in the work folder and in the file."""
    energies = np.ascontiguousarray(simulation.e_inc, dtype="<f4")
    return {
        **describe(simulation.stack, simulation.particle, simulation.seed, tables),
        FIRST: simulation.first,
        "energies_sha256": hashlib.sha256(energies.tobytes()).hexdigest(),
    }


@contextlib.contextmanager
def _work_folder(folder: Path) -> Iterator[None]:
    """Make the work folder and keep others out of it; remove it if nothing came of it."""
    with output_lock(folder, "simulate", folder=True):
        if (folder / "job.json").exists():
            raise OutputError(
                f"{folder}: is of an earlier version of calo4pqvae; finish the simulation "
                "there, or remove the folder"
            )
        try:
            yield
        finally:
            if folder.exists() and not (folder / _JOURNAL).exists():
                shutil.rmtree(folder)


def _is_written(simulation: Simulation, path: Path, facts: dict[str, Any]) -> bool:
    """Whether the file is that of this simulation: a death can come before all is tidied up."""
    if not path.is_file():
        return False
    try:
        with ShowerFile(path) as file:
            attrs, e_inc = file.attrs, file.e_inc()
    except (OSError, ShowerFileError):
        return False
    same = np.array_equal(e_inc, simulation.e_inc.astype(np.float32))
    return same and all(attrs.get(key) == value for key, value in attributes(facts).items())


def _journal(simulation: Simulation, folder: Path, facts: dict[str, Any]) -> ShowerJournal:
    return ShowerJournal(folder / _JOURNAL, facts, simulation.stack.geometry.n_voxels)


def _work(
    simulation: Simulation,
    folder: Path,
    tables: Tables,
    journal: ShowerJournal,
    workers: int,
    progress: Progress,
) -> None:
    """Let workers simulate what is missing."""
    done = journal.done(simulation.events())
    progress.on_start(tables, done)
    n_all, n_kept = len(simulation.e_inc), len(done)
    if n_kept == n_all:
        return
    options = {
        "stack": simulation.stack.to_dict(),
        "particle": simulation.particle,
        "variables": tables.variables,
    }
    events = {event.number: event for event in simulation.events(done)}
    tasks = ([s.number, float(s.energy).hex(), s.seed] for s in events.values())

    def keep(shower: Done) -> None:
        journal.keep(events[shower.task[0]], shower.content, shower.told)

    crew = Crew(
        "calo4pqvae.simulation.maker:EventServer",
        options,
        folder,
        min(workers, n_all - n_kept),
        describe=lambda task: f"at shower {task[0]} of {float.fromhex(task[1]) / GeV:.4g} GeV",
        on_death=progress.on_note,
    )
    try:
        with crew:
            for shower in crew.work(tasks, keep):
                n_kept += 1
                progress.on_shower(Finished(events[shower.task[0]], shower.told))
    except WorkerError as error:
        if not n_kept:
            raise SimulationError(str(error)) from error
        raise SimulationError(
            f"{error}; {n_kept} of {n_all} showers are finished and kept in {folder}, run the "
            "same again to go on"
        ) from error


def _write(
    simulation: Simulation,
    journal: ShowerJournal,
    target: tuple[Path, dict[str, Any], bool, str],
    times: bool,
) -> None:
    """Put the finished showers into a file, in order."""
    path, attrs, overwrite, compression = target
    geometry = simulation.stack.geometry
    with ShowerWriter(path, geometry, attrs, overwrite, compression) as writer:
        for event in simulation.events():
            shower, cpu_seconds = journal.read(event)
            seconds = {CPU_SECONDS: np.array([cpu_seconds])} if times else {}
            writer.append(np.array([[event.energy]]), shower[None], **seconds)
