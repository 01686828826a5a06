"""Run the code of a page as a reader would, from top to bottom."""

import doctest
import io
import os
import subprocess
import sys
from contextlib import chdir, redirect_stdout
from pathlib import Path

from pages.blocks import Block, blocks_of, commands_of

__all__ = ["PageError", "run_page"]

_LIKE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
"""Numbers that differ from machine to machine are shown as ``...``."""

INSTALLS = ("pip install ", "git clone ", "make setup")
"""Commands that are not run, as whoever runs a page has installed the package already."""


class PageError(AssertionError):
    """A block does not work, or prints something else than the page says."""


def run_page(page: Path, folder: Path, modes: tuple[str, ...]) -> int:
    """Run the blocks of a page whose mode is among these.

    Arguments:
        page: the Markdown file.
        folder: an empty folder to run in.
        modes: of `pages.blocks.MODES`.

    Returns:
        How many blocks ran.

    Raises:
        PageError: with the page and the line.
    """
    names: dict = {"__name__": "__main__"}
    wanted = [block for block in blocks_of(page) if block.mode in modes]
    with chdir(folder):
        for block in wanted:
            if block.title:
                path = Path(block.title)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, encoding="utf-8")
            if block.language == "python" and not block.title:
                _run_python(block, names)
            elif block.language == "console":
                _run_console(block)
    return len(wanted)


def _run_python(block: Block, names: dict) -> None:
    printed = io.StringIO()
    # Line numbers of tracebacks are those of the page.
    code = compile("\n" * block.line + block.text, str(block.page), "exec")
    with redirect_stdout(printed):
        exec(code, names)
    _compare(block, block.output or "", printed.getvalue())


def _run_console(block: Block) -> None:
    here = Path(sys.executable).parent
    env = {**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "100"}
    for command, output in commands_of(block):
        if command.startswith(INSTALLS):
            continue
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", command],
            check=False,
            capture_output=True,
            text=True,
            env=env,
        )
        if done.returncode:
            raise PageError(
                f"{block.page}:{block.line}: status {done.returncode}: {command}"
                f"{done.stdout}{done.stderr}"
            )
        if output:
            _compare(block, output, done.stdout)


def _compare(block: Block, wanted: str, found: str) -> None:
    if not doctest.OutputChecker().check_output(wanted, found, _LIKE):
        raise PageError(
            f"{block.page}:{block.line}: the page shows\n{wanted}\nbut it printed\n{found}"
        )
