"""Processes that do tasks for this one: each gets the next as soon as it has finished one.

A process that dies is replaced, and its task is given to another; a task that has cost three
processes ends the work. All of them end when this process does, however it ends.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from calo4pqvae.errors import WorkerError

__all__ = ["Crew", "Done"]

ATTEMPTS = 3
"""Processes that a task may cost: one may meet the end of its machine's memory, or a person
with `kill`; three that die of one task die of the task."""


class Done(NamedTuple):
    """A task that was done.

    Attributes:
        task: the task, as it was given.
        told: what the process has told about it, as JSON.
        content: bytes that came with it.
    """

    task: Any
    told: Any
    content: bytes


@dataclass
class _Worker:
    """A process, and what it is doing."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    busy: bool = False
    task: Any = None
    ready: bool = False


class Crew:
    """Some processes of one kind; leaving the `with` block ends them.

    Arguments:
        server: module and name of a class; ``answer(task)`` of its objects does a task and
            gives what is told about it, as JSON can write it, and bytes.
        options: arguments of the class, as JSON can write them.
        logs: folder for what the processes print.
        size: number of processes.
        gpus: GPUs, by their numbers or names, of which each process sees one.
        describe: names a task in errors.
        on_death: called with a sentence for each process that has died and is replaced.
    """

    def __init__(
        self,
        server: str,
        options: Mapping[str, Any],
        logs: Path,
        size: int,
        *,
        gpus: tuple[str, ...] = (),
        describe: Callable[[Any], str] = lambda task: f"at task {task}",
        on_death: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._begin = json.dumps({"server": server, "options": dict(options)})
        self._logs, self._size, self._gpus = logs, size, gpus
        self._describe, self._on_death = describe, on_death
        self._workers: list[_Worker] = []
        self._hired = 0
        self._again: deque[Any] = deque()
        self._losses: dict[str, int] = {}

    def __enter__(self) -> "Crew":
        self._logs.mkdir(exist_ok=True)
        self._hired = len(list(self._logs.glob("*.log")))
        try:
            for _ in range(self._size):
                self._workers.append(self._spawn())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *reason: object) -> None:
        for worker in self._workers:
            worker.process.kill()
            _bury(worker)

    def work(
        self, tasks: Iterable[Any], keep: Callable[[Done], None] = lambda _: None
    ) -> Iterator[Done]:
        """Hand out tasks in order and yield them as they are done, in any order.

        Arguments:
            tasks: what JSON can write.
            keep: called with each before it is yielded.

        Raises:
            WorkerError: a process refuses a task, or a task has cost too many processes.
        """
        waiting = iter(tasks)
        with selectors.DefaultSelector() as selector:
            for worker in self._workers:
                selector.register(_pipe(worker), selectors.EVENT_READ, worker)
            while selector.get_map():
                for key, _ in selector.select():
                    worker = key.data
                    try:
                        done = self._receive(worker)
                        idle = done is not None or not worker.busy
                        if done is not None:
                            keep(done)
                            yield done
                    except EOFError:
                        selector.unregister(key.fileobj)
                        worker = self._replace(worker)
                        selector.register(_pipe(worker), selectors.EVENT_READ, worker)
                        continue
                    if idle and not self._hand_over(worker, waiting):
                        selector.unregister(_pipe(worker))
                    self._wake(selector, waiting)

    def _wake(self, selector: selectors.BaseSelector, waiting: Iterator[Any]) -> None:
        """Give a task that a dead process has left to one that had nothing left to do."""
        heard = {id(key.data) for key in selector.get_map().values()}
        for worker in self._workers:
            if self._again and worker.ready and not worker.busy and id(worker) not in heard:
                self._hand_over(worker, waiting)
                selector.register(_pipe(worker), selectors.EVENT_READ, worker)

    def _spawn(self) -> _Worker:
        """Start a process; numerical libraries in it need no threads of their own.

        It does not hear Ctrl-C, which reaches all processes of a terminal: this one ends it.
        """
        name = f"worker-{self._hired:03d}"
        log = self._logs / f"{name}.log"
        one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
        if self._gpus:
            one["CUDA_VISIBLE_DEVICES"] = self._gpus[self._hired % len(self._gpus)]
        self._hired += 1
        heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "calo4pqvae.shards.serve", str(log)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **one},
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, heard)
        worker = _Worker(name, process, log)
        _tell(worker, self._begin)
        return worker

    def _replace(self, worker: _Worker) -> _Worker:
        """Put a new process in the place of a dead one, and its task at the front."""
        how = self._obituary(worker)
        key = json.dumps(worker.task)
        self._losses[key] = self._losses.get(key, 0) + 1
        if self._losses[key] >= ATTEMPTS:
            raise WorkerError(f"{how}, the {ATTEMPTS}rd process that ended so")
        if worker.busy:
            self._again.append(worker.task)
        self._on_death(how)
        _bury(worker)
        place = self._workers.index(worker)
        self._workers[place] = self._spawn()
        return self._workers[place]

    def _receive(self, worker: _Worker) -> Done | None:
        """Read one answer of a process: to a task, or that it is ready.

        Raises:
            EOFError: it has died.
            WorkerError: it refuses what it was told.
        """
        pipe = _pipe(worker)
        line = pipe.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        answer = json.loads(line)
        if "error" in answer:
            about = answer.get("about", {})
            raise WorkerError(answer["error"], answer.get("remedy", ""), **about)
        if not worker.ready:
            worker.ready = True
            self._losses.pop(json.dumps(None), None)  # starting is possible
            return None
        content = pipe.read(answer["n_bytes"])
        if len(content) < answer["n_bytes"]:
            raise EOFError
        done = Done(worker.task, answer["told"], content)
        worker.busy, worker.task = False, None
        return done

    def _hand_over(self, worker: _Worker, waiting: Iterator[Any]) -> bool:
        """Give a process its next task; say whether there was one."""
        if self._again:
            worker.task = self._again.popleft()
        else:
            try:
                worker.task = next(waiting)
            except StopIteration:
                return False
        worker.busy = True
        _tell(worker, json.dumps(worker.task))
        return True

    def _obituary(self, worker: _Worker) -> str:
        """Say how a process died and what it was doing."""
        status = worker.process.wait()
        how = f"ended with status {status}"
        if status < 0:
            how = f"was ended by {signal.Signals(-status).name}"
        doing = self._describe(worker.task) if worker.busy else "while it started"
        return f"{worker.name} {how} {doing} (its log: {worker.log})"


def _tell(worker: _Worker, line: str) -> None:
    """Send a line to a process; one that is dead is noticed when it is heard."""
    pipe = worker.process.stdin
    assert pipe is not None
    with contextlib.suppress(BrokenPipeError):
        pipe.write(line.encode() + b"\n")
        pipe.flush()


def _bury(worker: _Worker) -> None:
    worker.process.wait()
    for stream in (worker.process.stdin, worker.process.stdout):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()


def _pipe(worker: _Worker) -> IO[bytes]:
    assert worker.process.stdout is not None
    return worker.process.stdout
