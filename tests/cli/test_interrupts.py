"""Ctrl-C ends a command with one line and status 130, whatever a library makes of it."""

import signal
import subprocess
import sys

import pytest

from calo4pqvae.cli import inspect, main


def run(monkeypatch: pytest.MonkeyPatch, tmp_path, error: type[BaseException] | None) -> int:
    """Press Ctrl-C inside a command, where a library makes an error of it, or nothing."""

    def press(_args):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            if error is not None:
                raise error("initialization failed") from None
        return 0

    monkeypatch.setattr(inspect, "run", press)
    return main.main(["inspect", str(tmp_path)])


@pytest.mark.parametrize("error", [KeyboardInterrupt, ImportError, SystemError])
def test_one_line_and_130(monkeypatch, tmp_path, capsys, error) -> None:
    assert run(monkeypatch, tmp_path, error) == 130
    assert capsys.readouterr().err == "calo4pqvae: interrupted\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_before_the_command_has_begun(monkeypatch, tmp_path, capsys) -> None:
    def press(_word: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "_known_command", press)
    assert main.main(["inspect", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "calo4pqvae: interrupted\n"


def test_an_error_without_an_interrupt_is_a_defect(monkeypatch, tmp_path, capsys) -> None:
    def fail(_args):
        raise ImportError("initialization failed")

    monkeypatch.setattr(inspect, "run", fail)
    assert main.main(["inspect", str(tmp_path)]) == 1
    assert "this is a defect" in capsys.readouterr().err


def test_an_ignored_ctrl_c_stays_ignored(monkeypatch, tmp_path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert run(monkeypatch, tmp_path, ImportError) == 0
    finally:
        signal.signal(signal.SIGINT, before)


LATE = """
import atexit, os, runpy, signal, sys
{ignored}
atexit.register(os.kill, os.getpid(), signal.SIGINT)
sys.argv = ["calo4pqvae", "--version"]
runpy.run_module("calo4pqvae", run_name="__main__")
"""


def test_an_interrupt_while_python_ends_shows_no_traceback() -> None:
    late = subprocess.run(
        [sys.executable, "-c", LATE.format(ignored="")], capture_output=True, check=False
    )
    assert (late.returncode, late.stderr) == (-signal.SIGINT, b"")
    assert late.stdout.startswith(b"calo4pqvae ")


def test_an_ignored_interrupt_stays_ignored_to_the_end() -> None:
    ignored = "signal.signal(signal.SIGINT, signal.SIG_IGN)"
    late = subprocess.run(
        [sys.executable, "-c", LATE.format(ignored=ignored)], capture_output=True, check=False
    )
    assert (late.returncode, late.stderr) == (0, b"")
