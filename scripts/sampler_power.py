"""How small an error the conformance suite of samplers sees.

    python scripts/sampler_power.py --runs 100 --chains 20011

draws exact states of machines that are wrong by some per cent, runs all comparisons of
distributions on them, and prints how often at least one refuses. An error counts as seen if it
is refused in 99 of 100 runs. The last line is the constant of `testing/directions.py`.
"""

import argparse
from dataclasses import replace

import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.exact import ExactSampler
from calo4pqvae.testing import ConformanceError, conformance_cases

ERRORS = (0.01, 0.012, 0.014, 0.016, 0.018, 0.02, 0.025, 0.03, 0.035, 0.04, 0.05)
KINDS = ("all fields of nodes (the temperature)", "external fields", "couplings")


def wrong(problem: BoltzmannProblem, kind: str, factor: float) -> BoltzmannProblem:
    """Multiply what the kind says by a factor, in the Ising form."""
    if kind == KINDS[0]:
        return replace(problem, bias=factor * problem.bias, coupling=factor * problem.coupling)
    i, j = problem.graph.edges
    w = problem.coupling
    sums = torch.zeros(problem.graph.n_nodes).index_add(0, i, w).index_add(0, j, w)
    if kind == KINDS[1]:
        return replace(problem, bias=factor * problem.bias + (factor - 1) * sums / 2)
    return replace(problem, bias=problem.bias - (factor - 1) * sums / 2, coupling=factor * w)


def refused(kind: str, error: float, seed: int, chains: int) -> bool:
    """Whether any comparison of distributions refuses a sampler with this error."""

    class Wrong(ExactSampler):
        def sample(self, problem, clamped, sweeps=0, start=None):
            return super().sample(wrong(problem, kind, 1 + error), clamped, sweeps, start)

    for case in conformance_cases():
        if case.name.startswith("distribution"):
            try:
                case(lambda _, s: Wrong(SharedNoise(7919 * seed + s)), chains=chains)
            except ConformanceError:
                return True
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the power of the conformance suite.")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--chains", type=int, default=20_011)
    parser.add_argument("--errors", type=float, nargs="+", help="relative errors to try")
    parser.add_argument("--kinds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    scale = (20_011 / args.chains) ** 0.5
    errors = args.errors or [scale * e for e in ERRORS]
    print("| wrong | by, % | refused, % |\n|---|--:|--:|")
    for kind in (KINDS[k] for k in args.kinds):
        for error in errors:
            times = sum(refused(kind, -error, seed, args.chains) for seed in range(args.runs))
            print(
                f"| {kind} | -{100 * error:.3g} | {100 * times / args.runs:.0f} |", flush=True
            )
            if times >= 0.99 * args.runs:
                print(f"| | times root of chains: {error * args.chains**0.5:.3g} | |")
                break


if __name__ == "__main__":
    main()
