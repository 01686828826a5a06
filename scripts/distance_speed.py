"""Time FPD and KPD with the challenge's settings, beside JetNet and the arithmetic limit.

    python scripts/distance_speed.py [-n 50000] [--jetnet ENV/bin/python]

Features are drawn from a normal distribution with the mean and covariance of the bundled Geant4
sample; the generated ones have a larger spread by 2 %. JetNet runs in its own environment (see
golden_distances.py) on the same numbers, after ours has ended. Beside seconds of the clock
stand those of the processors, all threads together, which other work on the machine leaves
alone. The limit is the time of the floating-point operations that FPD cannot do without (each
different shower of a redraw once, half of a symmetric product, in float32; 11/3 columns^3 for
each square root, in float64) at the speed of a large matrix product here and now.
"""

import argparse
import json
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.distances.frechet import fpd, sample_sizes
from calo4pqvae.evaluation.distances.kernel import kpd
from calo4pqvae.evaluation.measured.measured import Measured

SIZES, BATCHES = (10_000, 50_000, 10), 20

JETNET = """
import json, sys, time
import numpy as np
from jetnet.evaluation import fpd, kpd
x, y = (np.load(f"{sys.argv[1]}/{side}.npy") for side in ("reference", "generated"))
out = {}
for name, run in (
    ("fpd", lambda: fpd(x, y, min_samples=10_000)),
    ("kpd", lambda: kpd(x, y, batch_size=10_000)),
):
    start = time.perf_counter(), time.process_time()
    values = [float(value) for value in run()]
    seconds = time.perf_counter() - start[0], time.process_time() - start[1]
    out[name] = *values, *seconds
print(json.dumps(out))
"""


def synthetic(n):
    """Two samples of n feature vectors that look like Geant4's."""
    with ShowerFile(sample_path()) as file:
        seen = Measured.from_file(file).features
    rng = np.random.default_rng(0)
    squares, directions = np.linalg.eigh(np.cov(seen.values, rowvar=False))
    root = directions * np.sqrt(squares.clip(min=0))
    mean = seen.values.mean(axis=0)
    return [
        replace(
            seen,
            e_inc=np.ones(n),
            values=mean + spread * rng.standard_normal((n, len(mean))) @ root.T,
        )
        for spread in (1.0, 1.02)
    ]


def timed(run, *given):
    """Value and error of a score, seconds of the clock and of the processors."""
    start = time.perf_counter(), time.process_time()
    score = run(*given)
    seconds = time.perf_counter() - start[0], time.process_time() - start[1]
    return score.value, score.error, *seconds


def jetnet_scores(python, samples):
    """JetNet's numbers and times for the same features."""
    with tempfile.TemporaryDirectory() as folder:
        for side, features in zip(("reference", "generated"), samples, strict=True):
            np.save(Path(folder) / f"{side}.npy", features.values)
        command = [python, "-W", "ignore", "-c", JETNET, folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def operations(n, columns):
    """Floating-point operations that FPD cannot do without."""
    sizes = sample_sizes(*SIZES).astype(float)
    rows = 2 * BATCHES * (n * (1 - (1 - 1 / n) ** sizes)).sum()
    return rows * columns**2, BATCHES * len(sizes) * 11 / 3 * columns**3


def peak(dtype):
    """Fastest of ten large matrix products [operations/s]."""
    a = torch.rand(3000, 3000, dtype=dtype)
    times = []
    for _ in range(10):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return 2 * len(a) ** 3 / min(times)


def show(who, scores):
    """Print one line for each distance."""
    for name, (value, error, clock, processors) in scores.items():
        print(f"{name}  {who:6}  {value:.10g} +- {error:.4g}  ", end="")
        print(f"{clock:.1f} s, processors {processors:.1f} s", flush=True)


def main():
    """Print numbers, times and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=50_000, help="showers on each side")
    parser.add_argument("--jetnet", help="Python interpreter that can import jetnet")
    args = parser.parse_args()
    samples = synthetic(args.n)
    columns = len(samples[0].columns)
    print(f"{args.n} x {columns}, {torch.get_num_threads()} threads")
    parts, speeds = operations(args.n, columns), [peak(torch.float32), peak(torch.float64)]
    ours = {"fpd": timed(fpd, *samples), "kpd": timed(kpd, *samples)}
    show("ours", ours)
    limit = sum(part / speed for part, speed in zip(parts, speeds, strict=True))
    giga = [number / 1e9 for pair in zip(parts, speeds, strict=True) for number in pair]
    print("fpd: {:.0f} G operations at {:.0f} G/s and {:.0f} at {:.0f}: ".format(*giga), end="")
    print(f"limit {limit:.1f} s, reached {limit / ours['fpd'][2]:.0%} of it", flush=True)
    if args.jetnet:
        theirs = jetnet_scores(args.jetnet, samples)
        show("jetnet", theirs)
        for name in ours:
            clock, processors = (theirs[name][i] / ours[name][i] for i in (2, 3))
            print(
                f"{name}: {clock:.1f} times less time, {processors:.1f} of the processors; ",
                end="",
            )
            print(f"value differs by {ours[name][0] / theirs[name][0] - 1:.1e} relative")


if __name__ == "__main__":
    main()
