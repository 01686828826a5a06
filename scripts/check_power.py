"""How often `annealer check` finds reads that repeat, with the reads that it recommends.

    python scripts/check_power.py --runs 100

4 x 36 nodes on an emulated Zephyr(2,4) with typical errors. A first check of 128 reads says how
many show a correlation of 0.1 in 19 of 20 checks; so many are then taken on chips whose reads
repeat with that probability, with half of it, and on chips without memory (false alarms).
"""

import argparse
import re
from dataclasses import replace

import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.annealer import (
    IMPERFECTIONS,
    AnnealerSampler,
    EmulatedAnnealer,
    Settings,
    WorkingGraph,
    check_up,
)
from calo4pqvae.boltzmann import BoltzmannMachine

NAME = "memory of the last read"


def memory(machine, chip, repeats, seed, reads):
    """Check a new chip; return what is found about the memory of reads."""
    errors = replace(IMPERFECTIONS["typical"], repeats=repeats)
    emulator = EmulatedAnnealer(
        "system4", graph=chip, seed=seed, sweeps=20, imperfections=errors
    )
    sampler = AnnealerSampler(machine.graph, emulator, SharedNoise(seed), Settings(8.5))
    code = torch.rand(1, 36, generator=torch.Generator().manual_seed(seed)) < 0.5
    found = check_up(sampler, machine.problem(), code, reads)
    return next(one for one in found if one.name == NAME)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    args = parser.parse_args()
    chip = WorkingGraph.perfect("zephyr", (2, 4), "system4")
    graph = chip.lay_out(36)
    machine = BoltzmannMachine(graph, scale=0.5, generator=torch.Generator().manual_seed(1))
    text = memory(machine, chip, 0.0, 0, 128).text
    told = re.search(r"0\.1 in 19 of 20 with (\d+) reads", text)
    assert told is not None
    reads = int(told[1])
    print(f"recommended: {reads} reads\n")
    print("| reads that repeat | found |")
    print("|---|--:|")
    for repeats in (0.1, 0.05, 0.0):
        seeds = range(1, args.runs + 1)
        alarms = sum(not memory(machine, chip, repeats, k, reads).good for k in seeds)
        print(f"| {repeats} | {alarms} of {args.runs} |", flush=True)


if __name__ == "__main__":
    main()
