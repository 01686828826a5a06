"""How often the interval of a measured temperature holds the emulator's hidden value.

    python scripts/beta_coverage.py --fits 100

4 x 36 nodes on an emulated Zephyr(2,4), hidden beta 8.5, 8 codes; every fit has other errors of
the chip, codes, reads and classical states. `raw` is the interval of reads and programmings
alone, `chip` that with the chip's errors taken out.
"""

import argparse
from dataclasses import replace

import numpy as np
import torch

from calo4pqvae._core.rng import SharedNoise, derive_seed
from calo4pqvae.annealer import (
    IMPERFECTIONS,
    AnnealerSampler,
    EmulatedAnnealer,
    Request,
    Settings,
    WorkingGraph,
    measure_temperature,
)
from calo4pqvae.boltzmann import BoltzmannMachine, from_ising

HIDDEN, SWEEPS = 8.5, 50
KINDS = {
    "typical": IMPERFECTIONS["typical"],
    "typical, repeated reads 0.2": replace(IMPERFECTIONS["typical"], repeats=0.2),
    "typical, readout 1 %": replace(IMPERFECTIONS["typical"], readout=0.01),
    "twice typical": IMPERFECTIONS["twice"],
}


def machine_on(graph, scale=0.2):
    """Random fields and couplings of this standard deviation in the Ising problem."""
    generator = torch.Generator().manual_seed(1)
    field = scale * torch.randn(1, graph.n_nodes, generator=generator)
    coupling = scale * torch.randn(graph.n_edges, generator=generator)
    problem = from_ising(graph, field, coupling)
    machine = BoltzmannMachine(graph)
    machine.bias.copy_(problem.bias)
    machine.coupling.copy_(problem.coupling)
    return machine


def fit(kind, rule, number, reads):
    """Measure once; the hidden value is told by nobody."""
    chip = WorkingGraph.perfect("zephyr", (2, 4), "system4")
    graph = chip.lay_out(36)
    seed = derive_seed(number, 3)
    emulator = EmulatedAnnealer(
        "system4", graph=chip, beta=HIDDEN, seed=seed, sweeps=SWEEPS, imperfections=KINDS[kind]
    )
    codes = torch.rand(8, 36, generator=torch.Generator().manual_seed(number)) < 0.5
    request = Request(machine_on(graph), codes.repeat(reads // 8, 1))
    sampler = AnnealerSampler(graph, emulator, SharedNoise(seed), Settings(beta=8.0))
    return measure_temperature(
        sampler, request, rule=rule, reads=reads, seed=seed, sweeps=SWEEPS
    )


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=100)
    parser.add_argument("--reads", type=int, default=256)
    parser.add_argument("--rule", default="energy")
    parser.add_argument("--only", nargs="*", default=list(KINDS))
    args = parser.parse_args()
    print("| errors of the chip | matched | chip | spread | stated | within | found |")
    print("|---|--:|--:|--:|--:|--:|---|")
    for kind in args.only:
        fits = [fit(kind, args.rule, k, args.reads) for k in range(args.fits)]
        good = [f for f in fits if f.chip is not None]
        value = np.array([f.chip.value for f in good])
        error = np.array([f.chip.error for f in good])
        matched = np.array([f.beta.value for f in good])
        hit = int((np.abs(value - HIDDEN) < error).sum())
        sizes = np.mean([f.errors for f in good], axis=0)
        print(
            f"| {kind} | {matched.mean():.3f} | {value.mean():.3f} | {value.std(ddof=1):.3f} | "
            f"{error.mean():.3f} | {hit} of {len(good)} | h {sizes[0]:.3f}, J {sizes[1]:.4f}, "
            f"readout {sizes[2]:.4f}, repeats {sizes[3]:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
