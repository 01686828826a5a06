"""Try every registered reader on damaged files, 20,000 of each by default; resumable.

    python scripts/mutate_inputs.py [--each N] [--reader NAME] [--state FILE] [--table FILE.md]

Each file is damaged in one to three ways that its number alone decides. A worker reads it and
must end in success or in one of the errors that the reader declares; it is watched from
outside, killed after 120 s on the clock, and started anew when it dies. Times are computing
times, those of child processes with them, so that a busy machine does not count. The state is
written every few seconds: the same command goes on.
"""

import argparse
import contextlib
import json
import mmap
import os
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from datetime import UTC, datetime
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from mutations import mutate
from valid_files import VALID

from calo4pqvae.cli.readers import READERS, Reader

SLOW_S, HANGING_S = 10.0, 120.0
MEMORY_KIB = 512 * 1024
FIELDS = ("done", "started", "read", "refused", "tracebacks", "slow", "slowest", "memory")
"""What a worker shares: files done, start of the present one, outcomes, largest figures."""


class Shared:
    """Numbers in memory that worker and watcher share."""

    def __init__(self, start: dict[str, float]) -> None:
        self._memory = mmap.mmap(-1, 8 * len(FIELDS))
        for name, value in start.items():
            self[name] = value

    def __getitem__(self, name: str) -> float:
        return struct.unpack_from("<d", self._memory, 8 * FIELDS.index(name))[0]

    def __setitem__(self, name: str, value: float) -> None:
        struct.pack_into("<d", self._memory, 8 * FIELDS.index(name), value)


def one_file(name: str, number: int, originals: list[Path], folder: Path) -> Path:
    """Write the damaged file of this number and return what the reader is given."""
    rng = Random(f"{name} {number}")
    valid, original = VALID[name], rng.choice(originals)
    chosen = rng.choice(list(valid.kinds))
    for path in original.iterdir():
        target = folder / path.name
        with contextlib.suppress(FileNotFoundError):
            target.unlink()  # a new file each time: nothing that is known of an old one counts
        content = path.read_bytes()
        if path.name == chosen:
            content = mutate(content, valid.kinds[chosen], rng)
        target.write_bytes(content)
    return folder if valid.folder else folder / chosen


def outcome(reader: Reader, path: Path) -> str:
    """Read a file; the traceback of an error that is not declared, else a word."""
    try:
        reader.read(path)
    except reader.errors as error:
        return "refused" if str(error).isprintable() else f"not one line: {error!r}"
    except Exception:
        return traceback.format_exc()
    return "read"


def work(name: str, each: int, originals: list[Path], shared: Shared, log: Path) -> None:
    """Go through the files of one reader, from the first that is not done."""
    reader = READERS[name]
    with tempfile.TemporaryDirectory(dir=memory_folder()) as scratch:
        folder = Path(scratch)
        for path in originals:  # imports and caches belong to the start
            for file in path.iterdir():
                shutil.copy(file, folder)
            valid = VALID[name]
            found = outcome(
                reader, folder if valid.folder else folder / next(iter(valid.kinds))
            )
            assert found == "read", f"the valid file of {name} is not read: {found}"
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in range(int(shared["done"]), each):
            path = one_file(name, number, originals, folder)
            shared["started"], begun = time.monotonic(), computing_time()
            found = outcome(reader, path)
            took = computing_time() - begun
            shared["started"] = 0.0
            used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            shared["memory"] = max(shared["memory"], used)
            shared["slowest"] = max(shared["slowest"], took)
            shared["slow"] += took > SLOW_S
            kind = found if found in {"read", "refused"} else "tracebacks"
            shared[kind] += 1
            if kind == "tracebacks" or took > SLOW_S or used > MEMORY_KIB:
                with log.open("a") as file:
                    file.write(f"{name} {number} {took:.1f} s {used} KiB\n{found}\n\n")
            shared["done"] = number + 1
            if used > MEMORY_KIB:
                return


def computing_time() -> float:
    """Time that this process and its children have computed [s]."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(sum(resource.getrusage(kind)[:2]) for kind in kinds)


def memory_folder() -> str | None:
    """A folder in memory, where there is one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def campaign(name: str, each: int, state: dict, save, log: Path) -> None:
    """Keep a worker going until all files of one reader are done."""
    shared = Shared(state)
    with tempfile.TemporaryDirectory() as kept:
        valid, originals = VALID[name], []
        for variant in range(valid.variants):
            originals.append(Path(kept) / str(variant))
            originals[-1].mkdir()
            valid.write(originals[-1], variant)
        deaths = 0
        while shared["done"] < each:
            worker = os.fork()
            if worker == 0:
                status = 1
                with contextlib.suppress(BaseException):
                    warnings.simplefilter("ignore")
                    limit_memory()
                    work(name, each, originals, shared, log)
                    status = 0
                os._exit(status)
            status = watch(worker, shared, lambda: save({k: shared[k] for k in FIELDS}))
            if status and shared["started"]:
                with log.open("a") as file:
                    file.write(
                        f"{name} {int(shared['done'])}: the worker ended with {status}\n\n"
                    )
                hung = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
                shared["slow" if hung else "tracebacks"] += 1
                shared["done"], shared["started"] = shared["done"] + 1, 0.0
            elif status:
                deaths += 1
                assert deaths < 5, f"the worker of {name} does not start; see {log}"
        save({k: shared[k] for k in FIELDS})


def limit_memory() -> None:
    """Keep a reader that swells from taking the machine along."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (4 << 30), -1))


def watch(worker: int, shared: Shared, save) -> int:
    """Wait for a worker, and kill it when one file takes two minutes."""
    last = time.monotonic()
    while True:
        ended, status = os.waitpid(worker, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.05)
        if shared["started"] and time.monotonic() - shared["started"] > HANGING_S:
            os.kill(worker, signal.SIGKILL)
        if time.monotonic() - last > 5:
            save()
            last = time.monotonic()


def table(states: dict[str, dict[str, float]]) -> str:
    """The result as a table of Markdown."""
    rows = [
        "| reader | files | read | refused | tracebacks | above 10 s | slowest [s] | [MiB] |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, s in states.items():
        counts = " | ".join(f"{int(s[k]):,}" for k in ("done", *FIELDS[2:6]))
        rows.append(f"| {name} | {counts} | {s['slowest']:.2f} | {s['memory'] / 1024:.0f} |")
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=20_000, help="files of each reader")
    parser.add_argument("--reader", nargs="+", choices=list(READERS), default=list(READERS))
    parser.add_argument("--state", type=Path, default=Path("mutate_inputs.json"))
    parser.add_argument("--report", action="store_true", help="print the table of a state")
    parser.add_argument("--table", type=Path, help="write the table here as well")
    args = parser.parse_args()
    states = json.loads(args.state.read_text()) if args.state.exists() else {}
    if args.report:
        print(table(states))
        return 0
    for name in args.reader:
        start = states.get(name, dict.fromkeys(FIELDS, 0.0))

        def save(found: dict[str, float], name: str = name) -> None:
            states[name] = found
            aside = args.state.with_suffix(".part")
            aside.write_text(json.dumps(states, indent=1))
            aside.replace(args.state)

        begun = time.monotonic()
        campaign(name, args.each, start, save, args.state.with_suffix(".log"))
        print(f"{name}: {int(states[name]['done'])} files, {time.monotonic() - begun:.0f} s")
    text = f"{datetime.now(UTC):%Y-%m-%d}\n\n{table(states)}\n"
    print(text)
    if args.table:
        args.table.write_text(text)
    bad = [
        n for n, s in states.items() if s["tracebacks"] or s["slow"] or s["memory"] > MEMORY_KIB
    ]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
