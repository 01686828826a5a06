"""Processes to strike: fresh ones, or forks; and how they are struck."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np

__all__ = ["POLL", "Changes", "Fork", "Process", "before_the_program", "strike"]

POLL = 0.002
"""Seconds between looks at the output folder."""


class Process(Protocol):
    """What is used of a process, be it a fresh one or a fork."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None: ...
    def communicate(self, *, timeout: float | None = None) -> tuple[str, Any]: ...


class Fork:
    """A command of the package, run in a fork of this process, which has imported torch."""

    def __init__(self, words: Sequence[str], folder: Path) -> None:
        self.returncode: int | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - read when the fork has ended
        sys.stdout.flush()
        self.pid = os.fork()
        if not self.pid:
            self._run(words, folder)

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def communicate(self, *, timeout: float | None = None) -> tuple[str, None]:
        until = time.monotonic() + (timeout or float("inf"))
        while self.poll() is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(POLL)
        self._said.seek(0)
        return self._said.read().decode(), None

    def _run(self, words: Sequence[str], folder: Path) -> None:
        from calo4pqvae.cli.main import main as command

        status = 1
        try:
            os.setsid()
            os.chdir(folder)
            nothing = os.open(os.devnull, os.O_RDONLY)
            for descriptor, source in ((0, nothing), (1, self._said), (2, self._said)):
                os.dup2(source if isinstance(source, int) else source.fileno(), descriptor)
            status = command(words)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)


class Changes:
    """Counts how often the files of a folder were seen to be others than before."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._before, self._count = folder, frozenset[tuple[str, int]](), 0

    def count(self) -> int:
        """Look, and return the number of changes so far."""
        now = frozenset(_entries(self._folder))
        self._count += now != self._before
        self._before = now
        return self._count


def _entries(folder: Path | str) -> Iterator[tuple[str, int]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield entry.path, 0
                    yield from _entries(entry.path)
                else:
                    yield entry.path, entry.stat().st_mtime_ns
    except OSError:  # gone between two looks
        return


def strike(pid: int, blow: signal.Signals, victim: str, rng: np.random.Generator) -> str | None:
    """Send a signal to one of the processes of a group, or to all; name who was struck.

    Arguments:
        pid: number of the first process of the group.
        blow: the signal; SIGTERM goes to that process alone, as from `kill`, SIGINT to all, as
            from a terminal.
        victim: ``all``, ``parent``, or a word in the command line of the one to kill.
        rng: chooses among several.
    """
    if blow == signal.SIGTERM or victim == "parent":
        os.kill(pid, blow)
        return "parent"
    if victim == "all" or blow == signal.SIGINT:
        with suppress(ProcessLookupError):  # a fork that has not yet a group of its own
            os.killpg(pid, blow)
            return "all"
        os.kill(pid, blow)
        return "all"
    found = [other for other in _group(pid) if victim in _command(other)]
    if not found:
        return None
    with suppress(ProcessLookupError):
        os.kill(int(rng.choice(found)), blow)
    return victim.rpartition(".")[2]


def _group(pid: int) -> list[int]:
    """Numbers of the processes of a group."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError):
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
            if int(fields.split()[2]) == pid:
                found.append(int(path.parent.name))
    return found


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    return ""


def before_the_program(told: str) -> bool:
    """Whether a traceback is that of Python, interrupted while it was loading the program."""
    return told.rstrip().endswith("KeyboardInterrupt") and ", in main\n" not in told
