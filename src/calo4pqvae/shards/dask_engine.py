"""Make shards on a Dask cluster: the scheduler's workers do what our own processes do."""

import logging
import threading
from typing import Any

from calo4pqvae._core.optional import require
from calo4pqvae.errors import Calo4pQVAEError, OutputError, WorkerError
from calo4pqvae.shards.folder import ShardFolder
from calo4pqvae.shards.making import Recipe, ShardServer
from calo4pqvae.shards.plan import Shard
from calo4pqvae.shards.run import Engine, Told

__all__ = ["by_dask"]

_one_at_a_time = threading.Lock()
"""Tasks of one process take turns: a maker uses the process's only torch and numba threads."""

_servers: dict[str, ShardServer] = {}
"""The maker that a process has, by what it was made of: a model is read once."""

CONNECT = "60s"
"""Time to find the scheduler."""


def by_dask(client: Any) -> Engine:
    """Make shards on a cluster.

    Every machine of it must see the folder and the model under the same names. Workers should
    have one thread each (``--nthreads 1``), and one GPU each where there are any.

    Arguments:
        client: a `distributed.Client`, or the address of a scheduler.

    Raises:
        MissingExtraError: Dask is not installed.
    """
    distributed = require("distributed", "dask")

    def engine(folder: ShardFolder, recipe: Recipe, shards: list[Shard], told: Told) -> None:
        if isinstance(client, str):
            with _connect(distributed, client) as mine:
                _run(distributed, mine, folder, recipe, shards, told)
        else:
            _run(distributed, client, folder, recipe, shards, told)

    return engine


def _connect(distributed: Any, address: str) -> Any:
    # What goes wrong is told in one sentence, not in tracebacks of the library's threads.
    for name in ("distributed", "distributed.client"):  # each has a level of its own
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        return distributed.Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise WorkerError(f"no Dask scheduler answers at {address} ({error})") from error


def _run(
    distributed: Any,
    client: Any,
    folder: ShardFolder,
    recipe: Recipe,
    shards: list[Shard],
    told: Told,
) -> None:
    """Hand all shards to the scheduler, and wait for them."""
    where = str(folder.path.resolve())
    given = (where, recipe.maker, recipe.options)
    futures = [
        client.submit(_answer, *given, shard.number, key=f"{where}:{shard.number}", pure=False)
        for shard in shards
    ]
    try:
        for future in distributed.as_completed(futures, loop=client.loop):
            told.on_showers(_result(distributed, future)[0])
            future.release()
    finally:
        client.cancel(futures)


def _result(distributed: Any, future: Any) -> Any:
    """What a task has told; raise what went wrong as one of ours."""
    shard = future.key.rpartition(":")[2]
    try:
        told = future.result()
    except distributed.scheduler.KilledWorker as error:
        raise WorkerError(
            f"shard {shard} has cost too many workers of the Dask cluster ({error})"
        ) from error
    except (distributed.CancelledError, OSError, TimeoutError) as error:
        raise WorkerError(f"the Dask scheduler went away at shard {shard}") from error
    except Exception as error:  # whatever the program of another machine may raise
        raise WorkerError(
            f"shard {shard} failed on the Dask cluster ({type(error).__name__}: {error}); are "
            "the same versions of calo4pqvae and its libraries installed there?"
        ) from error
    if isinstance(told, str):
        raise OutputError(f"shard {shard} on the Dask cluster: {told}")
    return told


def _answer(folder: str, maker: str, options: dict[str, Any], number: int) -> Any:
    """Make a shard in a worker; what a user can mend comes back as a sentence."""
    key = repr((folder, maker, options))
    with _one_at_a_time:
        try:
            if key not in _servers:
                _servers.clear()
                _servers[key] = ShardServer(folder, maker, options)
            return _servers[key].answer(number)[0]
        except Calo4pQVAEError as error:
            return str(error)
