"""A first look at a file in a child process: what hangs, crashes or swells there harms nobody.

The child is forked, which costs some 5 ms a file; a fresh interpreter with h5py would cost 160.
Its computing time is limited, not its time on the clock: a library that runs in circles
computes, while a slow disk only lets wait.
"""

import faulthandler
import json
import os
import resource
import select
import signal
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from math import ceil
from typing import Any, NoReturn

from calo4pqvae._core.intake.parsing import one_line
from calo4pqvae.errors import Calo4pQVAEError

__all__ = ["allow", "in_child"]

CPU_LIMIT_S = 2
"""Computing time [s]; the structure of a file of a million showers takes 0.1 s."""

MOST_CPU_S = 60
"""Computing time to which `allow` may raise that [s]."""

WAIT_LIMIT_S = 600.0
"""Time on the clock [s]; a file that lies on tape may take minutes to arrive."""

MEMORY_LIMIT = 2**29
"""Memory above that of the parent [bytes]."""

_looking = False
"""Whether this process is such a child."""


def in_child(look: Callable[[], Any], where: str, error: type[Calo4pQVAEError]) -> Any:
    """Call `look` in a forked child and return its result, which must be plain JSON.

    Arguments:
        look: what to do; it may raise `error`.
        where: the file, the first words of the messages.
        error: class to raise.

    Raises:
        Calo4pQVAEError: of class `error`: the one that `look` raised, or it failed in
            another way, crashed, computed for more than 2 s, needed more than 512 MiB, or gave
            no answer within 600 s.
    """
    reading, writing = os.pipe()
    try:
        with warnings.catch_warnings():
            # The child calls no library that starts threads, and h5py holds its lock meanwhile.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
    except OSError as reason:
        os.close(reading)
        os.close(writing)
        raise error(f"{where}: no process can be started to look at it ({reason})") from None
    if child == 0:
        os.close(reading)
        _serve(look, writing, error)
    os.close(writing)
    answer = None
    try:
        answer = _collect(reading)
    finally:
        os.close(reading)
        if not answer:  # it hangs, or is dead already
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    return _judge(answer, status, where, error)


def allow(seconds: float) -> None:
    """Give the look at a file more computing time, where one is going on.

    Arguments:
        seconds: what a part of known size may take.
    """
    if _looking:
        soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (min(soft + ceil(seconds), hard - 1), hard))


def _serve(look: Callable[[], Any], writing: int, error: type[Calo4pQVAEError]) -> NoReturn:
    """Look, answer, and end without any of the parent's farewells."""
    answer: dict[str, Any] = {}
    try:
        faulthandler.disable()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _limit()
        answer = {"found": look()}
    except error as reason:
        answer = {"error": str(reason)}
    except MemoryError:
        answer = {"failed": f"it needs more than {MEMORY_LIMIT >> 20} MiB of memory"}
    except BaseException as reason:
        answer = {"failed": one_line(reason) or type(reason).__name__}
    finally:
        with suppress(BaseException):
            rest = json.dumps(answer).encode()
            while rest:
                rest = rest[os.write(writing, rest) :]
        os._exit(0)


def _limit() -> None:
    global _looking  # noqa: PLW0603 - of the child alone
    _looking = True
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, MOST_CPU_S + 1))
    with suppress(OSError, ValueError):
        with open("/proc/self/statm", encoding="ascii") as table:  # noqa: PTH123
            used = int(table.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_LIMIT, -1))


def _collect(reading: int) -> bytes | None:
    """Read the answer to its end; None where none came in time."""
    end, answer = time.monotonic() + WAIT_LIMIT_S, b""
    while True:
        ready, _, _ = select.select([reading], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            return None
        piece = os.read(reading, 1 << 16)
        if not piece:
            return answer
        answer += piece


def _judge(answer: bytes | None, status: int, where: str, error: type[Calo4pQVAEError]) -> Any:
    if answer is None:
        raise error(
            f"{where}: the file system gave no answer within {WAIT_LIMIT_S:g} s; copy the file"
        )
    if not answer:
        how = "crashes"
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
            how = f"computes for more than {CPU_LIMIT_S} s"
        raise error(
            f"{where}: is damaged, the library that opens it {how}; copy or write it again"
        )
    found = json.loads(answer)
    if "error" in found:
        raise error(found["error"])
    if "failed" in found:
        raise error(f"{where}: is damaged ({found['failed']}); copy or write it again")
    return found["found"]
