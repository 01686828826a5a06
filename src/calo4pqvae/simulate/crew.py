"""Worker processes: each gets the next shower as soon as it has finished one."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from calo4pqvae.errors import SimulationError
from calo4pqvae.simulate.journal import Finished, Shot

__all__ = ["Crew"]

Keep = Callable[[Shot, bytes, float], None]


@dataclass
class _Worker:
    """A process, what it is doing, and what it has said last."""

    name: str
    process: subprocess.Popen[bytes]
    shot: Shot | None = None
    ready: bool = False
    log: Path = field(default_factory=Path)


class Crew:
    """Some workers on a job; leaving the `with` block ends them.

    Arguments:
        job: stack, particle, and environment variables that name the tables.
        folder: where their logs go.
        size: number of processes.
    """

    def __init__(self, job: Mapping[str, Any], folder: Path, size: int) -> None:
        self._job, self._folder, self._size = job, folder, size
        self._workers: list[_Worker] = []

    def __enter__(self) -> "Crew":
        first = len(list(self._folder.glob("*.log")))
        try:
            for number in range(first, first + self._size):
                self._workers.append(self._hire(f"worker-{number:03d}"))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *reason: object) -> None:
        for worker in self._workers:
            worker.process.kill()
            worker.process.wait()
            for stream in (worker.process.stdin, worker.process.stdout):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()

    def simulate(self, shots: Iterable[Shot], keep: Keep) -> Iterator[Finished]:
        """Hand out showers in order and yield them as they are finished, in any order.

        Arguments:
            shots: what to simulate.
            keep: called with each shot, its packed shower and its CPU time before it is
                yielded.

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
                    finished = self._hear(worker, keep)
                    if finished is not None:
                        yield finished
                    if not self._hand_over(worker, next(waiting, None)):
                        selector.unregister(_pipe(worker))

    def _hire(self, name: str) -> _Worker:
        """Start a process; numerical libraries in it need no threads of their own.

        It does not hear Ctrl-C, which reaches all processes of a terminal: the master ends it.
        """
        log = self._folder / f"{name}.log"
        command = [sys.executable, "-m", "calo4pqvae.simulate.worker", str(log)]
        heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, heard)
        worker = _Worker(name, process, log=log)
        self._tell(worker, json.dumps(self._job))
        return worker

    def _tell(self, worker: _Worker, line: str) -> None:
        """Send a line to a worker."""
        pipe = worker.process.stdin
        assert pipe is not None
        try:
            pipe.write(line.encode() + b"\n")
            pipe.flush()
        except BrokenPipeError:
            raise SimulationError(self._obituary(worker)) from None

    def _hear(self, worker: _Worker, keep: Keep) -> Finished | None:
        """Read one answer of a worker, and keep the shower that comes with it."""
        pipe = _pipe(worker)
        line = pipe.readline()
        if not line.endswith(b"\n"):
            raise SimulationError(self._obituary(worker))
        answer = json.loads(line)
        if "error" in answer:
            raise SimulationError(answer["error"])
        if worker.shot is None:
            return None
        packed = pipe.read(answer["n_bytes"])
        if len(packed) < answer["n_bytes"]:
            raise SimulationError(self._obituary(worker))
        finished = Finished(worker.shot, answer["cpu_seconds"])
        keep(finished.shot, packed, finished.cpu_seconds)
        worker.shot = None
        return finished

    def _hand_over(self, worker: _Worker, shot: Shot | None) -> bool:
        """Give a worker its next shower; say whether there was one."""
        if shot is None:
            return False
        worker.shot = shot
        self._tell(worker, f"{shot.number} {float(shot.energy).hex()} {shot.seed}")
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


def _pipe(worker: _Worker) -> IO[bytes]:
    assert worker.process.stdout is not None
    return worker.process.stdout
