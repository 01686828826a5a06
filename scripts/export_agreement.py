"""Showers of torch, the compiled core, WebAssembly in Node and ONNX, from the same numbers.

    calo4pqvae export web FOLDER --model pretrained
    python scripts/export_agreement.py FOLDER --showers 1024 --onnx 512

Bits come from the model's machine, uniform numbers from numpy. An ONNX graph makes its bits
itself: it and torch start from the same stored states and sweep with the same numbers, and it
solves its equations in a fixed number of rounds, in single precision. Status 1 if more than 1
shower in 500 (ONNX: in 50) has a differing hit, or energies differ by 1e-4 in the median.
"""

import argparse
import math
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from calo4pqvae._core.rng import Replay
from calo4pqvae.generation.equilibrated import FROM_RANDOM, equilibrated_states, measure_times
from calo4pqvae.models.autoregressive.core import Core, Numbers
from calo4pqvae.models.autoregressive.model import LayeredQVAE
from calo4pqvae.models.export.onnx.check import expected, session
from calo4pqvae.models.export.onnx.write import build, shares
from calo4pqvae.models.export.web.write import MODULE, SCRIPT
from calo4pqvae.models.storage import load_model

DECODE = """
import { Generator } from "./SCRIPT";
import { readFileSync, writeFileSync } from "node:fs";
const read = (name, Numbers) => new Numbers(new Uint8Array(readFileSync(name)).buffer);
const files = ["MODULE", "model.c4pqvae"].map((name) => readFileSync(name));
const one = await Generator.open(...files);
const { nodes, uniforms: n } = one.facts;
const [energies, uniforms, bits] =
  [read("energies", Float32Array), read("uniforms", Float32Array), read("bits", Uint8Array)];
const part = (all, size, k) => all.subarray(k * size, (k + 1) * size);
const start = process.cpuUsage().user;
const draw = (energy, k) => one.decode(energy, part(bits, nodes, k), part(uniforms, n, k));
const made = [...energies].map(draw);
console.log(((process.cpuUsage().user - start) / 1e3 / energies.length).toFixed(2));
writeFileSync("voxels", Buffer.concat(made.map((voxels) => Buffer.from(voxels.buffer))));
"""


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare showers of the same numbers.")
    parser.add_argument("folder", type=Path, help="folder written by export web")
    parser.add_argument("--model", default="pretrained")
    parser.add_argument("--showers", type=int, default=1024)
    parser.add_argument("--onnx", type=int, default=512, help="showers of the graph")
    parser.add_argument("--states", type=int, default=256, help="stored for it, as exported")
    parser.add_argument("--sweeps", type=int, default=16, help="that it makes, as exported")
    args = parser.parse_args()
    torch.set_num_threads(1)
    stored, n = load_model(args.model), args.showers
    model, rng = stored.model.eval(), np.random.default_rng(17)
    core = Core((args.folder / "model.c4pqvae").read_bytes())
    low, high = model.scale.low, model.scale.high
    energies = (low * (high / low) ** ((np.arange(n) + 0.5) / n)).astype(np.float32)
    bits = core.sample(energies, 3, 0, stored.config.prior.burn_in)[0]
    words = rng.integers(1, 2**24, (n, core.uniforms))
    uniforms = (words / 2**24).astype(np.float32)
    showers = {
        "C++": core.decode(bits, energies, Numbers(uniforms=uniforms)),
        "WebAssembly": in_node(args.folder, energies, uniforms, bits),
        "torch": by_torch(model, energies, uniforms, bits),
    }
    print("| these | showers | with a differing hit | median difference of an energy |")
    print("|---|--:|--:|--:|")
    failed = False
    for name in ("WebAssembly", "torch"):
        for other in ("C++", "torch"):
            if other != name:
                differing, median = compare(showers[name], showers[other])
                failed |= differing > n / 500 or median > 1e-4
                print(f"| {name} and {other} | {n} | {differing} | {median:.1e} |")
    wrong = core.decode(bits, energies, Numbers(uniforms=uniforms[:, ::-1].copy()))
    print(f"| C++ and C++ of other numbers | {n} | {compare(wrong, showers['C++'])[0]} | - |")
    if args.onnx:
        failed |= by_graph(model, args.onnx, args.states, args.sweeps)
    return int(failed)


def by_graph(model: LayeredQVAE, n: int, kept: int, sweeps: int) -> bool:
    """Print the row of an ONNX graph and that of other numbers; whether the first differs."""
    needed = np.ceil(FROM_RANDOM * measure_times(model, seed=0)).astype(int)
    states = equilibrated_states(model, needed, kept, 0)
    low, high = model.scale.low, model.scale.high
    energies = np.geomspace(low, high, n, dtype=np.float32)[:, None]
    words = np.random.default_rng(19).integers(1, 2**24, (n, sum(shares(model, sweeps))))
    noise = (words / 2**24).astype(np.float32)
    run = session(build(model, "plain", states, sweeps).SerializeToString())
    made, start = [], time.process_time()
    for at in range(0, n, 64):
        some = slice(at, at + 64)
        made.append(run.run(None, {"noise": noise[some], "energy": energies[some]})[0])
    spent = 1e3 * (time.process_time() - start) / n
    showers = np.concatenate(made)
    differing, median = compare(showers, expected(model, noise, energies, states, sweeps))
    print(f"| ONNX and torch | {n} | {differing} | {median:.1e} |")
    other = expected(model, noise[:, ::-1].copy(), energies, states, sweeps)
    print(f"| ONNX and torch of other numbers | {n} | {compare(showers, other)[0]} | - |")
    print(f"\nONNX: {spent:.0f} ms of computing time a shower, 64 at a time, prior included")
    return differing > n / 50 or median > 1e-4


def in_node(
    folder: Path, energies: np.ndarray, uniforms: np.ndarray, bits: np.ndarray
) -> np.ndarray:
    for name, array in {"energies": energies, "uniforms": uniforms, "bits": bits}.items():
        (folder / name).write_bytes(array.tobytes())
    (folder / "decode.mjs").write_text(
        DECODE.replace("SCRIPT", SCRIPT).replace("MODULE", MODULE)
    )
    node = ("node", "decode.mjs")
    done = subprocess.run(node, cwd=folder, capture_output=True, text=True, check=True)
    print(f"WebAssembly: {done.stdout.strip()} ms of computing time a shower, prior excluded\n")
    voxels = np.fromfile(folder / "voxels", np.float32).reshape(len(energies), -1)
    for name in ("energies", "uniforms", "bits", "decode.mjs", "voxels"):
        (folder / name).unlink()
    return voxels


def by_torch(
    model: LayeredQVAE, energies: np.ndarray, uniforms: np.ndarray, bits: np.ndarray
) -> np.ndarray:
    """Draw with the reference, which takes the same numbers in pieces."""
    quantities, (layers, alpha, r) = len(model.law.levels.bits), model.decoder.shape
    shapes = [
        (1, quantities),
        (model.law.rounds, quantities),
        (layers, 2 + 2 * alpha * r),
        (2,),
    ]
    made, given = [], torch.from_numpy(uniforms)
    with mock.patch("calo4pqvae.models.autoregressive.model.compiled", return_value=None):
        for row in range(0, len(bits), 128):
            some, draws, at = slice(row, row + 128), [], 0
            for shape in shapes:
                end = at + math.prod(shape)
                draws.append(given[some, at:end].reshape(-1, *shape))
                at = end
            e_inc = torch.from_numpy(energies[some, None])
            showers = model.decode(torch.from_numpy(bits[some]), e_inc, Replay(draws))
            made.append(showers.flatten(start_dim=1).numpy())
    return np.concatenate(made)


def compare(one: np.ndarray, other: np.ndarray) -> tuple[int, float]:
    """Showers with a differing hit, and the median relative difference of the others' hits."""
    same = ((one > 0) == (other > 0)).all(axis=1)
    hits = one[same] > 0
    apart = np.abs(one[same][hits] / other[same][hits] - 1)
    return int((~same).sum()), float(np.median(apart)) if len(apart) else math.nan


if __name__ == "__main__":
    sys.exit(main())
