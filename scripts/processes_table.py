"""Time an epoch of training under torchrun with one process and with two.

    python scripts/processes_table.py --data showers.h5 --preset quick --repeats 3

Runs of few and of more epochs are interleaved, and their difference is divided by the
difference of epochs, so that starting does not count. Each process has one thread.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

EPOCHS = (1, 4)


def train(
    args: argparse.Namespace, processes: int, epochs: int, run: Path
) -> tuple[float, float]:
    """Train; return the time on the clock and the computing time of all processes [s]."""
    words = ["--preset", args.preset, "--data", *map(str, args.data), "--out", str(run)]
    settings = [
        f"training.epochs={epochs}",
        f"training.batch_size={args.batch_size}",
        "training.freeze_epoch=1",
        "training.fit_steps=1",
        *args.set,
    ]
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    ports = ["--master-addr", "127.0.0.1", "--master-port", "0"]
    before, began = os.times(), time.monotonic()
    subprocess.run(
        [
            *(sys.executable, *launcher, *ports, "-m", "calo4pqvae", "train", *words),
            *("--device", "cpu", "--set", *settings),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
    )
    after = os.times()
    used = after.children_user + after.children_system
    return time.monotonic() - began, used - before.children_user - before.children_system


def seconds_of_epochs(run: Path) -> float:
    """Mean time of an epoch by the run's own log, without the first [s]."""
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return float(np.mean([json.loads(line)["seconds"] for line in lines][1:]))


def main() -> int:
    parser = argparse.ArgumentParser(description="Epochs on one process and on two.")
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--set", nargs="*", default=[])
    args = parser.parse_args()
    found: dict[int, list[tuple[float, float, float]]] = {1: [], 2: []}
    for _ in range(args.repeats):
        for processes, rows in found.items():
            with tempfile.TemporaryDirectory() as folder:
                few, more = (
                    train(args, processes, n, Path(folder) / f"run-{n}") for n in EPOCHS
                )
                logged = seconds_of_epochs(Path(folder) / f"run-{EPOCHS[1]}")
                shutil.rmtree(folder, ignore_errors=True)
            span = EPOCHS[1] - EPOCHS[0]
            rows.append(((more[0] - few[0]) / span, (more[1] - few[1]) / span, logged))
    print("| processes | an epoch [s] | by its log [s] | CPU of all processes [s] |")
    print("|--:|--:|--:|--:|")
    for processes, rows in found.items():
        wall, cpu, logged = np.median(rows, axis=0)
        print(f"| {processes} | {wall:.2f} | {logged:.2f} | {cpu:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
