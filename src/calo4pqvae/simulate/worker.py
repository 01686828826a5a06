"""A process that simulates the showers it is told to: ``python -m calo4pqvae.simulate.worker``.

The first line on stdin is the job as JSON, the others are shots: number, energy and seed. Each
is answered by a line of JSON and the packed shower. The process ends when stdin does, so that
it never outlives its master, and writes no file but its log: the master alone keeps showers.
"""

import json
import os
import sys
from pathlib import Path
from typing import IO, Any

__all__ = ["main"]


def main(log: Path) -> int:
    """Serve a job.

    Arguments:
        log: file for what Geant4 prints.
    """
    answers = os.fdopen(os.dup(1), "wb")
    from calo4pqvae.errors import Calo4pQVAEError

    try:
        _print_to(log)
        _serve(answers)
    except Calo4pQVAEError as error:
        _answer(answers, error=str(error))
    except BrokenPipeError:
        pass
    except OSError as error:
        _answer(answers, error=f"{log}: {error}")
    # Geant4's own farewell can crash an interpreter that ends.
    os._exit(0)


def _serve(answers: IO[bytes]) -> None:
    """Start Geant4, then simulate what comes."""
    job = json.loads(sys.stdin.readline())
    os.environ.update(job["variables"])
    from calo4pqvae.simulate.engine import Engine
    from calo4pqvae.simulate.journal import pack_shower
    from calo4pqvae.simulate.stack import Stack

    engine = Engine(Stack.from_dict(job["stack"]), job["particle"])
    _answer(answers, ready=True)
    for line in sys.stdin:
        number, energy, seed = line.split()
        voxels, seconds = engine.shoot(float.fromhex(energy), int(seed))
        packed = pack_shower(voxels)
        _answer(answers, packed, number=int(number), cpu_seconds=seconds, n_bytes=len(packed))


def _answer(answers: IO[bytes], packed: bytes = b"", **words: Any) -> None:
    answers.write(json.dumps(words).encode() + b"\n" + packed)
    answers.flush()


def _print_to(log: Path) -> None:
    """Keep stdout for the answers, and send what Geant4 prints to a log."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
