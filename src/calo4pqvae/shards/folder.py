"""A folder of shards: what it is for, what is finished in it, and what is missing."""

import hashlib
import json
import operator
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from calo4pqvae._core.atomic import write_json
from calo4pqvae._core.intake import parsing, read_json
from calo4pqvae._core.lock import output_lock
from calo4pqvae.data.opening import sha256_of
from calo4pqvae.errors import OutputError
from calo4pqvae.shards.ledger import Entry, Ledger
from calo4pqvae.shards.plan import Plan, Shard

__all__ = ["FIRST", "SEQUENCE", "Job", "ShardFolder", "State", "digest_of"]

SCHEMA = 1
JOB, MANIFEST = "job.json", "manifest.jsonl"

SEQUENCE = "sequence"
"""Attribute of a shower file: digest of what its showers depend on, beside their numbers."""

FIRST = "first_shower"
"""Attribute of a shower file: number of its first shower in that sequence."""


@dataclass(frozen=True)
class Job:
    """What the shards of a folder are.

    Attributes:
        facts: everything that the showers depend on, beside their numbers.
        plan: how they are cut.
        layout: how files are written, which changes no shower.
    """

    facts: dict[str, Any]
    plan: Plan
    layout: dict[str, Any] = field(default_factory=dict)

    @property
    def sequence(self) -> str:
        """Digest of the facts."""
        return digest_of(self.facts)

    def differences(self, other: "Job") -> list[str]:
        """Name what another job has otherwise."""
        pairs = [(self.facts, other.facts), (self.layout, other.layout)]
        pairs.append((asdict(self.plan), asdict(other.plan)))
        return [
            key
            for mine, theirs in pairs
            for key in sorted(mine.keys() | theirs.keys())
            if mine.get(key) != theirs.get(key)
        ]


@dataclass(frozen=True)
class State:
    """What lies in a folder.

    Attributes:
        finished: shards whose file is the one that was finished.
        missing: the others.
        notes: what happened to shards that were finished once, one sentence each.
    """

    finished: list[Entry]
    missing: list[Shard]
    notes: list[str]


class ShardFolder:
    """A folder of shards that exists.

    Arguments:
        path: the folder.

    Raises:
        OutputError: it holds no job, or one that cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.job = _read_job(self.path / JOB)
        self.ledger = Ledger(self.path / MANIFEST)

    @classmethod
    def begin(cls, path: str | Path, job: Job) -> "ShardFolder":
        """Open the folder of a job, or begin it.

        Raises:
            OutputError: it holds another job, or other files, or cannot be written.
        """
        path, job = Path(path), _as_read(job)
        with output_lock(path, "begin a job", folder=True):
            if (path / JOB).exists():
                folder = cls(path)
                if different := job.differences(folder.job):
                    raise OutputError(
                        f"{path}: holds shards of another job (it differs in "
                        f"{', '.join(different)}); choose another folder, or remove this one"
                    )
                return folder
            if any(not entry.name.startswith(".") for entry in path.iterdir()):
                raise OutputError(f"{path}: holds other files; choose an empty or new folder")
            write_json(path / JOB, {"schema": SCHEMA, **asdict(job)})
        return cls(path)

    def shard_path(self, shard: Shard) -> Path:
        """Where a shard's file lies."""
        return self.path / shard.name

    def state(self, on_shard: Callable[[int], None] = lambda _: None) -> State:
        """Compare every file with the manifest.

        Arguments:
            on_shard: called with 1 for each shard that was looked at.
        """
        entries, damaged = self.ledger.read()
        found = State([], [], [])
        if damaged:
            found.notes.append(
                f"{damaged} damaged line{'s' * (damaged > 1)} of {self.ledger.path.name} "
                "passed over"
            )
        for shard in self.job.plan.shards:
            entry = entries.get(shard.number)
            wrong = self._wrong(shard, entry)
            if wrong is None and entry is not None:
                found.finished.append(entry)
            else:
                found.missing.append(shard)
                if wrong:
                    found.notes.append(f"{shard.name} {wrong}")
            on_shard(1)
        return found

    def entry_of(self, shard: Shard) -> Entry | None:
        """The entry of a shard that is finished, its file unchanged; None for others."""
        entry = self.ledger.read()[0].get(shard.number)
        return entry if entry is not None and self._wrong(shard, entry) is None else None

    def tidy(self) -> None:
        """Remove locks that dead processes left beside finished files."""
        for name in [self.ledger.path.name, *(s.name for s in self.job.plan.shards)]:
            if (self.path / f".{name}.lock").exists():
                with output_lock(self.path / name, "tidy up"):
                    pass

    def _wrong(self, shard: Shard, entry: Entry | None) -> str | None:
        """What keeps a shard from being finished; nothing if it was never begun."""
        path = self.shard_path(shard)
        if entry is None:
            return "is in no line of the manifest" if path.exists() else ""
        if (entry.sequence, entry.shard) != (self.job.sequence, shard):
            return "is of another job by its line of the manifest"
        try:
            if path.stat().st_size != entry.size or sha256_of(path) != entry.sha256:
                return "was altered after it was finished"
        except OSError:
            return "is gone"
        return None


def digest_of(facts: Mapping[str, Any]) -> str:
    """Digest of facts, whatever their order."""
    told = json.dumps(facts, sort_keys=True, allow_nan=False)
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def _as_read(job: Job) -> Job:
    """The job as it is when it was written and read again: tuples are lists."""
    return _job_of(json.loads(json.dumps(asdict(job), allow_nan=False)))


def _job_of(found: dict[str, Any]) -> Job:
    plan = {name: operator.index(value) for name, value in found["plan"].items()}
    return Job(dict(found["facts"]), Plan(**plan), dict(found["layout"]))


def _read_job(path: Path) -> Job:
    if not path.exists():
        raise OutputError(f"{path.parent}: is no folder of shards, it has no {path.name}")
    found = read_json(path, "description of a job", error=OutputError)
    with parsing(path, "description of a job", OutputError):
        if found["schema"] != SCHEMA:
            raise OutputError(f"{path}: is of another version of calo4pqvae")
        return _job_of(found)
