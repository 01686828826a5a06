"""The frame of the command line: help, errors, warnings, statuses, progress, tables."""

import errno
import io
import subprocess
import sys
import types
import warnings
from collections.abc import Callable

import pytest

from calo4pqvae import __version__
from calo4pqvae.cli import console
from calo4pqvae.cli.main import COMMANDS, main
from calo4pqvae.config import presets
from calo4pqvae.errors import ConfigError, PhysicsWarning

Command = Callable[[Callable[[], int]], None]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Put a function in the place of the command `demo`."""

    def replace(action: Callable[[], int]) -> None:
        module = types.ModuleType("calo4pqvae.cli.demo")
        module.__dict__.update(
            HELP="stand-in", add_arguments=lambda _: None, run=lambda _: action()
        )
        monkeypatch.setitem(sys.modules, "calo4pqvae.cli.demo", module)

    return replace


def run_and_list_modules(*words: str) -> tuple[subprocess.CompletedProcess, set[str]]:
    code = (
        "import sys\n"
        "from calo4pqvae.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], check=False, capture_output=True, text=True
    )
    return done, set(done.stderr.split())


HEAVY = {"torch", "numpy", "h5py", "matplotlib", "rich", "pydantic", "yaml"}
"""What help can do without: with numpy alone it would take twice as long."""


def test_help_lists_all_commands_and_needs_no_library() -> None:
    done, modules = run_and_list_modules("--help")
    assert done.returncode == 0, done.stderr
    places = [done.stdout.index(f"\n  {name} ") for name in COMMANDS]
    assert places == sorted(places)
    assert not modules & HEAVY


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_needs_no_library(name: str) -> None:
    done, modules = run_and_list_modules(name, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: calo4pqvae {name}")
    assert not modules & HEAVY
    assert not {f"calo4pqvae.cli.{other}" for other in COMMANDS if other != name} & modules


@pytest.mark.parametrize("name", ["train", "demo"])
def test_help_names_every_preset(name: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main([name, "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert f"{', '.join(presets())} (default: " in shown


def test_version(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"calo4pqvae {__version__}\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "name a command: demo, simulate, train"),
        (["trian"], "there is no command 'trian'; did you mean 'train'?"),
        (["Inspect"], "did you mean 'inspect'?"),
        (["xyz"], "choose from demo, simulate, train"),
        (["--oops", "train"], "unrecognized arguments: --oops"),
        (["inspect"], "the following arguments are required: FILE"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(
    words: list[str], says: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith("calo4pqvae: error: ")
    assert says in complaint
    assert complaint.count("\n") == 1


def raising(error: BaseException) -> Callable[[], int]:
    def action() -> int:
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ConfigError("preset 'x' is unknown;\n  choose y"), "preset 'x' is unknown; choose y"),
        (OSError(errno.ENOSPC, "No space left on device", "a.h5"), "a.h5: the disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "a.h5"), "a.h5: the disk is full"),
        (OSError(errno.EFBIG, "File too large"), "the disk is full"),
        (RuntimeError("write failed: errno = 28, error message"), "the disk is full"),
        (ValueError("I/O error: No space left (os error 28)"), "the disk is full"),
        (FileNotFoundError(errno.ENOENT, "x", "a.h5"), "a.h5: no such file or folder"),
        (PermissionError(errno.EACCES, "x", "a.h5"), "a.h5: permission denied"),
        (IsADirectoryError(errno.EISDIR, "x", "a.h5"), "a.h5: is a folder"),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_status_2(
    error: Exception, line: str, command: Command, capsys: pytest.CaptureFixture
) -> None:
    command(raising(error))
    assert main(["demo"]) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"calo4pqvae: error: {line}")
    assert complaint.count("\n") == 1


@pytest.mark.parametrize("words", [["--debug", "demo"], ["demo", "--debug"]])
def test_debug_shows_the_traceback(
    words: list[str], command: Command, capsys: pytest.CaptureFixture
) -> None:
    command(raising(ConfigError("no")))
    assert main(words) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith("Traceback")
    assert complaint.endswith("calo4pqvae: error: no\n")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENAMETOOLONG, "x", "n" * 9), "nnnnnnnnn: the name is too long"),
        (OSError(errno.ELOOP, "x", "a"), "a: is a link that leads back to itself"),
        (OSError(errno.EIO, "x", "a"), "a: the disk or the network failed"),
        (OSError(errno.ENOTCONN, "x", "a"), "a: transport endpoint is not connected"),
        (MemoryError(), "there is not enough memory"),
        (RuntimeError("[enforce fail] can't allocate memory: 99 bytes"), "not enough memory"),
        (RuntimeError("can't start new thread"), "there is not enough memory"),
        (OSError(errno.EACCES, "x", "a\x1b[2J"), "a\\x1b[2J: permission denied"),
        (ConfigError("a\x1b]0;title\x07"), "error: a\\x1b]0;title\\x07"),
    ],
)
def test_what_the_system_refuses_is_one_line(
    error: Exception, says: str, command: Command, capsys: pytest.CaptureFixture
) -> None:
    command(raising(error))
    assert main(["demo"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert says in line


@pytest.mark.parametrize("error", [ZeroDivisionError("oops"), OSError("oops")])
def test_a_defect_shows_the_traceback_and_status_1(
    error: Exception, command: Command, capsys: pytest.CaptureFixture
) -> None:
    command(raising(error))
    assert main(["demo"]) == 1
    complaint = capsys.readouterr().err
    assert complaint.startswith("Traceback")
    assert "please report it" in complaint.splitlines()[-1]


def test_interruption_is_one_line_and_status_130(
    command: Command, capsys: pytest.CaptureFixture
) -> None:
    command(raising(KeyboardInterrupt()))
    assert main(["demo"]) == 130
    assert capsys.readouterr().err == "calo4pqvae: interrupted\n"


def test_a_reader_that_goes_away_is_no_error() -> None:
    code = (
        "import sys, types\n"
        "demo = types.ModuleType('calo4pqvae.cli.demo')\n"
        "def run(args):\n"
        "    for i in range(100_000): print('many lines')\n"
        "    return 0\n"
        "demo.HELP, demo.add_arguments, demo.run = '', lambda parser: None, run\n"
        "sys.modules['calo4pqvae.cli.demo'] = demo\n"
        "from calo4pqvae.cli.main import main\n"
        "sys.exit(main(['demo']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.readline()
        program.stdout.close()
        complaint = program.stderr.read()
    assert program.returncode == 141
    assert complaint == b""


def test_a_physics_warning_is_one_line_and_shown_once(
    command: Command, capsys: pytest.CaptureFixture
) -> None:
    def action() -> int:
        for _ in range(3):
            warnings.warn("energies look\nlike GeV", PhysicsWarning, stacklevel=1)
        return 0

    command(action)
    assert main(["demo"]) == 0
    assert capsys.readouterr().err == "calo4pqvae: warning: energies look like GeV\n"


class Clock:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_progress_in_a_log_is_a_line_each_half_minute(
    capsys: pytest.CaptureFixture,
) -> None:
    clock = Clock()
    lines = console._Lines(100, "epochs", clock)
    for second in range(1, 101):
        clock.now = float(second)
        lines.advance(note=f"loss {second}")
    lines.finish()
    assert capsys.readouterr().err.splitlines() == [
        "epochs: 30/100, 70 s left, loss 30",
        "epochs: 60/100, 40 s left, loss 60",
        "epochs: 90/100, 10 s left, loss 90",
        "epochs: 100/100, took 2 min, loss 100",
    ]


@pytest.mark.parametrize(("brief", "n_lines"), [(0.0, 1), (1e9, 0)])
def test_progress_closes_with_a_line_unless_it_was_brief(
    brief: float,
    n_lines: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.setattr(console, "BRIEF", brief)
    with console.progress(3, "batches") as bar:
        bar.advance(3)
    assert capsys.readouterr().err.count("batches: 3/3, took ") == n_lines


def test_progress_closes_without_a_line_on_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(console, "BRIEF", 0.0)
    with pytest.raises(ConfigError), console.progress(3, "batches"):
        raise ConfigError("no")
    assert capsys.readouterr().err == ""


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with console.progress(4, "batches") as bar:
        bar.advance(4, note="loss [mm]")
    assert "4/4" in screen.getvalue()
    assert "loss [mm]" in screen.getvalue()


def test_a_table_keeps_brackets_and_order(capsys: pytest.CaptureFixture) -> None:
    console.table("Widths", ["name", "value [mm]"], [["r [mm]", 1.5], ["depth", 2]])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].strip() == "Widths"
    text = "\n".join(lines)
    assert text.index("value [mm]") < text.index("r [mm]") < text.index("depth")
