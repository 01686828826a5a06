"""The commands of the package that can take minutes or days, and what they read."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kills.trials import Case

__all__ = ["SHARES", "cases"]

SHARES = {
    "train quick": 0.15,
    "train best": 0.15,
    "simulate": 0.15,
    "evaluate": 0.1,
    "generate, emulator": 0.15,
    "shards": 0.2,
    "shards, dask": 0.1,
}
"""How the kills of a campaign are shared out."""

PROGRAM = (sys.executable, "-m", "calo4pqvae")

QUICK = (
    "data.energy_gev=[0.1,10]",
    "prior.nodes_per_partition=12",
    "model.encoder_widths=[8,4,16]",
    "model.decoder_widths=[16,4,4,8]",
    "training.batch_size=16",
    "training.epochs=6",
    "training.freeze_epoch=4",
    "training.checkpoint_minutes=0",
)
BEST = (
    "data.energy_gev=[0.1,10]",
    "prior.nodes_per_partition=6",
    "model.level_bits=[1,1,2,1,1]",
    "model.copula_bins=3",
    "model.decoder_widths=[4,6,8,10]",
    "training.batch_size=16",
    "training.epochs=4",
    "training.fit_steps=8",
    "training.checkpoint_minutes=0",
)


def inputs(work: Path) -> Path:
    """Make the shower files that the commands read: toys on a small cylinder, 0.1 to 10 GeV."""
    from calo4pqvae.data.shower_writer import ShowerWriter
    from calo4pqvae.geometry import CylindricalGeometry

    folder = work / "inputs"
    folder.mkdir(parents=True, exist_ok=True)
    geometry = CylindricalGeometry.regular(6, 4, [0.0, 5.0, 10.0, 15.0], threshold=0.05)
    for name, n, seed in (("a", 120, 1), ("b", 240, 2), ("c", 240, 3)):
        rng = np.random.default_rng(seed)
        e_inc = 10 ** rng.uniform(2.0, 4.0, (n, 1))
        depth = geometry.layer_of_voxel + 0.5
        mean = depth ** (0.8 + 0.5 * np.log10(e_inc / 100)) * np.exp(-depth)
        mean *= np.exp(-geometry.r_of_voxel / 3.0)
        mean *= e_inc / mean.sum(axis=1, keepdims=True)
        showers = mean * rng.gamma(2.0, 0.5, mean.shape)
        showers[showers < geometry.threshold] = 0
        with ShowerWriter(folder / f"{name}.h5", geometry, overwrite=True) as writer:
            writer.append(e_inc.astype(np.float32), showers.astype(np.float32))
    return folder


def cases(work: Path, names: Sequence[str]) -> list[Case]:
    """The commands of the package that can take minutes or days, by name."""
    data = inputs(work)
    model = work / "model"
    if "generate, emulator" in names and not (model / "model").exists():
        words = _train("quick", QUICK, data, model)
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    emulated = ("--sampler", "emulator", "--imperfections", "none", "--beta", "8.5")
    known = [
        Case("train quick", lambda out: _train("quick", QUICK, data, out / "run"), _weights),
        Case("train best", lambda out: _train("best", BEST, data, out / "run"), _weights),
        Case(
            "simulate",
            lambda _: [
                *(*PROGRAM, "simulate", "-o", "out.h5", "-n", "40", "--no-times"),
                *("--energy-gev", "1", "2", "--workers", "2"),
            ],
            lambda out: {"out.h5": _sha((out / "out.h5").read_bytes())},
        ),
        Case(
            "evaluate",
            lambda _: [
                *(*PROGRAM, "evaluate", "--generated", str(data / "b.h5"), "--reference"),
                *(str(data / "c.h5"), "--windows-gev", "0.5-2", "--classifiers", "none"),
                *("-o", "results"),
            ],
            _numbers,
        ),
        Case(
            "generate, emulator",
            lambda _: [
                *(*PROGRAM, "generate", "--model", str(model), "-n", "300", "--seed", "5"),
                *("--energy-gev", "0.2", "8", *emulated, "--journal", "j"),
                *("-o", "out.h5"),
            ],
            _showers,
        ),
    ]
    return [case for case in [*known, *_shards()] if case.name in names]


def _shards() -> list[Case]:
    """Shards of stub showers by processes of ours and of Dask; one or all are struck."""
    script = str(Path(__file__).parents[1] / "stub_shards.py")
    words = [sys.executable, script, "all"]
    ours = ("all", "parent", "shards.serve", "shards.serve")
    dask = ("all", "parent", "dask_scheduler", "dask_worker", "dask_worker")
    return [
        Case("shards", lambda _: words, _all_shards, ours, forks=False),
        Case("shards, dask", lambda _: [*words, "--dask"], _all_shards, dask, forks=False),
    ]


def _all_shards(out: Path) -> dict[str, str]:
    """Every shard, byte for byte, and how many lines the manifest has for each."""
    import h5py

    shards = sorted((out / "all").glob("shard-*.h5"))
    found = {path.name: _sha(path.read_bytes()) for path in shards}
    n = 0
    for path in shards:
        with h5py.File(path) as file:
            n += len(file["showers"])
    return {**found, "showers": str(n)}


def _train(preset: str, settings: Sequence[str], data: Path, run: Path) -> list[str]:
    words = ["train", "--preset", preset, "--data", str(data / "a.h5"), "--out", str(run)]
    return [*PROGRAM, *words, "--device", "cpu", "--set", *settings]


def _weights(out: Path) -> dict[str, str]:
    """The final weights, bit for bit, and the log without its clock."""
    log = (out / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    lines = [{**json.loads(line), "seconds": None} for line in log]
    return {
        "weights": _sha((out / "run" / "model" / "model.safetensors").read_bytes()),
        "log": _sha(json.dumps(lines).encode()),
    }


def _numbers(out: Path) -> dict[str, str]:
    """All numbers of an evaluation."""
    return {"metrics.json": _sha((out / "results" / "metrics.json").read_bytes())}


def _showers(out: Path) -> dict[str, str]:
    """The showers of a file; its attributes tell how the job went."""
    import h5py

    with h5py.File(out / "out.h5") as file:
        return {name: _sha(file[name][()].tobytes()) for name in file}


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
