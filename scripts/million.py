"""Generate a million showers while processes are killed at random, and look at what came of it.

    python scripts/million.py run --work WORK -n 1000000 --shards 200   # resumable
    python scripts/million.py apart --work WORK --of 20 --only 3 11     # shards made apart
    python scripts/million.py report --work WORK

`run` gives one command again and again until it ends well, and strikes its workers and itself
by SIGKILL meanwhile. Memory and computing time of all processes are noted every few seconds.
`apart` makes shards of another cut by commands of their own and compares their showers with
those of the run, to the last bit.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.shards.folder import ShardFolder
from calo4pqvae.shards.ledger import Entry
from calo4pqvae.shards.plan import Plan

LOOK = 5.0
"""Seconds between two looks at the processes."""

VICTIMS = {"worker": 0.6, "parent": 0.3, "all": 0.1}
"""Who is killed how often."""

SETTINGS = ("--model", "pretrained", "--seed", "7")


class Notes:
    """Lines of JSON in a file: what happened, and what was seen."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, **words: Any) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"t": round(time.time(), 1), **words}) + "\n")

    def read(self, kind: str) -> list[dict[str, Any]]:
        if not self._path.exists():
            return []
        lines = self._path.read_text(encoding="utf-8").splitlines(True)
        found = [json.loads(line) for line in lines if line.endswith("\n")]
        return [note for note in found if note["kind"] == kind]


def command(args: argparse.Namespace) -> list[str]:
    """The command of the run."""
    words = ["generate", *SETTINGS, "-n", str(args.n), "--shards", str(args.shards)]
    more = ["--workers", str(args.workers), "--compression", args.compression]
    return [sys.executable, "-m", "calo4pqvae", *words, *more, "-o", str(args.work / "million")]


def run(args: argparse.Namespace) -> int:
    """Give the command until it ends well."""
    args.work.mkdir(parents=True, exist_ok=True)
    notes = Notes(args.work / "notes.jsonl")
    while True:
        rng = np.random.default_rng([args.seed, len(notes.read("begin"))])
        notes.add(kind="begin")
        began = time.monotonic()
        with (args.work / "log.txt").open("ab") as log:
            parent = psutil.Popen(
                command(args), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        moment = began + 20 + rng.exponential(args.every)
        while parent.poll() is None:
            time.sleep(LOOK)
            _look(parent, notes)
            struck = len(notes.read("kill"))
            if time.monotonic() > moment and struck < args.kills:
                _kill(parent, rng, notes)
                moment = time.monotonic() + rng.exponential(args.every)
        notes.add(kind="end", status=parent.returncode, seconds=time.monotonic() - began)
        if parent.returncode == 0:
            return 0
        if parent.returncode > 0:
            print((args.work / "log.txt").read_text(encoding="utf-8")[-2000:])
            return 1


def _processes(parent: psutil.Popen) -> Iterator[tuple[str, psutil.Process]]:
    with suppress(psutil.Error):
        yield "parent", psutil.Process(parent.pid)
        for child in psutil.Process(parent.pid).children():
            yield "worker", child


def _look(parent: psutil.Popen, notes: Notes) -> None:
    """Note memory and computing time of every process."""
    for role, process in _processes(parent):
        with suppress(psutil.Error):
            times = process.cpu_times()
            notes.add(
                kind="look",
                role=role,
                pid=process.pid,
                mb=round(process.memory_info().rss / 1e6, 1),
                cpu=round(times.user + times.system, 2),
            )


def _kill(parent: psutil.Popen, rng: np.random.Generator, notes: Notes) -> None:
    """Strike one process or all."""
    whom = str(rng.choice(list(VICTIMS), p=list(VICTIMS.values())))
    found = list(_processes(parent))
    if whom == "worker":
        found = [pair for pair in found if pair[0] == "worker"]
        found = [found[int(rng.integers(len(found)))]] if found else []
    elif whom == "parent":
        found = found[:1]
    for _, process in reversed(found):
        with suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
    if found:
        notes.add(kind="kill", whom=whom)


def apart(args: argparse.Namespace) -> int:
    """Make shards of another cut by commands of their own; compare them with the run."""
    folder = ShardFolder(args.work / "million")
    plan, notes = folder.job.plan, Notes(args.work / "notes.jsonl")
    worse = 0
    for shard in Plan(plan.first, plan.n, args.of).shards:
        if args.only and shard.number not in args.only:
            continue
        path = args.work / f"apart-{shard.number}.h5"
        words = ["--first", str(shard.first), "-n", str(shard.n), "--overwrite"]
        before = _children()
        subprocess.run(
            [
                sys.executable,
                "-m",
                "calo4pqvae",
                "generate",
                *SETTINGS,
                *words,
                "-o",
                str(path),
            ],
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        cpu = _children() - before
        same = _same(folder, path, shard.first)
        worse += not same
        notes.add(kind="apart", number=shard.number, n=shard.n, same=same, cpu=cpu)
        path.unlink()
    return worse


def _children() -> float:
    used = os.times()
    return used.children_user + used.children_system


def _same(folder: ShardFolder, path: Path, first: int) -> bool:
    """Whether all showers of a file are those of the run, to the last bit."""
    with ShowerFile(path) as mine:
        for shard in folder.job.plan.shards:
            low = max(shard.first, first)
            high = min(shard.first + shard.n, first + len(mine))
            if low >= high:
                continue
            with ShowerFile(folder.shard_path(shard)) as theirs:
                for at in range(low, high, 1024):
                    end = min(at + 1024, high)
                    a, b = (
                        slice(at - first, end - first),
                        slice(at - shard.first, end - shard.first),
                    )
                    for one, other in (
                        (mine.e_inc(a), theirs.e_inc(b)),
                        (mine.showers(a), theirs.showers(b)),
                    ):
                        if one.tobytes() != other.tobytes():
                            return False
    return True


def report(args: argparse.Namespace) -> int:
    """Say what came of it, as Markdown."""
    notes, folder = Notes(args.work / "notes.jsonl"), ShardFolder(args.work / "million")
    state = folder.state()
    numbers = sorted((entry.first, entry.n) for entry in state.finished)
    follow = all(a + n == b for (a, n), (b, _) in pairwise(numbers))
    lines = folder.ledger.path.read_text(encoding="utf-8").splitlines()
    kills, looks = notes.read("kill"), notes.read("look")
    counts = {whom: sum(k["whom"] == whom for k in kills) for whom in VICTIMS}
    rows = {
        "showers": f"{sum(n for _, n in numbers):,}, no gap: {follow}",
        "shards, lines of the manifest": f"{len(state.finished)}, {len(lines)}",
        "missing or altered": str(len(state.missing)),
        "size": f"{sum(e.size for e in state.finished) / 1e9:.2f} GB",
        "kills of a worker, the parent, all": ", ".join(map(str, counts.values())),
        "starts": str(len(notes.read("begin"))),
        "time of all runs": f"{sum(e['seconds'] for e in notes.read('end')) / 60:.0f} min",
        "CPU time of all processes": f"{_cpu(looks) / 60:.1f} min",
        **_costs(state.finished),
        **{f"memory of a {role} [MB]": _memory(looks, role) for role in ("worker", "parent")},
    }
    for note in notes.read("apart"):
        cost = 1e3 * note["cpu"] / note["n"]
        rows[f"shard {note['number']} of {note['n']:,} apart"] = (
            f"{'equal to the bit' if note['same'] else 'DIFFERENT'}, {cost:.2f} ms a shower"
        )
    print("| | |\n|---|---|")
    print("\n".join(f"| {name} | {value} |" for name, value in rows.items()))
    return int(bool(state.missing) or not follow)


def _costs(entries: list[Entry]) -> dict[str, str]:
    """Computing time of the first showers, of ten times as many, and so on, by the manifest."""
    n = np.cumsum([entry.n for entry in entries])
    cpu = np.cumsum([entry.cpu for entry in entries])
    rows, last = {}, None
    for wanted in (n[-1] // 100, n[-1] // 10, n[-1]):
        at = int(np.searchsorted(n, wanted))
        cost = cpu[at] / n[at]
        more = (
            "" if last is None else f", {100 * (cost / last - 1):+.1f} % beside the row above"
        )
        rows[f"CPU of the first {n[at]:,} showers"] = (
            f"{cpu[at]:.1f} s, {1e3 * cost:.3f} ms a shower{more}"
        )
        last = cost
    return rows


def _cpu(looks: list[dict[str, Any]]) -> float:
    """Seconds of all processes, each as it was last seen."""
    last = {(look["pid"], look["role"]): look["cpu"] for look in looks}
    return sum(last.values())


def _memory(looks: list[dict[str, Any]], role: str) -> str:
    """Medians of the first and the last tenth of the looks, and the most of all."""
    seen = [look["mb"] for look in looks if look["role"] == role and look["cpu"] > 4]
    if not seen:
        return "not seen"
    tenth = max(1, len(seen) // 10)
    first, last = np.median(seen[:tenth]), np.median(seen[-tenth:])
    return f"{first:.0f} in the first tenth, {last:.0f} in the last, at most {max(seen):.0f}"


def main() -> int:
    parser = argparse.ArgumentParser(description="A million showers among kills.")
    parser.add_argument("what", choices=("run", "apart", "report"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("-n", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--compression", default="gzip")
    parser.add_argument("--kills", type=int, default=20, help="at most so many (20)")
    parser.add_argument("--every", type=float, default=120.0, help="mean time of a kill [s]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--of", type=int, default=20, help="cut of the shards made apart (20)")
    parser.add_argument("--only", type=int, nargs="+", help="some of them")
    args = parser.parse_args()
    return {"run": run, "apart": apart, "report": report}[args.what](args)


if __name__ == "__main__":
    sys.exit(main())
