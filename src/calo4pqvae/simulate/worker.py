"""A process that simulates the showers it is told to: ``python -m calo4pqvae.simulate.worker``.

It reads lines with number, energy and seed on stdin, appends each shower to its journal, and
answers with a line of JSON. It ends when stdin does, so that it never outlives its master.
"""

import json
import os
import sys
from pathlib import Path
from typing import IO

__all__ = ["main"]


def main(folder: Path, name: str) -> int:
    """Serve the job in a folder.

    Arguments:
        folder: work folder with `job.json`.
        name: of this worker's journal and log.
    """
    answers = _part_from_geant4(folder / f"{name}.log")
    from calo4pqvae.errors import Calo4pQVAEError

    try:
        _serve(folder, name, answers)
    except Calo4pQVAEError as error:
        print(json.dumps({"error": str(error)}), file=answers, flush=True)
    except OSError as error:
        print(json.dumps({"error": f"{folder}: {error}"}), file=answers, flush=True)
    except KeyboardInterrupt:
        pass
    # Geant4's own farewell can crash an interpreter that ends.
    os._exit(0)


def _serve(folder: Path, name: str, answers: IO[str]) -> None:
    """Start Geant4, then simulate what comes."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    os.environ.update(job["variables"])
    from calo4pqvae.simulate.engine import Engine
    from calo4pqvae.simulate.journal import JournalWriter
    from calo4pqvae.simulate.stack import Stack

    engine = Engine(Stack.from_dict(job["stack"]), job["particle"])
    with JournalWriter(folder / f"{name}.journal") as journal:
        print(json.dumps({"ready": True}), file=answers, flush=True)
        for line in sys.stdin:
            number, energy, seed = line.split()
            showers, seconds = engine.shoot(float.fromhex(energy), int(seed))
            journal.append(int(number), showers, seconds)
            answer = {"number": int(number), "cpu_seconds": seconds}
            print(json.dumps(answer), file=answers, flush=True)


def _part_from_geant4(log: Path) -> IO[str]:
    """Keep stdout for the answers, and send what Geant4 prints to a log."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    return answers


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
