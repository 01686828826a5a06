"""How one shard comes to be: in a process of ours, of a batch system, or of Dask."""

import os
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Protocol, runtime_checkable

from calo4pqvae.data.opening import sha256_of
from calo4pqvae.errors import OutputError
from calo4pqvae.shards.folder import ShardFolder, digest_of
from calo4pqvae.shards.ledger import Entry, waiting_for
from calo4pqvae.shards.plan import Shard

__all__ = ["Maker", "Recipe", "ShardServer", "make_shard"]


@runtime_checkable
class Maker(Protocol):
    """Something that makes the showers of a sequence.

    Attributes:
        facts: everything that the showers depend on, beside their numbers.
    """

    facts: dict[str, Any]

    def make(self, shard: Shard, path: Path) -> None:
        """Write the showers of a shard to a file, whole or not at all, replacing it."""
        ...


@dataclass(frozen=True)
class Recipe:
    """What a process needs to know to be a maker, all of it JSON.

    Attributes:
        maker: module and name of the class.
        options: its arguments.
    """

    maker: str
    options: dict[str, Any]

    def build(self) -> Maker:
        """Make the maker."""
        return resolve_name(self.maker)(**self.options)


def make_shard(folder: ShardFolder, maker: Maker, shard: Shard) -> Entry:
    """Make a shard and note it in the manifest, unless somebody has done so meanwhile.

    Whoever else makes the same shard is waited for.

    Raises:
        OutputError: the folder is for other showers, or the disk is full.
    """
    _check(folder, maker)
    path = folder.shard_path(shard)
    with waiting_for(path, "make a shard", float("inf")):
        done = folder.entry_of(shard)
        if done is not None:
            return done
        began, used = time.monotonic(), time.process_time()
        maker.make(shard, path)
        entry = Entry(
            *shard,
            sequence=folder.job.sequence,
            sha256=sha256_of(path),
            size=path.stat().st_size,
            host=socket.gethostname(),
            seconds=round(time.monotonic() - began, 3),
            cpu=round(time.process_time() - used, 3),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        folder.ledger.append(entry)
    return entry


class ShardServer:
    """Makes shards of one folder, one after another.

    Arguments:
        folder: the folder.
        maker, options: as in `Recipe`.

    Raises:
        OutputError: the maker here makes other showers than the folder is for.
    """

    def __init__(self, folder: str, maker: str, options: dict[str, Any]) -> None:
        self._folder = ShardFolder(folder)
        self._maker = Recipe(maker, options).build()
        self._shards = self._folder.job.plan.shards
        _check(self._folder, self._maker)

    def answer(self, task: int) -> tuple[Any, bytes]:
        """Make the shard of a number; say so."""
        entry = make_shard(self._folder, self._maker, self._shards[task])
        return [entry.n, entry.seconds, os.getpid()], b""


def _check(folder: ShardFolder, maker: Maker) -> None:
    """Refuse a maker of other showers: another program, model or kind of machine."""
    if digest_of(maker.facts) == folder.job.sequence:
        return
    facts = folder.job.facts
    different = [
        f"{key}: {facts.get(key)!r} there, {maker.facts.get(key)!r} here"
        for key in sorted(facts.keys() | maker.facts.keys())
        if facts.get(key) != maker.facts.get(key)
    ]
    raise OutputError(
        f"{folder.path}: is for other showers than this process makes "
        f"({'; '.join(different)}); use the same program, model and type of machine, "
        "or another folder"
    )
