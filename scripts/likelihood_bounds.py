"""Bounds of ln Z of a trained model's prior by annealed importance sampling.

    python scripts/likelihood_bounds.py MODEL [--energies 5] [--temperatures 200 1000 ..]
        [--chains 64] [--sweeps 1] [--burn-in 1000] [--seed 0]

One row per number of temperatures and incident energy: the stochastic lower and upper bound of
ln Z(u) with their errors, and their distance.
"""

import argparse
import time

import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.log_z.annealed import even_schedule
from calo4pqvae.boltzmann.log_z.likelihood import log_z_bounds
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.models.storage import load_model
from calo4pqvae.units import GeV


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--energies", type=int, default=5)
    parser.add_argument("--temperatures", nargs="+", type=int, default=[200, 1000])
    parser.add_argument("--chains", type=int, default=64)
    parser.add_argument("--sweeps", type=int, default=1)
    parser.add_argument("--burn-in", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    model = load_model(args.model).model.eval()
    graph, scale = model.prior.graph, model.scale
    e_inc = (
        torch.logspace(0, 1, args.energies, base=scale.high / scale.low)[:, None] * scale.low
    )
    t, codes = model.condition(e_inc.clamp(scale.low, scale.high))
    print(f"{graph.n_nodes} nodes, {graph.n_edges} couplers, {args.chains} chains an energy\n")
    print("| temperatures | energy, GeV | ln Z from below | from above | between | seconds |")
    print("|--:|--:|--:|--:|--:|--:|")
    for n in args.temperatures:
        sampler = choose_sampler(graph, SharedNoise(args.seed))
        for k, energy in enumerate((e_inc[:, 0] / GeV).tolist()):
            start = time.perf_counter()
            bounds = log_z_bounds(
                model.prior.problem(t[k : k + 1]),
                codes[k : k + 1],
                sampler,
                even_schedule(n),
                chains=args.chains,
                sweeps=args.sweeps,
                burn_in=args.burn_in,
            )
            taken = time.perf_counter() - start
            low, high = bounds.lower, bounds.upper
            print(
                f"| {n} | {energy:.1f} | {low.value[0]:.3f} ± {low.error[0]:.3f} "
                f"| {high.value[0]:.3f} ± {high.error[0]:.3f} "
                f"| {high.value[0] - low.value[0]:+.3f} | {taken:.1f} |"
            )


if __name__ == "__main__":
    main()
