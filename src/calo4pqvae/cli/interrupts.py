"""Ctrl-C, also where a library turns it into an error of its own."""

import functools
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

__all__ = ["INTERRUPTED", "ends_when_interrupted", "noting_interrupts"]

INTERRUPTED = 130
"""Exit status of a program that was interrupted from the keyboard."""

Main = TypeVar("Main", bound=Callable[..., int])


@contextmanager
def noting_interrupts() -> Iterator[list[int]]:
    """Note every Ctrl-C in the list, and raise KeyboardInterrupt as Python does.

    A library that is being imported can make an ImportError of it; the list still tells.
    """
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        signal.default_int_handler(number, frame)

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield noted  # ignored, as in a job of `nohup`, or somebody else's
        return
    try:
        signal.signal(signal.SIGINT, note)
    except ValueError:  # only the main thread may
        yield noted
        return
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def ends_when_interrupted(main: Main) -> Main:
    """Make a main function end with one line and status 130 when it is interrupted."""

    @functools.wraps(main)
    def guarded(*words: object) -> int:
        try:
            return main(*words)
        except KeyboardInterrupt:
            print("calo4pqvae: interrupted", file=sys.stderr)
            return INTERRUPTED

    return guarded  # type: ignore[return-value]
