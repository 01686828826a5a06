"""A process of a `Crew`: ``python -m calo4pqvae.shards.serve LOG``.

The first line on stdin says what to be, each other one is a task, all of them JSON. A task is
answered by a line of JSON and the bytes that it announces. The process ends at once when stdin
does, so that it never outlives its master.
"""

import json
import os
import queue
import sys
import threading
from pathlib import Path
from pkgutil import resolve_name
from typing import IO, Any

__all__ = ["main"]


def main(log: Path) -> int:
    """Serve a master.

    Arguments:
        log: file for what libraries print.
    """
    answers = os.fdopen(os.dup(1), "wb")
    from calo4pqvae.errors import Calo4pQVAEError

    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    try:
        _print_to(log)
        _serve(lines, answers)
    except Calo4pQVAEError as error:
        about = {key: str(value) for key, value in error.about.items()}
        _answer(answers, error=str(error), remedy=error.remedy, about=about)
    except BrokenPipeError:
        pass
    except OSError as error:
        _answer(answers, error=f"{error.filename or log}: {error.strerror}")
    except MemoryError:
        _answer(answers, error="there is not enough memory", remedy="fewer workers")
    # Farewells of libraries such as Geant4's can crash an interpreter that ends.
    os._exit(0)


def _read(lines: "queue.SimpleQueue[str]") -> None:
    """Take in what the master says; without a master there is nothing to do."""
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


def _serve(lines: "queue.SimpleQueue[str]", answers: IO[bytes]) -> None:
    """Become what is asked for, then do what comes."""
    wanted = json.loads(lines.get())
    server = resolve_name(wanted["server"])(**wanted["options"])
    _answer(answers, ready=True)
    while True:
        told, content = server.answer(json.loads(lines.get()))
        _answer(answers, content, told=told, n_bytes=len(content))


def _answer(answers: IO[bytes], content: bytes = b"", **words: Any) -> None:
    answers.write(json.dumps(words).encode() + b"\n" + content)
    answers.flush()


def _print_to(log: Path) -> None:
    """Keep stdout for the answers, and send what libraries print to a log."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
