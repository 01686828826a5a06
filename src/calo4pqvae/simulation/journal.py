"""Finished showers on disk, each checked against the job when it is read again."""

import json
import warnings
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from calo4pqvae._core.journal import Journal, Record
from calo4pqvae.errors import OutputError, PhysicsWarning, SimulationError

__all__ = ["Event", "Finished", "ShowerJournal", "pack_shower"]

_KIND = "simulation"


class Event(NamedTuple):
    """A shower to simulate: its number, incident energy [MeV] and seed."""

    number: int
    energy: float
    seed: int


class Finished(NamedTuple):
    """A shower that is in the journal.

    Attributes:
        event: what it is a shower of.
        cpu_seconds: the CPU time that it took [s].
    """

    event: Event
    cpu_seconds: float


class ShowerJournal:
    """The finished showers of one simulation, in one file.

    Arguments:
        path: the file; begun if there is none.
        facts: everything that the showers depend on.
        n_voxels: voxels of a shower.

    Raises:
        OutputError: it holds showers of another simulation, or cannot be written.
        JournalError: it is no journal.
    """

    def __init__(self, path: Path, facts: Mapping[str, Any], n_voxels: int) -> None:
        self._n_voxels = n_voxels
        facts = json.loads(json.dumps(facts))
        self._journal = Journal(path, _KIND, facts)
        try:
            if self._journal.about != facts and not len(self._journal):
                self._journal.close()
                path.unlink()
                self._journal = Journal(path, _KIND, facts)
            _compare(path.parent, self._journal.about, facts)
        except BaseException:
            self._journal.close()
            raise
        for sentence in self._journal.damaged:
            _warn(f"{path}: {sentence}")

    def __enter__(self) -> "ShowerJournal":
        return self

    def __exit__(self, *reason: object) -> None:
        self._journal.close()

    def done(self, events: Iterable[Event]) -> set[int]:
        """Numbers of the showers that are finished and fit what is asked for.

        A record whose energy or seed is another one's, or whose shower cannot be read, does
        not count: the shower is simulated again.
        """
        found, other = set(), []
        for event in events:
            record = self._journal.get(str(event.number))
            if record is None:
                continue
            if _fits(record, event) and self._unpack(record) is not None:
                found.add(event.number)
            else:
                other.append(event.number)
        if other:
            _warn(
                f"{self._journal.path}: {len(other)} records are not showers of this "
                f"simulation, the first is number {other[0]}; they are simulated again"
            )
        return found

    def keep(self, event: Event, packed: bytes, cpu_seconds: float) -> None:
        """Write a finished shower; when this returns, it survives the death of the process.

        Raises:
            OutputError: the disk is full; all showers before are kept.
        """
        about = {**event._asdict(), "cpu_seconds": cpu_seconds}
        self._journal.append(str(event.number), about, packed, replace=True)

    def read(self, event: Event) -> tuple[Float[np.ndarray, " voxels"], float]:
        """Read a finished shower: voxel energies [MeV] and CPU time [s].

        Raises:
            SimulationError: it is not there, or is another one.
        """
        record = self._journal.get(str(event.number))
        shower = self._unpack(record) if record is not None and _fits(record, event) else None
        if record is None or shower is None:
            raise SimulationError(
                f"{self._journal.path}: shower {event.number} is not there any more; run the "
                "same again to go on"
            )
        return shower, float(record.about["cpu_seconds"])

    def _unpack(self, record: Record) -> Float[np.ndarray, " voxels"] | None:
        """Read the voxels of a record; None if they are none of this detector."""
        size = 4 * self._n_voxels
        try:
            decompress = zlib.decompressobj()
            content = decompress.decompress(record.payload, size + 1)
        except zlib.error:
            return None
        if len(content) != size or not decompress.eof:
            return None
        return np.frombuffer(content, "<f4")


def pack_shower(voxels: Float[np.ndarray, " voxels"]) -> bytes:
    """Pack voxel energies [MeV] as the content of a record."""
    return zlib.compress(voxels.astype("<f4").tobytes(), 1)


def _fits(record: Record, event: Event) -> bool:
    """Whether a record is the shower that is asked for."""
    told = [record.about.get(name) for name in event._fields]
    return told == list(event) and isinstance(record.about.get("cpu_seconds"), float)


def _compare(folder: Path, begun: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """See that the simulation in a folder is this one."""
    other = [key for key, value in facts.items() if begun.get(key) != value]
    if other:
        raise OutputError(
            f"{folder}: holds finished showers of another simulation (it differs in "
            f"{', '.join(other)}); remove the folder or choose another name"
        )


def _warn(sentence: str) -> None:
    warnings.warn(sentence, PhysicsWarning, stacklevel=3)
