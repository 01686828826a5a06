"""What simulates in a process of its own: single showers for a journal, or whole shards."""

import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from calo4pqvae.data.energies import EnergySequence
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.errors import SimulationError
from calo4pqvae.shards.folder import FIRST, SEQUENCE, digest_of
from calo4pqvae.shards.ledger import waiting_for
from calo4pqvae.shards.plan import Shard
from calo4pqvae.simulation.engine import Engine, Particle
from calo4pqvae.simulation.facts import (
    CPU_SECONDS,
    attributes,
    check_energies,
    describe,
    find_tables,
    shower_seed,
)
from calo4pqvae.simulation.geant4 import elements_of
from calo4pqvae.simulation.journal import pack_shower
from calo4pqvae.simulation.stack import Stack

__all__ = ["EventServer", "SimulationMaker"]

_held: list[tuple[Any, ...]] = []
"""What the one Geant4 of this process was set up for."""


class EventServer:
    """Simulates showers one by one, as told.

    Arguments:
        stack: the detector, as a dict.
        particle: what comes in along the axis.
        variables: environment variables that name the tables.
    """

    def __init__(
        self, stack: dict[str, Any], particle: Particle, variables: dict[str, str]
    ) -> None:
        os.environ.update(variables)
        self._engine = Engine(Stack.from_dict(stack), particle)

    def answer(self, task: tuple[int, str, int] | list[Any]) -> tuple[float, bytes]:
        """Simulate a shower of a number, an energy (hexadecimal) [MeV] and a seed.

        Returns:
            the CPU time that it took [s], and the packed shower.
        """
        _, energy, seed = task
        voxels, seconds = self._engine.shoot(float.fromhex(energy), seed)
        return seconds, pack_shower(voxels)


class SimulationMaker:
    """Makes any showers of the one sequence that stack, particle, energies and seed define.

    All arguments can be written as JSON: see `shards.Recipe`.

    Arguments:
        stack: the detector, as a dict.
        particle: what comes in along the axis.
        energies: as for `EnergySequence.described`.
        seed: seed of all showers; each has its own, from this one and its number.
        tables: ``auto``, ``official`` or ``built``.
        tables_folder: where tables are built, if they are.
        times: whether to store the CPU time of each shower.
        compression: of the files.

    Attributes:
        facts: everything that the showers depend on, beside their numbers.
        note: one line on the tables.
    """

    def __init__(
        self,
        stack: dict[str, Any],
        particle: Particle,
        energies: dict[str, Any],
        *,
        seed: int = 0,
        tables: str = "auto",
        tables_folder: str,
        times: bool = True,
        compression: str = "gzip",
    ) -> None:
        self._stack, self._seed = Stack.from_dict(stack), seed
        self._particle: Particle = particle
        self._energies = EnergySequence.described(energies)
        self._times, self._compression = times, compression
        elements = elements_of({slab.material for slab in self._stack.slabs})
        folder = Path(tables_folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with waiting_for(folder, "build tables", float("inf")):
            self._tables = find_tables(tables, elements, folder)
        self.note = self._tables.note
        self._told = describe(self._stack, self._particle, self._seed, self._tables)
        self.facts = {**self._told, "energies": self._energies.facts}

    def check(self) -> None:
        """Refuse energies outside Geant4's tables.

        Raises:
            ConfigError: there are some.
        """
        check_energies(self._energies.ends())

    def make(self, shard: Shard, path: Path) -> None:
        """Simulate some showers and write them to a file, whole or not at all.

        Raises:
            SimulationError: Geant4 refuses the stack, or this process has simulated another
                one, of which Geant4 does not recover.
            OutputError: the file cannot be written.
        """
        attrs = {**attributes(self._told), SEQUENCE: digest_of(self.facts), FIRST: shard.first}
        e_inc = self._energies.take(shard.first, shard.n)
        with ShowerWriter(
            path,
            self._stack.geometry,
            attrs,
            overwrite=True,
            compression=self._compression,
        ) as writer:
            for number, energy in enumerate(e_inc, shard.first):
                seed = shower_seed(self._seed, number)
                voxels, seconds = self._engine.shoot(float(energy[0]), seed)
                times = {CPU_SECONDS: np.array([seconds])} if self._times else {}
                writer.append(energy[None], voxels[None], **times)

    @cached_property
    def _engine(self) -> Engine:
        """Geant4, started when it is needed."""
        wanted = (self._stack, self._particle, tuple(self._tables.variables.items()))
        if _held and _held != [wanted]:
            raise SimulationError(
                "this process holds Geant4 with another detector, which it cannot change; "
                "restart it (the workers of Dask, if it is one of them)"
            )
        _held[:] = [wanted]
        os.environ.update(self._tables.variables)
        return Engine(self._stack, self._particle)
