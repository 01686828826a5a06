"""Make what is missing in a folder of shards, by processes of this machine or by Dask."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from calo4pqvae._core.lock import output_lock
from calo4pqvae.errors import OutputError, WorkerError
from calo4pqvae.shards.crew import Crew
from calo4pqvae.shards.folder import ShardFolder, State
from calo4pqvae.shards.making import Recipe
from calo4pqvae.shards.plan import Shard

__all__ = ["Engine", "Told", "by_processes", "missing_ranges", "run_shards"]

LOGS = "logs"


@dataclass(frozen=True)
class Told:
    """Callbacks of a run that show it.

    Attributes:
        on_look: called with 1 for each shard that was compared with the manifest.
        on_state: called with what was found.
        on_showers: called with the number of showers just finished.
        on_note: called with a sentence about something that went wrong and was mended.
    """

    on_look: Callable[[int], None] = lambda _: None
    on_state: Callable[[State], None] = lambda _: None
    on_showers: Callable[[int], None] = lambda _: None
    on_note: Callable[[str], None] = lambda _: None


Engine = Callable[[ShardFolder, Recipe, list[Shard], Told], None]
"""Makes shards of a folder by a recipe, and tells about them."""


def run_shards(
    folder: ShardFolder, recipe: Recipe, engine: Engine, told: Told = Told()
) -> State:
    """Make every shard that is missing or is not what was finished.

    Arguments:
        folder: where they lie.
        recipe: makes a maker of the folder's showers.
        engine: says where the makers run: `by_processes`, or `dask_engine.by_dask`.
        told: callbacks.

    Returns:
        what is there in the end: everything.

    Raises:
        OutputError: another run is at work in the folder, or the disk is full.
        WorkerError: a process has died too often; what is finished is kept.
    """
    with output_lock(folder.path, "make shards", folder=True):
        before = folder.state(told.on_look)
        told.on_state(before)
        if before.missing:
            try:
                engine(folder, recipe, before.missing, told)
            except (OutputError, WorkerError) as error:
                raise type(error)(
                    f"{error}; {_kept(folder)}", error.remedy, **error.about
                ) from error
        entries, _ = folder.ledger.read()
        numbers = [entry.number for entry in before.finished]
        numbers += [shard.number for shard in before.missing if shard.number in entries]
        if len(set(numbers)) < folder.job.plan.count:
            raise WorkerError(f"{folder.path}: not every shard was made; {_kept(folder)}")
        folder.tidy()
        shutil.rmtree(folder.path / LOGS, ignore_errors=True)
        return State([entries[number] for number in sorted(numbers)], [], [])


def by_processes(workers: int, gpus: tuple[str, ...] = ()) -> Engine:
    """Make shards by processes of this machine.

    Arguments:
        workers: how many.
        gpus: GPUs, of which each process sees one.
    """

    def engine(folder: ShardFolder, recipe: Recipe, shards: list[Shard], told: Told) -> None:
        crew = Crew(
            "calo4pqvae.shards.making:ShardServer",
            {"folder": str(folder.path), "maker": recipe.maker, "options": recipe.options},
            folder.path / LOGS,
            min(workers, len(shards)),
            gpus=gpus,
            describe=lambda task: f"at shard {task}",
            on_death=lambda how: told.on_note(f"{how}; replaced"),
        )
        with crew:
            for done in crew.work(shard.number for shard in shards):
                told.on_showers(done.told[0])

    return engine


def missing_ranges(numbers: list[int]) -> str:
    """Write numbers of shards as ranges, the way batch systems read them.

    Example:
        >>> missing_ranges([0, 1, 2, 7])
        '0-2,7'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def _kept(folder: ShardFolder) -> str:
    """Say how far it came, and what to do."""
    entries, _ = folder.ledger.read()
    return (
        f"{len(entries)} of {folder.job.plan.count} shards are in {folder.path}, run the same "
        "again to go on"
    )
