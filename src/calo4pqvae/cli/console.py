"""What commands show on the terminal: progress with the time left, and tables."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

__all__ = ["Progress", "progress", "say", "table"]

SECONDS_BETWEEN_LINES = 30.0

BRIEF = 1.0
"""Work of fewer seconds leaves no line in a log."""

UNBOUND = 10_000
"""Columns of what is no terminal."""


class Progress(Protocol):
    """The handle that `progress` gives."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count `n` more steps as done and show `note` beside the bar."""
        ...


@contextmanager
def progress(total: int, what: str) -> Iterator[Progress]:
    """Show on stderr how far a long piece of work has come, and the time left.

    A bar on a terminal; in a batch log one plain line every half minute and one at the end.

    Arguments:
        total: number of steps.
        what: one or two words that name the work.
    """
    if _is_terminal(sys.stderr):
        with _bar(total, what) as bar:
            yield bar
        return
    lines = _Lines(total, what)
    yield lines
    lines.finish()


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], texts: int = 1
) -> None:
    """Print a table on stdout: the first column to the left, the others to the right.

    On a terminal the texts of the first columns go on in the next line where they must;
    elsewhere every row is one line, however long. Nothing is cut.

    Arguments:
        title: line above the table.
        columns: heads of the columns.
        rows: cells, shown as they print; square brackets mean nothing special.
        texts: how many columns hold text: they are set to the left and may be folded.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    grid = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=0)
    for number, column in enumerate(columns):
        text = number < texts
        grid.add_column(
            column, justify="left" if text else "right", no_wrap=not text, overflow="fold"
        )
    for row in rows:
        grid.add_row(*(str(cell) for cell in row))
    console = Console(markup=False, highlight=False, emoji=False)
    terminal = console.width if _is_terminal(sys.stdout) else UNBOUND
    console.width = UNBOUND
    needed = Measurement.get(console, console.options, grid)
    console.width = max(needed.minimum, min(needed.maximum, terminal))
    console.print(grid)


def say(note: str) -> None:
    """Tell the user something beside the result, on stderr."""
    print(f"calo4pqvae: {note}", file=sys.stderr, flush=True)


def _is_terminal(stream: Any) -> bool:
    """Say whether a stream is a terminal; one that was closed is none."""
    return stream is not None and stream.isatty()


@contextmanager
def _bar(total: int, what: str) -> Iterator[Progress]:
    """A moving bar on a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        yield _Bar(bars, bars.add_task(what, total=total, note=""))


class _Bar:
    """Progress shown by rich."""

    def __init__(self, bars: Any, task: Any) -> None:
        self._bars = bars
        self._task = task

    def advance(self, n: int = 1, note: str = "") -> None:
        fields = {"note": note} if note else {}
        self._bars.update(self._task, advance=n, **fields)


class _Lines:
    """Progress shown by a plain line now and then."""

    def __init__(
        self, total: int, what: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._total = total
        self._what = what
        self._clock = clock
        self._start = self._shown = clock()
        self._done = 0
        self._note = ""

    def advance(self, n: int = 1, note: str = "") -> None:
        self._done += n
        self._note = note or self._note
        now = self._clock()
        if now - self._shown >= SECONDS_BETWEEN_LINES:
            self._shown = now
            self._print(f"{self._left(now)} left")

    def finish(self) -> None:
        """Print the closing line."""
        seconds = self._clock() - self._start
        if seconds >= BRIEF:
            self._print(f"took {_duration(seconds)}")

    def _left(self, now: float) -> str:
        if not self._done:
            return "unknown time"
        return _duration((now - self._start) * (self._total / self._done - 1))

    def _print(self, timing: str) -> None:
        parts = [f"{self._what}: {self._done}/{self._total}", timing, self._note]
        print(", ".join(part for part in parts if part), file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    """A duration in the unit that reads best."""
    seconds = max(seconds, 0.0)
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
