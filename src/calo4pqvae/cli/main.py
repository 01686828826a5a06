"""The entry point: finds the command, runs it and turns its errors into exit statuses.

0: it worked. 1: a defect of the program. 2: bad usage or bad input, one line on stderr.
130: interrupted. 141: the reader of the output went away.
"""

import argparse
import difflib
import errno
import importlib
import os
import re
import sys
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from calo4pqvae import __version__
from calo4pqvae.cli.defaults import HelpWithDefaults
from calo4pqvae.cli.interrupts import INTERRUPTED, ends_when_interrupted, noting_interrupts
from calo4pqvae.cli.options import given_options, refuse_idle
from calo4pqvae.cli.remedies import with_remedy
from calo4pqvae.cli.streams import forgive_streams
from calo4pqvae.errors import Calo4pQVAEError, LostPartWarning, PhysicsWarning

__all__ = ["COMMANDS", "command_parser", "main"]

PROGRAM = "calo4pqvae"

COMMANDS = (
    "demo",
    "simulate",
    "train",
    "generate",
    "merge",
    "convert",
    "evaluate",
    "compare",
    "report",
    "export",
    "inspect",
    "download",
    "bench",
    "annealer",
    "cite",
)

DISK_FULL = "the disk is full, or a quota or size limit is reached; make room and run it again"

NO_MEMORY = (
    "there is not enough memory; take fewer showers at a time (--batch-size, -n), end other "
    "programs, or use a larger machine"
)

WORDS_OF_NO_MEMORY = re.compile(
    r"(can't|cannot|unable to) allocate|out of memory|memory allocation failed|"
    r"not enough memory|can't start new thread|bad_alloc",
    re.IGNORECASE,
)
"""How libraries below say that there is no memory, in errors of other classes."""

SENTENCES = {
    errno.ENOSPC: DISK_FULL,
    errno.EDQUOT: DISK_FULL,
    errno.EFBIG: DISK_FULL,
    errno.ENOENT: "no such file or folder",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.EEXIST: "exists already",
    errno.EISDIR: "is a folder; a file is needed here",
    errno.ENOTDIR: "is a file; a folder is needed here",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.ELOOP: "is a link that leads back to itself; remove it or name the file",
    errno.EIO: "the disk or the network failed; check them and run it again",
    errno.ESTALE: "is gone from its network file system; mount it again",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n)",
    errno.ENOMEM: NO_MEMORY,
}


class _Parser(argparse.ArgumentParser):
    """An argument parser that complains in one line, with status 2, and tells defaults."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"formatter_class": HelpWithDefaults, **settings})

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{PROGRAM}: error: {message}; see '{self.prog} --help'\n")


@ends_when_interrupted
def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of `calo4pqvae`.

    Arguments:
        argv: words after the program's name; those of the process by default.

    Returns:
        The exit status, as listed at the head of this module.

    Raises:
        SystemExit: by argparse, status 0 after ``--help`` and ``--version``, 2 on bad usage.
    """
    forgive_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    place = next((i for i, word in enumerate(words) if not word.startswith("-")), len(words))
    debug = _parse_global_options(words[:place], named=place < len(words))
    name = _known_command(words[place])
    command = importlib.import_module(f"calo4pqvae.cli.{name}")
    parser = command_parser(name, command)
    if "" in words:
        parser.error("a word is empty, perhaps a variable of the shell that is not set")
    args = parser.parse_args(words[place + 1 :])
    given = given_options(parser, words[place + 1 :])
    if idle := refuse_idle(getattr(command, "RULES", ()), args, given):
        parser.error(idle)
    return _guarded(command, args, debug or args.debug)


def _parse_global_options(words: list[str], named: bool) -> bool:
    """Read what stands before the command; return whether tracebacks are wanted."""
    parser = _Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [-h] [--version] [--debug] COMMAND ...",
        description="Calorimeter showers from a discrete VAE with a Boltzmann prior.",
        epilog=_list_of_commands() if {"-h", "--help"} & set(words) else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    _add_debug(parser)
    debug = parser.parse_args(words).debug
    if not named:
        parser.error(f"name a command: {', '.join(COMMANDS)}")
    return debug


def _list_of_commands() -> str:
    """One line of help per command, in reading order."""
    lines = [
        f"  {name:<10} {importlib.import_module(f'calo4pqvae.cli.{name}').HELP}"
        for name in COMMANDS
    ]
    return "\n".join(["commands:", *lines, "", f"'{PROGRAM} COMMAND --help' tells more."])


def _known_command(word: str) -> str:
    """Return the word if it is a command; otherwise leave with the nearest one."""
    if word in COMMANDS:
        return word
    near = difflib.get_close_matches(word.lower(), COMMANDS, n=1, cutoff=0.5)
    advice = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(COMMANDS)}"
    print(f"{PROGRAM}: error: there is no command '{word}'; {advice}", file=sys.stderr)
    sys.exit(2)


def command_parser(name: str, command: ModuleType) -> argparse.ArgumentParser:
    """Build the parser of one command."""
    parser = _Parser(prog=f"{PROGRAM} {name}", description=command.HELP, allow_abbrev=False)
    command.add_arguments(parser)
    _add_debug(parser)
    return parser


def _add_debug(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def _guarded(command: ModuleType, args: argparse.Namespace, debug: bool) -> int:
    """Run the command and turn whatever it raises into an exit status."""
    with noting_interrupts() as interrupts:
        return _status(command, args, debug, interrupts)


def _status(
    command: ModuleType, args: argparse.Namespace, debug: bool, interrupts: list[int]
) -> int:
    """Run the command; an error after Ctrl-C is the work of Ctrl-C."""
    try:
        return _run(command, args)
    except BrokenPipeError:
        _silence_stdout()
        return 141
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED, debug)
    except Exception as error:
        if interrupts:
            return _complain("interrupted", INTERRUPTED, debug)
        sentence = _explain(error)
        if sentence is None:
            return _complain("this is a defect; please report it with the lines above", 1, True)
        return _complain(f"error: {sentence}", 2, debug)


def _run(command: ModuleType, args: argparse.Namespace) -> int:
    """Run the command, its physics warnings shown as plain lines."""
    with warnings.catch_warnings():
        for category in (PhysicsWarning, LostPartWarning):
            warnings.simplefilter("default", category)
        warnings.showwarning = _show_warning
        status = command.run(args)
        sys.stdout.flush()
    return status


def _explain(error: Exception) -> str | None:
    """Say what the user can mend in one sentence; None for a defect of the program."""
    if isinstance(error, Calo4pQVAEError):
        return _one_line(with_remedy(error, error.remedy, error.about))
    if isinstance(error, MemoryError) or WORDS_OF_NO_MEMORY.search(str(error)):
        return NO_MEMORY
    if isinstance(error, FileNotFoundError) and error.filename is None and _is_nowhere():
        return "the current folder was removed; go to another one (cd) and run it again"
    number = _system_error(error)
    sentence = SENTENCES.get(number)
    if sentence is None and isinstance(error, OSError) and number:
        sentence = os.strerror(number).lower()  # the system's, as all that its calls raise
    if sentence is None:
        return None
    if isinstance(error, OSError) and error.filename is not None:
        return _one_line(f"{error.filename}: {sentence}")
    return f"{sentence} ({_one_line(error)})"


def _is_nowhere() -> bool:
    """Whether the folder in which the program runs is gone."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _system_error(error: Exception) -> int:
    """Number of the system's error; HDF5 and safetensors tell it in their text only."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    found = re.search(r"\b(?:errno = |os error )(\d+)", str(error))
    return int(found[1]) if found else 0


def _one_line(message: object) -> str:
    """Write a message on one line; what would steer a terminal is written as an escape."""
    text = " ".join(str(message).split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _complain(sentence: str, status: int, debug: bool) -> int:
    """Print one line on stderr, below the traceback if that is wanted."""
    with suppress(OSError, ValueError):  # nobody may be listening there
        if debug:
            traceback.print_exc()
        print(f"{PROGRAM}: {sentence}", file=sys.stderr)
    return status


def _show_warning(
    message: Warning | str, category: type[Warning], *place: object, **more: object
) -> None:
    """Print a warning as one line without the source line that caused it."""
    del category, place, more
    print(f"{PROGRAM}: warning: {_one_line(message)}", file=sys.stderr)


def _silence_stdout() -> None:
    """Point stdout at nothing, so that the flush at exit does not complain again."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = None
