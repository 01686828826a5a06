"""Make shards of stub showers: what the kill campaign strikes.

    python scripts/stub_shards.py DIR --shards 12 --workers 2
    python scripts/stub_shards.py DIR --shards 12 --workers 2 --dask

With --dask a scheduler and its workers are started as processes of their own, and end with
this one however it ends.
"""

import argparse
import ctypes
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stub_maker import stub

from calo4pqvae.errors import Calo4pQVAEError
from calo4pqvae.shards.folder import ShardFolder
from calo4pqvae.shards.run import Told, by_processes, run_shards

DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of Linux."""


@contextmanager
def cluster(workers: int) -> Iterator[str]:
    """Run a scheduler with some workers; give its address."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "scheduler.json"
        given = ("--scheduler-file", str(place), "--no-dashboard", "--host", "127.0.0.1")
        more = ("--no-nanny", "--nthreads", "1", "--death-timeout", "20")
        started = [_start("distributed.cli.dask_scheduler", *given, "--port", "0")]
        started += [
            _start("distributed.cli.dask_worker", *given, *more) for _ in range(workers)
        ]
        try:
            while not place.exists() or not place.read_text(encoding="utf-8"):
                if started[0].poll() is not None:
                    raise Calo4pQVAEError("the scheduler died while it started")
                time.sleep(0.05)
            yield json.loads(place.read_text(encoding="utf-8"))["address"]
        finally:
            for process in started:
                process.kill()
                process.wait()


def _start(module: str, *words: str) -> subprocess.Popen:
    nothing = subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, "-m", module, *words],
        stdout=nothing,
        stderr=nothing,
        preexec_fn=lambda: ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL),  # noqa: PLW1509 - no thread runs yet
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Make shards of stub showers.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("-n", type=int, default=6144)
    parser.add_argument("--shards", type=int, default=12)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pause", type=float, default=0.01, help="time of 64 showers [s]")
    parser.add_argument("--dask", action="store_true")
    args = parser.parse_args()
    here = str(Path(__file__).parent)
    os.environ["PYTHONPATH"] = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        job, recipe = stub(n=args.n, count=args.shards, pause=args.pause)
        folder = ShardFolder.begin(args.folder, job)
        told = Told(
            on_state=lambda state: print(
                f"{len(state.finished)} there", *state.notes, sep="; "
            ),
            on_note=print,
        )
        if args.dask:
            from calo4pqvae.shards.dask_engine import by_dask

            with cluster(args.workers) as address:
                run_shards(folder, recipe, by_dask(address), told)
        else:
            run_shards(folder, recipe, by_processes(args.workers), told)
    except Calo4pQVAEError as error:
        print(error)
        return 2
    except KeyboardInterrupt:
        return 130
    print(f"{args.shards} shards are there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
