"""What a campaign tries, and what it found."""

import json
import os
import platform
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["BLOWS", "Case", "Trial", "Whole", "table", "trials_in"]

BLOWS = {signal.SIGKILL: 0.7, signal.SIGTERM: 0.15, signal.SIGINT: 0.15}
"""How often which signal: most of what happens to a job is the death of its machine."""


@dataclass(frozen=True)
class Case:
    """A command, and what of its results is promised to be the same.

    Attributes:
        name: for the table.
        words: makes the words of the command that writes into a folder.
        digest: describes what lies in that folder in the end.
        victims: who is killed: ``all`` processes, the ``parent``, or one whose command line
            has such words in it.
        forks: whether it is a command of the package, which a fork can run.
    """

    name: str
    words: Callable[[Path], list[str]]
    digest: Callable[[Path], dict[str, str]]
    victims: tuple[str, ...] = ("all",)
    forks: bool = True


@dataclass
class Trial:
    """What one trial did and found.

    Attributes:
        case: name of the case.
        number: number of the trial of this case.
        kills: blows that struck a living process, each as ``SIGKILL of all at 1.23 s``.
        verdict: ``equal``, or what was wrong.
        seconds: time of the whole trial [s].
    """

    case: str
    number: int
    kills: list[str] = field(default_factory=list)
    verdict: str = "equal"
    seconds: float = 0.0


@dataclass
class Whole:
    """An uninterrupted run: how long it takes, how often its folder changes, what it leaves."""

    seconds: float
    changes: int
    files: list[str]
    digest: dict[str, str]


def trials_in(work: Path) -> list[Trial]:
    """All trials that are noted in a work folder; a last line that was cut off is none."""
    notes = work / "trials.jsonl"
    lines = notes.read_text(encoding="utf-8").splitlines(True) if notes.exists() else []
    return [Trial(**json.loads(line)) for line in lines if line.endswith("\n")]


def table(trials: Sequence[Trial], names: Sequence[str]) -> str:
    """The results of some cases as Markdown."""
    lines = [
        f"Python {platform.python_version()}, {os.cpu_count()} cores; "
        f"{sum(trial.seconds for trial in trials) / 60:.0f} minutes in all.",
        "",
        "| command | trials | kills | by SIGKILL, SIGTERM, SIGINT | taken up, equal | not |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    rows = {name: [t for t in trials if t.case == name] for name in names}
    rows["all"] = list(trials)
    for name, mine in rows.items():
        kills = [kill.split()[0] for trial in mine for kill in trial.kills]
        counts = " ".join(str(kills.count(blow.name)) for blow in BLOWS)
        good = sum(trial.verdict == "equal" for trial in mine)
        lines.append(
            f"| {name} | {len(mine)} | {len(kills)} | {counts} | {good} | {len(mine) - good} |"
        )
    bad = [f"* {t.case} {t.number}: {t.verdict}" for t in trials if t.verdict != "equal"]
    return "\n".join([*lines, *([""] if bad else []), *bad]) + "\n"
