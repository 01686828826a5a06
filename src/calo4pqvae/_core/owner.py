"""Who holds a lock, and whether that process still lives.

The record is JSON, so that a person can read it. A process of this machine and of this space of
process numbers is asked for directly; one of another machine shows that it lives by touching
the file of its lock.
"""

import json
import os
import shlex
import socket
import sys
import time
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path

__all__ = ["BEAT", "STALE_AFTER", "Owner", "this_process"]

BEAT = 10.0
"""Time between two touches of a lock's file [s]."""

STALE_AFTER = 120.0
"""Silence after which a process of another machine counts as dead [s].

Twelve beats: a loop of compiled code may keep Python's threads waiting for a while, and network
file systems show a change late."""

_LONGEST_COMMAND = 300


@dataclass(frozen=True)
class Owner:
    """A process that holds a lock.

    Attributes:
        host: name of its machine.
        boot: what the kernel calls this start of the machine; empty where it has no name.
        space: its space of process numbers; containers have their own.
        pid: its number.
        started: when it was started, in the kernel's ticks; -1 where that is not told.
        purpose: what the lock is for.
        command: words that it was called with.
        since: when it took the lock [s since 1970].
        token: name of this one holding of the lock.
    """

    host: str
    boot: str
    space: str
    pid: int
    started: int
    purpose: str
    command: str
    since: float
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def to_bytes(self) -> bytes:
        """Write the record."""
        return (json.dumps(asdict(self)) + "\n").encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Owner | None":
        """Read a record; None if it is damaged or not complete yet."""
        try:
            found = json.loads(content)
            owner = cls(**found)
            whole = all(
                isinstance(found[name], kind if kind is not float else (int, float))
                for name, kind in cls.__annotations__.items()
            )
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        return owner if whole else None

    def is_here(self) -> bool:
        """Whether it is, or was, a process of this machine that can be asked for by number."""
        here = this_process("")
        return (self.host, self.boot, self.space) == (here.host, here.boot, here.space)

    def shares_kernel(self) -> bool:
        """Whether its locks and ours are kept by one kernel, now or before a restart."""
        here = this_process("")
        return self.host == here.host or (self.boot != "" and self.boot == here.boot)

    def lives(self, silence: float) -> bool:
        """Say whether the process lives.

        Arguments:
            silence: time since the file of its lock was last touched [s].
        """
        if not self.is_here():
            return silence < STALE_AFTER
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            pass  # it exists, but belongs to another user
        started = _start_time(self.pid)
        if started is None or self.started < 0:
            return silence < STALE_AFTER
        return started == self.started

    def describe(self, silence: float) -> str:
        """Say who it is, since when it holds the lock, and what can be done."""
        since = time.strftime("%d %B %Y %H:%M:%S UTC", time.gmtime(self.since))
        who = f"'{self.command}' (process {self.pid} on {self.host}) since {since}"
        if self.is_here():
            return f"{who}; wait until it has finished, or end it, and try again"
        left = max(0.0, STALE_AFTER - silence)
        return (
            f"{who}; wait until it has finished, or, if it is dead, until {left:.0f} s have "
            "passed"
        )


def this_process(purpose: str) -> Owner:
    """Describe the process that runs this."""
    script = Path(sys.argv[0] if sys.argv else "python")
    name = script.parent.name if script.name == "__main__.py" else script.name
    pid = os.getpid()
    started = _start_time(pid)
    return Owner(
        host=socket.gethostname(),
        boot=_read("/proc/sys/kernel/random/boot_id"),
        space=_link("/proc/self/ns/pid"),
        pid=pid,
        started=-1 if started is None else started,
        purpose=purpose,
        command=shlex.join([name, *sys.argv[1:]])[:_LONGEST_COMMAND],
        since=time.time(),
    )


def _start_time(pid: int) -> int | None:
    """When a process was started [ticks]; 0 if it has ended, None where that is not told."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if len(fields) < 20:
        return None
    state, started = fields[0], int(fields[19])
    return 0 if state in "ZX" else started


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 - the kernel's word, no path
    except OSError:
        return ""
