"""SHA-256 of the showers that two models draw, as they are and with earlier random numbers.

    OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python scripts/same_showers.py --work WORK

Draws 512 showers of the pretrained model, by the compiled core and by torch, and of a `quick`
model that is trained for two epochs on the bundled sample. Then the random numbers of a shower
are replaced by those that were taken before each shower had a stream of its own: blocks of 64
rows of torch's generator. Whoever changes what may change no shower runs it before and after.
"""

import argparse
import hashlib
from pathlib import Path

import h5py
import torch

from calo4pqvae._core.rng import SharedNoise, derive_seed
from calo4pqvae.cli.main import main as calo4pqvae
from calo4pqvae.data.sample import sample_path
from calo4pqvae.generation import sequence
from calo4pqvae.models.autoregressive.core import Core

BLOCK = 64


class EarlierNoise(SharedNoise):
    """Rows in blocks that have seeds of their own."""

    def __init__(self, seed, first, device="cpu"):
        super().__init__(seed, device)
        self._seed, self._first, self._calls = seed, first, 0

    def uniform(self, rows, *shape):
        """Draw numbers for `rows` rows."""
        first, last = self._first // BLOCK, (self._first + rows - 1) // BLOCK
        parts = []
        for block in range(first, last + 1):
            self.generator.manual_seed(derive_seed(self._seed, block, self._calls))
            parts.append(super().uniform(BLOCK, *shape))
        self._calls += 1
        skip = self._first - first * BLOCK
        return torch.cat(parts)[skip : skip + rows]


def call(*words):
    """Give a command of the package."""
    if calo4pqvae([str(word) for word in words]):
        raise SystemExit(f"{words[0]} failed")


def showers(work, model, highest):
    """Digest of the voxels of 512 showers."""
    out = work / "showers.h5"
    energies = ("--energy-gev", 1, highest, "--seed", 5)
    call("generate", "--model", model, "-n", 512, *energies, "-o", out, "--overwrite")
    with h5py.File(out) as file:
        return hashlib.sha256(file["showers"][:].tobytes()).hexdigest()


def main():
    """Draw in every way and print the digests."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder to write")
    work = parser.parse_args().work
    settings = ("data.split=sample", "data.energy_gev=[1, 100]", "training.epochs=2")
    quick, data = work / "quick", ("--data", sample_path())
    if not (quick / "model").exists():
        call("train", "--preset", "quick", *data, "--set", *settings, "--out", quick)
    weights = (quick / "model" / "model.safetensors").read_bytes()
    found = {"quick, weights": hashlib.sha256(weights).hexdigest()}
    found["quick"] = showers(work, quick, 100)
    found["pretrained"] = showers(work, "pretrained", 1000)
    Core.available = staticmethod(lambda: False)
    found["pretrained, by torch"] = showers(work, "pretrained", 1000)
    sequence.RowNoise = EarlierNoise
    found["quick, earlier numbers"] = showers(work, quick, 100)
    for name, digest in found.items():
        print(f"| {name} | `{digest[:8]}…{digest[-5:]}` |")


if __name__ == "__main__":
    main()
