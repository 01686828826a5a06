"""The code blocks of a page, and where each of them runs.

A page with code says in its first line, after its front matter, where the code runs, and a
fence may differ by such a line right before it:

    <!-- code: suite -->               in the tests, at each change
    <!-- code: nightly -->             by `make pages`, as it takes minutes
    <!-- code: record, reason -->      not at all, for the reason; commands are still parsed

All blocks of a page are one program, run in one empty folder: ``python`` shares one namespace,
``console`` runs its ``$`` lines in bash, and a block of any other language with a title is a
file of that name. A ``text`` block is what the block before it prints.
"""

import re
from pathlib import Path
from typing import NamedTuple

__all__ = ["MODES", "Block", "blocks_of", "commands_of", "mode_of"]

MODES = ("suite", "nightly", "record")

_MARK = re.compile(r"<!-- code: (?P<mode>\w+)(?:, (?P<why>[^>]*?))? -->\n")
_FENCE = re.compile(
    r"(?P<mark>^<!-- code: [^>]* -->\n)?"
    r'^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$'
    r"(?P<output>\n+^```text\n(?P<said>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        page: file that holds it.
        line: its first line there.
        language: of its fence.
        title: the file that it is, if it is one.
        text: what it holds.
        output: what it prints, None if the page does not say.
        mode: one of `MODES`.
    """

    page: Path
    line: int
    language: str
    title: str | None
    text: str
    output: str | None
    mode: str


def mode_of(page: Path) -> str | None:
    """Where the page says that its code runs; None if it does not say."""
    text = re.sub(r"\A---\n.*?\n---\n+", "", page.read_text("utf-8"), flags=re.DOTALL)
    found = _MARK.match(text)
    return _checked(page, found) if found else None


def blocks_of(page: Path) -> list[Block]:
    """Read the blocks of a page that are code or files.

    Raises:
        ValueError: the page or a fence does not say where its code runs.
    """
    text = page.read_text("utf-8")
    default = mode_of(page)
    blocks = []
    for found in _FENCE.finditer(text):
        if found["language"] not in {"python", "console"} and not found["title"]:
            continue
        line = text[: found.start("language")].count("\n") + 1
        mark = found["mark"] and _MARK.match(found["mark"])
        mode = _checked(page, mark) if mark else default
        if mode is None:
            raise ValueError(f"{page}:{line}: no line says where this code runs")
        blocks.append(
            Block(
                page,
                line,
                found["language"],
                found["title"],
                found["text"],
                found["said"],
                mode,
            )
        )
    return blocks


def commands_of(block: Block) -> list[tuple[str, str]]:
    """Split a console block into commands, each with the output that is shown below it."""
    commands: list[tuple[str, str]] = []
    goes_on = False
    for line in block.text.splitlines(keepends=True):
        if line.startswith("$ "):
            commands.append((line[2:], ""))
        elif goes_on:
            commands[-1] = (commands[-1][0] + line, "")
        elif commands:
            commands[-1] = (commands[-1][0], commands[-1][1] + line)
        goes_on = line.endswith("\\\n") and commands[-1][1] == ""
    return commands


def _checked(page: Path, found: re.Match) -> str:
    if found["mode"] not in MODES:
        raise ValueError(f"{page}: code runs in {', '.join(MODES)}, not in {found['mode']!r}")
    if found["mode"] == "record" and not found["why"]:
        raise ValueError(f"{page}: say why the code is not run, after 'record,'")
    return found["mode"]
