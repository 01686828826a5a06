"""Tables cut nothing, on a terminal of any width and in a file; streams never end a command."""

import io
import os
import pty
import subprocess
import sys

import pytest

from calo4pqvae.cli.console import table
from calo4pqvae.cli.verdicts import COLUMNS

HEADS = ("quantity", "system", *COLUMNS)
LONG = "Separation power, energy per layer (mean) [10⁻³]"
NUMBERS = ("1234.5 ± 10.2", "1034.5 ± 0.2", "10,000", "+12.3", "above")
ROW = (LONG, "a system of a long name", *NUMBERS)

PRINT = f"""
from calo4pqvae.cli.console import table
table("a title", {HEADS!r}, [{ROW!r}], texts=2)
"""


def test_in_a_file_every_row_is_one_line(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    table("a title", HEADS, [ROW], texts=2)
    lines = capsys.readouterr().out.splitlines()
    assert any(all(head in line for head in HEADS) for line in lines)
    assert any(all(cell in line for cell in ROW) for line in lines)


@pytest.mark.parametrize("width", [200, 110, 80])
def test_on_a_terminal_nothing_is_cut(width):
    """The texts go on in the next line; heads and numbers stay whole."""
    parent, child = pty.openpty()
    environment = os.environ | {"COLUMNS": str(width), "TERM": "dumb", "NO_COLOR": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", PRINT], stdout=child, env=environment, close_fds=True
    ) as process:
        os.close(child)
        shown = b""
        while piece := _read(parent):
            shown += piece
    os.close(parent)
    assert process.returncode == 0
    text = shown.decode()
    assert "…" not in text
    for whole in (*HEADS, *NUMBERS):
        assert whole in text, whole
    assert "".join(LONG.split())[:9] in "".join(text.split())
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:
        return b""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_narrow_encoding_is_served_in_other_words(encoding):
    code = (
        "from calo4pqvae.cli.streams import forgive_streams; forgive_streams(); "
        "print('1 ± 2 × 10⁻³ χ² 漢')"
    )
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True
    )
    expected = {
        "ascii": "1 +- 2 x 10^-3 chi^2 ?",
        "latin-1": "1 ± 2 × 10^-³ chi² ?",
        "utf-8": "1 ± 2 × 10⁻³ χ² 漢",
    }[encoding]
    assert done.stdout.decode(encoding).strip() == expected


@pytest.mark.parametrize("closed", [1, 2])
def test_a_closed_stream_swallows_what_is_said(closed):
    """And its number is not given to a file that is opened next."""
    code = (
        "import os; from calo4pqvae.cli.streams import forgive_streams; forgive_streams(); "
        f"{PRINT.strip()!r}; exec({PRINT!r}); import sys; print('x', file=sys.stderr); "
        "sys.exit(0 if os.open(os.devnull, os.O_RDONLY) > 2 else 1)"
    )
    start = f"os.execv(sys.executable, [sys.executable, '-c', {code!r}])"
    script = f"import os, sys; os.close({closed}); {start}"
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert done.returncode == 0


def test_streams_that_are_no_files_are_left_alone(monkeypatch):
    from calo4pqvae.cli.streams import forgive_streams

    monkeypatch.setattr(sys, "stdout", io.StringIO())
    forgive_streams()
    assert isinstance(sys.stdout, io.StringIO)
