"""Distributions of showers from Python, exported C++ and WebAssembly, prior included.

    calo4pqvae export cpp FOLDER --model pretrained
    calo4pqvae export web FOLDER --model pretrained
    python scripts/export_distributions.py FOLDER --showers 20000 --onnx plain.onnx

All draw at the same incident energies with seeds of their own; Python's chains begin at random
bits, those of the others at stored states. An ONNX graph costs ten times as much: it gets every
fifth energy (--every), and does not tell prior energies. Two-sample Kolmogorov-Smirnov tests
of each observable; the last rows change a sample on purpose, to show what the tests see. Status
1 if the least p-value of an unchanged one, times the number of tests, is below 0.01.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import torch
from scipy.stats import ks_2samp

from calo4pqvae._core.rng import RowNoise
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.models.export.onnx.check import session
from calo4pqvae.models.storage import load_model

SOURCE = Path(__file__).parent / "exported" / "stream.cpp"
FLAGS = ("-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-march=native")
CHUNK = 500
LAYERS = (3, 8, 14, 25)
STREAM = """
import { Generator } from "./calo4pqvae.mjs";
import { readFileSync, writeSync } from "node:fs";
const files = ["calo4pqvae.wasm", "model.c4pqvae"].map((name) => readFileSync(name));
const { core, worker, places, facts } = await Generator.open(...files);
const given = new Float32Array(new Uint8Array(readFileSync(0)).buffer);
const prior = core.malloc(8);
const write = (bytes) => {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error; // the pipe is full
    }
  }
};
given.forEach((energy, k) => {
  new Float32Array(core.memory.buffer, places.energy, 1)[0] = energy;
  const seed = BigInt(process.argv[2]);
  const { energy: at, voxels } = places;
  const code = core.calo4pqvae_draw(worker, 1, at, seed, BigInt(k), -1, voxels, prior);
  if (code) throw new Error(code);
  const out = new Float32Array(1 + facts.voxels);
  out[0] = new Float64Array(core.memory.buffer, prior, 1)[0];
  out.set(new Float32Array(core.memory.buffer, places.voxels, facts.voxels), 1);
  write(new Uint8Array(out.buffer));
});
"""


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare distributions of exported models.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="pretrained")
    parser.add_argument("--showers", type=int, default=20_000)
    parser.add_argument("--onnx", type=Path, metavar="FILE", help="graph of the form plain")
    parser.add_argument("--every", type=int, default=5, help="energies that the graph gets")
    args = parser.parse_args()
    torch.set_num_threads(1)
    stored, folder = load_model(args.model), args.folder.resolve()
    model, n = stored.model.eval(), args.showers
    low, high = model.scale.low, model.scale.high
    e_inc = (low * (high / low) ** ((np.arange(n) + 0.5) / n)).astype(np.float32)
    shape = model.geometry.shape
    subprocess.run(
        ("c++", *FLAGS, f"-I{folder}", str(SOURCE), "-o", "stream"), cwd=folder, check=True
    )
    (folder / "stream.mjs").write_text(STREAM)
    samples = {
        "Python": observables(
            by_python(model, e_inc, stored.config.prior.burn_in), e_inc, shape
        ),
        "C++": streamed(("./stream", "2"), folder, e_inc, shape),
        "WebAssembly": streamed(("node", "stream.mjs", "3"), folder, e_inc, shape),
    }
    names = list(samples["Python"])
    print(f"| samples of {n:,} | {' | '.join(names)} | least p, corrected |")
    print("|---|" + "--:|" * (len(names) + 1))
    pairs = [("C++", "Python"), ("WebAssembly", "Python"), ("WebAssembly", "C++")]
    if args.onnx:
        some = e_inc[args.every // 2 :: args.every]
        samples["ONNX"] = observables(by_graph(args.onnx, some), some, shape)
        del samples["ONNX"]["prior energy"]
        pairs.append(("ONNX", "Python"))
    good = [row(f"{one} and {other}", samples[one], samples[other]) for one, other in pairs]
    other = samples["Python"]
    changed = {name: values * 1.002 for name, values in samples["C++"].items()}
    row("all of C++ times 1.002", changed, other)
    narrow = {k: v.mean() + 0.97 * (v - v.mean()) for k, v in samples["C++"].items()}
    row("widths of C++ times 0.97", narrow, other)
    return int(min(good) < 0.01)


def row(title: str, one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    """Print the p-values of two samples; the least of them, corrected for their number."""
    p = [float(ks_2samp(one[name], other[name]).pvalue) for name in one]
    least = min(1.0, min(p) * len(p))
    shown = [f"{value:.2g}" for value in p] + ["-"] * (len(other) - len(p))
    print(f"| {title} | {' | '.join(shown)} | {least:.2g} |", flush=True)
    return least


def observables(
    parts: Iterator[np.ndarray], e_inc: np.ndarray, shape: tuple[int, int, int]
) -> dict[str, np.ndarray]:
    """Observables of showers, without their trivial dependence on the incident energy."""
    found: list[dict[str, np.ndarray]] = []
    at = 0
    for part in parts:
        energy = e_inc[at : at + len(part)].astype(np.float64)
        at += len(part)
        showers = part[:, 1:].reshape(-1, *shape).astype(np.float64)
        layers, total = showers.sum(axis=(2, 3)), np.maximum(showers.sum(axis=(1, 2, 3)), 1e-9)
        numbers = np.arange(shape[0])
        found.append(
            {
                "response": (total / energy - 0.95) * np.sqrt(energy),
                "hits": (showers > 0).sum(axis=(1, 2, 3)) / energy**0.6,
                "depth": layers @ numbers / total - np.log(energy),
                "core": showers[..., 0].sum(axis=(1, 2)) / total,
                **{f"layer {k}": layers[:, k] / energy for k in LAYERS},
                "prior energy": part[:, 0].astype(np.float64),
            }
        )
    return {name: np.concatenate([one[name] for one in found]) for name in found[0]}


@torch.no_grad()
def by_python(model: ShowerModel, e_inc: np.ndarray, sweeps: int) -> Iterator[np.ndarray]:
    """Prior energy and voxels of showers, drawn as `generate` does."""
    for at in range(0, len(e_inc), CHUNK):
        energies = torch.from_numpy(e_inc[at : at + CHUNK, None])
        drawn = model.sample(energies, 1, at, sweeps)
        assert drawn is not None
        showers = model.decode(drawn[0], energies, RowNoise(1, at)).flatten(start_dim=1)
        yield np.concatenate([drawn[1].numpy()[:, None], showers.numpy()], axis=1)


def by_graph(path: Path, e_inc: np.ndarray) -> Iterator[np.ndarray]:
    """Voxels of showers that ONNX Runtime draws, after a column for the prior energy."""
    run = session(path.read_bytes())
    width = run.get_inputs()[0].shape[1]
    rng = np.random.default_rng(4)
    for at in range(0, len(e_inc), 64):
        energies = e_inc[at : at + 64, None]
        noise = rng.random((len(energies), width), dtype=np.float32)
        showers = run.run(None, {"noise": noise, "energy": energies})[0]
        yield np.concatenate([np.zeros_like(energies), showers], axis=1)


def streamed(
    command: tuple[str, ...], folder: Path, e_inc: np.ndarray, shape: tuple[int, int, int]
) -> dict[str, np.ndarray]:
    """The same of a program that reads energies and writes showers."""
    (folder / "energies").write_bytes(e_inc.tobytes())
    with (folder / "energies").open("rb") as given:
        process = subprocess.Popen(command, cwd=folder, stdin=given, stdout=subprocess.PIPE)
        assert process.stdout is not None
        found = observables(pieces(process.stdout, 1 + int(np.prod(shape))), e_inc, shape)
        if process.wait():
            raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return found


def pieces(stream: IO[bytes], width: int) -> Iterator[np.ndarray]:
    while piece := stream.read(4 * width * CHUNK):
        yield np.frombuffer(piece, np.float32).reshape(-1, width)


if __name__ == "__main__":
    sys.exit(main())
