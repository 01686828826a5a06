"""A simulation as a whole: its description on disk, its showers, and the file at the end."""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from calo4pqvae import __version__
from calo4pqvae._core.atomic import check_target
from calo4pqvae._core.lock import output_lock
from calo4pqvae.data.energies import Energies
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.errors import ConfigError, OutputError, ShowerFileError, SimulationError
from calo4pqvae.simulate.crew import Crew
from calo4pqvae.simulate.engine import HIGHEST, LOWEST, Particle
from calo4pqvae.simulate.geant4 import elements_of, versions
from calo4pqvae.simulate.journal import Finished, Shot, ShowerJournal
from calo4pqvae.simulate.stack import Stack
from calo4pqvae.simulate.stacks import load_stack
from calo4pqvae.simulate.tables import BUILT, Tables, build_tables, find_official
from calo4pqvae.units import GeV, TeV

__all__ = ["CPU_SECONDS", "Progress", "Simulation", "simulate"]

CPU_SECONDS = "cpu_seconds"
"""Column of a simulated file: CPU time of Geant4 for each shower [s]."""

_JOURNAL = "showers.sqlite"


@dataclass(frozen=True)
class Simulation:
    """What decides the showers of a file.

    Attributes:
        e_inc: incident energies [MeV].
        stack: the detector.
        particle: what comes in along the axis.
        seed: seed of all showers; each has its own, from this one and its number.
        tables: ``auto`` (official ones where they are), ``official`` or ``built``.
    """

    e_inc: Energies
    stack: Stack = field(default_factory=lambda: load_stack("dataset-2"))
    particle: Particle = "electron"
    seed: int = 0
    tables: str = "auto"

    def shots(self, done: set[int] | frozenset[int] = frozenset()) -> Iterator[Shot]:
        """List what is still to simulate, in the order of the file."""
        for number, energy in enumerate(self.e_inc[:, 0].astype(np.float32)):
            if number not in done:
                yield Shot(number, float(energy), shower_seed(self.seed, number))


@dataclass(frozen=True)
class Progress:
    """Callbacks of a simulation that show it.

    Attributes:
        on_start: called with the tables and the numbers of showers that are finished already.
        on_shower: called for each shower that is finished.
    """

    on_start: Callable[[Tables, set[int]], None] = lambda _tables, _done: None
    on_shower: Callable[[Finished], None] = lambda _: None


def shower_seed(seed: int, number: int) -> int:
    """Make Geant4's seed of one shower, from 1 to 2^63 - 1."""
    state = np.random.SeedSequence(seed, spawn_key=(number,)).generate_state(1, np.uint64)[0]
    return int(state >> np.uint64(1)) | 1


def simulate(
    simulation: Simulation,
    path: str | Path,
    *,
    workers: int = 1,
    overwrite: bool = False,
    times: bool = True,
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
        progress: callbacks.

    Raises:
        ConfigError: an energy is out of range, or official tables are wanted and missing.
        MissingExtraError: Geant4 or xraylib is not installed.
        OutputError: the file exists, or the work folder belongs to another simulation.
        SimulationError: Geant4 refuses the stack, or a worker died; finished showers are kept.
    """
    path = Path(path)
    folder = path.with_name(f"{path.name}.work")
    if not (folder.is_dir() and path.is_file()):
        check_target(path, overwrite)
    _check(simulation, workers)
    elements = elements_of({slab.material for slab in simulation.stack.slabs})
    with _work_folder(folder):
        tables = _tables(simulation.tables, elements, folder / "tables")
        facts = _describe(simulation, tables)
        if _is_written(simulation, path, facts) and not overwrite:
            progress.on_start(tables, set(range(len(simulation.e_inc))))
        else:
            check_target(path, overwrite)
            with _journal(simulation, folder, facts) as journal:
                _work(simulation, folder, tables, journal, workers, progress)
                _write(simulation, path, journal, facts, overwrite, times)
        shutil.rmtree(folder)


def _check(simulation: Simulation, workers: int) -> None:
    energies = simulation.e_inc
    if not len(energies) or workers < 1 or simulation.seed < 0:
        raise ConfigError("a simulation needs showers, a worker, and a seed of at least 0")
    low, high = float(energies.min()), float(energies.max())
    if not LOWEST <= low <= high <= HIGHEST:
        raise ConfigError(
            f"incident energies from {low / GeV:.4g} to {high / GeV:.4g} GeV leave the tables "
            f"of Geant4's electromagnetic physics; they must lie between "
            f"{LOWEST / GeV:g} GeV and {HIGHEST / TeV:g} TeV"
        )


def _tables(wanted: str, elements: list[int], folder: Path) -> Tables:
    """Find official tables or build others, as wanted."""
    official = find_official(elements) if wanted != BUILT else None
    if official is None and wanted == "official":
        raise ConfigError(
            "Geant4's data sets G4EMLOW and G4ENSDFSTATE are not here; name their folder in "
            "GEANT4_DATA_DIR, or take the tables made here",
            remedy="built tables",
        )
    return official or build_tables(elements, folder)


def _describe(simulation: Simulation, tables: Tables) -> dict[str, Any]:
    """Everything that the showers depend on; kept in the work folder and in the file."""
    energies = np.ascontiguousarray(simulation.e_inc, dtype="<f4")
    return {
        "generator": versions(),
        "written_by": f"calo4pqvae {__version__}",
        "physics": "electromagnetic, standard (option 0); no hadronic reactions",
        "tables": f"{tables.kind} {tables.sha256[:16]}".strip(),
        "stack": simulation.stack.to_dict(),
        "particle": simulation.particle,
        "seed": simulation.seed,
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
    return same and all(attrs.get(key) == value for key, value in _attributes(facts).items())


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
    done = journal.done(simulation.shots())
    progress.on_start(tables, done)
    n_all, n_kept = len(simulation.e_inc), len(done)
    if n_kept == n_all:
        return
    job = {
        "stack": simulation.stack.to_dict(),
        "particle": simulation.particle,
        "variables": tables.variables,
    }
    try:
        with Crew(job, folder, min(workers, n_all - n_kept)) as crew:
            for shower in crew.simulate(simulation.shots(done), journal.keep):
                n_kept += 1
                progress.on_shower(shower)
    except SimulationError as error:
        if not n_kept:
            raise
        raise SimulationError(
            f"{error}; {n_kept} of {n_all} showers are finished and kept in {folder}, run the "
            "same again to go on"
        ) from error


def _write(
    simulation: Simulation,
    path: Path,
    journal: ShowerJournal,
    facts: dict[str, Any],
    overwrite: bool,
    times: bool,
) -> None:
    """Put the finished showers into a file, in order."""
    geometry = simulation.stack.geometry
    with ShowerWriter(path, geometry, _attributes(facts), overwrite=overwrite) as writer:
        for shot in simulation.shots():
            shower, cpu_seconds = journal.read(shot)
            seconds = {CPU_SECONDS: np.array([cpu_seconds])} if times else {}
            writer.append(np.array([[shot.energy]]), shower[None], **seconds)


def _attributes(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts as attributes of a file."""
    return {key: json.dumps(v) if isinstance(v, dict) else v for key, v in facts.items()}
