"""Worker processes: each gets the next shower as soon as it has finished one."""

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from calo4pqvae.errors import SimulationError

__all__ = ["Crew", "Finished", "Shot"]


class Shot(NamedTuple):
    """A shower to simulate: its number, incident energy [MeV] and seed."""

    number: int
    energy: float
    seed: int


class Finished(NamedTuple):
    """A shower that lies in a journal, and the CPU time that it took [s]."""

    shot: Shot
    cpu_seconds: float


@dataclass
class _Worker:
    """A process, what it is doing, and what it has said last."""

    name: str
    process: subprocess.Popen[str]
    shot: Shot | None = None
    ready: bool = False
    log: Path = field(default_factory=Path)


class Crew:
    """Some workers on the job in a folder; leaving the `with` block ends them.

    Arguments:
        folder: work folder with `job.json`, where journals and logs go.
        size: number of processes.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self._folder, self._size = folder, size
        self._workers: list[_Worker] = []

    def __enter__(self) -> "Crew":
        first = len(list(self._folder.glob("*.log")))
        for number in range(first, first + self._size):
            self._workers.append(self._hire(f"worker-{number:03d}"))
        return self

    def __exit__(self, *reason: object) -> None:
        for worker in self._workers:
            worker.process.kill()
            worker.process.wait()
            for stream in (worker.process.stdin, worker.process.stdout):
                if stream is not None:
                    stream.close()

    def simulate(self, shots: Iterable[Shot]) -> Iterator[Finished]:
        """Hand out showers in order and yield them as they are finished, in any order.

        Raises:
            SimulationError: a worker has died, or Geant4 refuses the job.
        """
        waiting = iter(shots)
        with selectors.DefaultSelector() as selector:
            for worker in self._workers:
                selector.register(_pipe(worker), selectors.EVENT_READ, worker)
            while selector.get_map():
                for key, _ in selector.select():
                    worker = key.data
                    finished = self._hear(worker)
                    if finished is not None:
                        yield finished
                    if not self._hand_over(worker, next(waiting, None)):
                        selector.unregister(_pipe(worker))

    def _hire(self, name: str) -> _Worker:
        """Start a process; numerical libraries in it need no threads of their own."""
        command = [sys.executable, "-m", "calo4pqvae.simulate.worker", str(self._folder), name]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        return _Worker(name, process, log=self._folder / f"{name}.log")

    def _hear(self, worker: _Worker) -> Finished | None:
        """Read one answer of a worker."""
        line = _pipe(worker).readline()
        if not line.endswith("\n"):
            raise SimulationError(self._obituary(worker))
        answer = json.loads(line)
        if "error" in answer:
            raise SimulationError(answer["error"])
        shot, worker.shot = worker.shot, None
        if shot is None:
            return None
        return Finished(shot, answer["cpu_seconds"])

    def _hand_over(self, worker: _Worker, shot: Shot | None) -> bool:
        """Give a worker its next shower; say whether there was one."""
        if shot is None:
            return False
        worker.shot = shot
        pipe = worker.process.stdin
        assert pipe is not None
        try:
            pipe.write(f"{shot.number} {float(shot.energy).hex()} {shot.seed}\n")
            pipe.flush()
        except BrokenPipeError:
            raise SimulationError(self._obituary(worker)) from None
        return True

    def _obituary(self, worker: _Worker) -> str:
        """Say how a worker died and what it was doing."""
        status = worker.process.wait()
        how = f"ended with status {status}"
        if status < 0:
            how = f"was ended by {signal.Signals(-status).name}"
        doing = "while it started Geant4"
        if worker.shot is not None:
            doing = f"at shower {worker.shot.number} of {worker.shot.energy / 1000:.4g} GeV"
        return f"{worker.name} {how} {doing} (its log: {worker.log})"


def _pipe(worker: _Worker):  # noqa: ANN202
    assert worker.process.stdout is not None
    return worker.process.stdout
