"""The same showers in one shard and in eight, by one process, by two, and by a Dask cluster.

    python scripts/same_bytes.py --work WORK -n 2560

Showers of the pretrained model are made in each way; the digest of all their numbers in order
must be one, and the digest of the files one for each cut. Showers of another seed show that
the digests see something.
"""

import argparse
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from stub_shards import cluster

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.shards.folder import ShardFolder

WAYS = {
    "1 shard, 1 worker": (1, ("--workers", "1"), 7),
    "8 shards, 1 worker": (8, ("--workers", "1"), 7),
    "8 shards, 2 workers": (8, ("--workers", "2"), 7),
    "8 shards, Dask of 2 workers": (8, ("--dask",), 7),
    "1 shard, another seed": (1, ("--workers", "1"), 8),
}
"""By name: number of shards, who makes them, the seed."""


def make(folder: Path, n: int, shards: int, who: tuple[str, ...], seed: int) -> None:
    """Give the command."""
    words = ["generate", "--model", "pretrained", "-n", str(n), "--seed", str(seed)]
    words += ["--shards", str(shards), "-o", str(folder)]

    def run(*more: str) -> None:
        call = [sys.executable, "-m", "calo4pqvae", *words, *more]
        subprocess.run(call, check=True, stdout=subprocess.DEVNULL)

    if who == ("--dask",):
        with cluster(2) as address:
            run("--dask", address)
    else:
        run(*who)


def digests(folder: ShardFolder) -> tuple[str, str]:
    """Of all numbers of the showers in order, and of the files."""
    numbers, files = hashlib.sha256(), hashlib.sha256()
    for shard in folder.job.plan.shards:
        path = folder.shard_path(shard)
        files.update(path.read_bytes())
        with ShowerFile(path) as file:
            for at in range(0, len(file), 64):
                rows = slice(at, min(at + 64, len(file)))
                numbers.update(np.hstack([file.e_inc(rows), file.showers(rows)]).tobytes())
    return numbers.hexdigest()[:16], files.hexdigest()[:16]


def main() -> int:
    parser = argparse.ArgumentParser(description="One sequence of showers, whoever makes it.")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("-n", type=int, default=2560)
    args = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    )
    found = {}
    print("| | all numbers | all files |\n|---|---|---|")
    for number, (name, (shards, who, seed)) in enumerate(WAYS.items()):
        folder = args.work / f"way-{number}"
        make(folder, args.n, shards, who, seed)
        found[name] = digests(ShardFolder(folder))
        print(f"| {name} | {' | '.join(f'`{d}`' for d in found[name])} |", flush=True)
    *same, other = found.values()
    one, *eight = same
    whole = {numbers for numbers, _ in same} == {one[0]} != {other[0]}
    return int(not whole or len({files for _, files in eight}) > 1)


if __name__ == "__main__":
    sys.exit(main())
