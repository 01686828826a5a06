"""A thousand stub workers on a real Dask scheduler: what shards cost beside their showers.

    python scripts/scheduler_load.py --workers 1000 --shards 3000 --pause 20 --work WORK

The scheduler is a process of its own; the workers are real ones, many in each of a few
processes, so that a small machine holds them. Their showers cost nothing but time: each shard
pauses as long as a real one would compute. What is measured is what does not scale with the
number of machines: scheduler, manifest, folder, verification, merging.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
from stub_maker import BATCH, stub

from calo4pqvae.shards import dask_engine, ledger
from calo4pqvae.shards.folder import ShardFolder
from calo4pqvae.shards.merge import find_parts, merge
from calo4pqvae.shards.run import Told, run_shards

HERE = Path(__file__).resolve()

QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "10s",
    "distributed.admin.system-monitor.interval": "60s",
}
"""Looks of each worker at itself, many times a second: those of hundreds in one process
leave it no time for its tasks."""


async def serve(address: str, count: int, notes: Path) -> None:
    """Be some workers, until the scheduler goes away."""
    import dask
    from distributed import Worker

    dask.config.set(QUIET)
    dask_engine._one_at_a_time = contextlib.nullcontext()  # each is a machine of its own
    waits: list[float] = []
    append = ledger.Ledger.append

    def timed(self: ledger.Ledger, entry: ledger.Entry) -> None:
        began = time.monotonic()
        append(self, entry)
        waits.append(time.monotonic() - began)

    ledger.Ledger.append = timed
    workers = []
    for _ in range(count):
        worker = await Worker(
            address, nthreads=1, memory_limit=0, dashboard=False, heartbeat_interval="30s"
        )
        workers.append(worker)
    try:
        await asyncio.gather(*(worker.finished() for worker in workers))
    finally:
        notes.write_text(json.dumps(waits), encoding="utf-8")


def start(*words: object) -> subprocess.Popen:
    paths = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


class Table(dict[str, float]):
    """Rows that are printed as they come."""

    def __setitem__(self, name: str, value: float) -> None:
        super().__setitem__(name, value)
        print(f"| {name} | {value:.4g} |", flush=True)


def measure(args: argparse.Namespace) -> None:
    """Run the job, and what follows it."""
    from distributed import Client

    args.work.mkdir(parents=True)
    place = args.work / "scheduler.json"
    words = ["-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    scheduler = start(*words, "--no-dashboard", "--scheduler-file", place)
    while not place.exists() or not place.read_text(encoding="utf-8"):
        time.sleep(0.1)
    address = json.loads(place.read_text(encoding="utf-8"))["address"]
    each = -(-args.workers // args.processes)
    notes = [args.work / f"waits-{k}.json" for k in range(args.processes)]
    crews = [start(HERE, "--serve", address, "--workers", each, "--work", n) for n in notes]
    found = Table()
    began = time.monotonic()
    with Client(address, timeout="120s", set_as_default=False) as client:
        client.wait_for_workers(each * args.processes, timeout=1800)
        found["workers"] = each * args.processes
        found["s until all workers are there"] = time.monotonic() - began
        n = args.shards * BATCH
        job, recipe = stub(n=n, count=args.shards, pause=args.pause)
        folder = ShardFolder.begin(args.work / "all", job)
        process, began = psutil.Process(scheduler.pid), time.monotonic()
        before = process.cpu_times().user
        done: list[float] = []
        told = Told(on_showers=lambda _: done.append(time.monotonic() - began))
        run_shards(folder, recipe, dask_engine.by_dask(client), told)
        found["shards"] = args.shards
        found["s for all shards"] = done[-1]
        found["s that they pause at least"] = (
            -(-args.shards // int(found["workers"])) * args.pause
        )
        found["CPU ms of the scheduler, a shard"] = (
            1e3 * (process.cpu_times().user - before) / args.shards
        )
        found["MB of the scheduler"] = process.memory_info().rss / 1e6
        client.shutdown()
    for process in [scheduler, *crews]:
        process.wait(timeout=120)
    waits = np.concatenate([json.loads(note.read_text(encoding="utf-8")) for note in notes])
    for share in (50, 99, 100):
        found[f"ms to add a line, {share} % of them"] = 1e3 * float(np.percentile(waits, share))
    began = time.monotonic()
    parts = find_parts([folder.path])
    found["ms to verify a shard of 5 kB"] = 1e3 * (time.monotonic() - began) / args.shards
    began = time.monotonic()
    merge(parts, args.work / "all.h5")
    found["s to merge, pointing"] = time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description="Load a real scheduler with stub workers.")
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--shards", type=int, default=3000)
    parser.add_argument("--pause", type=float, default=20.0, help="time of a shard [s]")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--serve", metavar="ADDRESS", help="be some of the workers")
    args = parser.parse_args()
    if args.serve:
        with contextlib.suppress(Exception):
            asyncio.run(serve(args.serve, args.workers, args.work))
        return 0
    measure(args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
