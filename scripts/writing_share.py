"""Measure what writing costs of a shower, for every compression, and its size.

    python scripts/writing_share.py --repeats 5

Showers of the pretrained model over its whole range are made once, timed, and written again
and again with one compression after another; the least time of each counts, as computing time
of the process.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from calo4pqvae import load_pretrained
from calo4pqvae.data.energies import EnergySequence
from calo4pqvae.data.opening import PRIOR_ENERGY
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.generation.bulk import BATCH
from calo4pqvae.generation.sequence import Made, ShowerSequence
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.storage import StoredModel

WAYS = {
    "gzip, by ISA-L": "gzip",
    "gzip, HDF5's own": 1,
    "zstd": "zstd",
    "lzf": "lzf",
    "none": 0,
}
"""By name, what `ShowerWriter` is told; level 0 of gzip only shuffles and copies."""


def make(stored: StoredModel, n: int, repeats: int) -> tuple[list[Made], list[float]]:
    """Showers in batches, and the time that each batch took at best."""
    model, sweeps = stored.model, stored.config.prior.burn_in
    energies = EnergySequence.drawn(model.scale.low, model.scale.high, seed=1)
    showers = ShowerSequence(model.eval(), energies, sweeps=sweeps, seed=1)
    list(showers.batches(0, 8, 8))  # compiled, and warm
    best: list[float] = []
    for _ in range(repeats):
        made, times, began = [], [], time.process_time()
        for batch in showers.batches(0, n, BATCH):
            made.append(batch)
            times.append(time.process_time() - began)
            began = time.process_time()
        best = [min(pair) for pair in zip(best or times, times, strict=True)]
    return made, best


def write(made: list[Made], geometry: CylindricalGeometry, way: str | int, path: Path) -> float:
    """Write all batches; the computing time of it [s]."""
    began = time.process_time()
    with ShowerWriter(path, geometry, overwrite=True, compression=way) as writer:
        for batch in made:
            writer.append(batch.e_inc, batch.voxels, **{PRIOR_ENERGY: batch.prior_energy})
    return time.process_time() - began


def main() -> int:
    parser = argparse.ArgumentParser(description="What writing costs of a shower.")
    parser.add_argument("-n", type=int, default=4096)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    stored = load_pretrained()
    made, times = make(stored, args.n, args.repeats)
    making = sum(times)
    best: dict[str, float] = {}
    sizes: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "showers.h5"
        for _ in range(args.repeats):
            for name, way in WAYS.items():
                seconds = write(made, stored.model.geometry, way, path)
                best[name] = min(seconds, best.get(name, float("inf")))
                sizes[name] = path.stat().st_size
    print(f"making a shower: {1e3 * making / args.n:.2f} ms\n")
    print("| compression | writing a shower [ms] | of making and writing | kB a shower |")
    print("|---|--:|--:|--:|")
    for name, seconds in best.items():
        share = seconds / (making + seconds)
        kb = sizes[name] / args.n / 1e3
        print(f"| {name} | {1e3 * seconds / args.n:.3f} | {100 * share:.1f} % | {kb:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
