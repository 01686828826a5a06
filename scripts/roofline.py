"""What one core could reach: the kernel's three parts, each alone and in the nearest cache.

    python scripts/roofline.py [--grid 6 12] [--chains 256] [--sweeps 1000]

An update of a node in 128 chains needs one masked addition per neighbour, one vector of random
numbers, and one comparison with the sigmoid. Each is timed on its own, with all that it reads
in the nearest cache and nothing in its way; their sum is the least time of an update. The table
sets the whole kernel beside it.
"""

import argparse
import time

import numpy as np
import torch
from numba import njit

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.bench.lattice_problem import lattice_problem
from calo4pqvae.boltzmann.samplers.cpu import kernel
from calo4pqvae.boltzmann.samplers.cpu import lanes as v
from calo4pqvae.boltzmann.samplers.cpu.compiled import CompiledGibbs
from calo4pqvae.boltzmann.samplers.cpu.lanes import LANES

ZERO, STEP = np.uint64(0), np.uint64(LANES)
WORDS = np.uint64(kernel.WORDS)


@njit
def add_masked(masks, weights, out, repeats):
    x = v.load16(out, ZERO)
    for _ in range(repeats):
        for entry in range(np.uint64(weights.size)):
            x = v.add_where(x, v.load_mask(masks, entry * WORDS), weights[entry])
    v.store16(out, ZERO, x)


@njit
def draw_numbers(stream, noise, repeats):
    for _ in range(repeats):
        kernel.draw(stream, noise, np.uint64(noise.size) // STEP)


@njit
def compare(state, sums, limits, noise, tied, close, repeats):
    n = np.uint64(limits.shape[0])
    for _ in range(repeats):
        kernel.compare(state, ZERO, n, sums, limits, noise, tied, close)


def seconds(run, *given):
    """Time of the fastest of ten runs."""
    run(*given)
    best = np.inf
    for _ in range(10):
        start = time.perf_counter()
        run(*given)
        best = min(best, time.perf_counter() - start)
    return best


def parts():
    """Nanoseconds of a masked addition, of a draw and of a comparison, for 128 chains."""
    r, n, repeats = np.random.default_rng(0), 16, 20_000
    masks = r.integers(0, 2**32, 1024 * kernel.WORDS, dtype=np.uint32)
    weights = r.integers(0, 2**16, 1024, dtype=np.uint16)
    add = seconds(add_masked, masks, weights, np.zeros(LANES, np.uint16), 200) / 200 / 1024
    noise = r.integers(0, 2**16, n * LANES, dtype=np.uint16)
    stream = r.integers(0, 2**32, 2 * LANES, dtype=np.uint32)
    draw = seconds(draw_numbers, stream, noise, repeats) / repeats / n
    sums = r.integers(0, 2**16, n * LANES, dtype=np.uint16)
    limits = np.tile(np.array([0, 65535, 9, 0], np.uint16), (n, 1))
    masks, close = np.zeros((2, n * kernel.WORDS), np.uint32), np.zeros(n + 1, np.uint32)
    given = masks[0], sums, limits, noise, masks[1], close
    settle = seconds(compare, *given, repeats) / repeats / n
    return 1e9 * add, 1e9 * draw, 1e9 * settle


def measured(grid, chains, sweeps):
    """Mean number of neighbours and nanoseconds per node and 128 chains of the whole."""
    lattice = lattice_problem(grid)
    graph = lattice.whole.graph
    sampler = CompiledGibbs(graph, SharedNoise(0), threads=1)
    codes = lattice.codes(chains)
    best = min(seconds_of(sampler, lattice.whole, codes, sweeps) for _ in range(5)) - min(
        seconds_of(sampler, lattice.whole, codes, 0) for _ in range(5)
    )
    degree = graph.degree[graph.sizes[0] :].double().mean().item()
    tiles = -(-chains // LANES)
    return degree, 1e9 * best / (sweeps * graph.n_latents * tiles)


def seconds_of(sampler, problem, codes, sweeps):
    """Time of one call."""
    start = time.perf_counter()
    sampler.sample(problem, codes, sweeps)
    return time.perf_counter() - start


def main():
    """Print the parts and, for each lattice, the bound and what is reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grid", nargs="+", type=int, default=[6, 12])
    parser.add_argument("--chains", type=int, default=256)
    parser.add_argument("--sweeps", type=int, default=1000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    add, draw, settle = parts()
    print(f"128 chains: masked addition {add:.2f} ns, draw {draw:.2f} ns, ", end="")
    print(f"comparison {settle:.2f} ns\n")
    print("| lattice | neighbours | bound, G updates/s | reached | share |")
    print("|---|--:|--:|--:|--:|")
    for grid in args.grid:
        degree, whole = measured(grid, args.chains, args.sweeps)
        bound, reached = (LANES / t for t in (degree * add + draw + settle, whole))
        print(
            f"| Z{grid} | {degree:.1f} | {bound:.2f} | {reached:.2f} | {reached / bound:.0%} |"
        )


if __name__ == "__main__":
    main()
