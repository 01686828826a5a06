"""How small an error the conformance suite of samplers sees.

    python scripts/sampler_power.py --runs 100 --notes runs.jsonl     # resumable
    python scripts/sampler_power.py --notes runs.jsonl --report       # the table

draws exact states of machines that are wrong by some per cent, runs all comparisons of
distributions on them, and counts how often at least one refuses. An error counts as seen if it
is refused in 99 of 100 runs. The first number of the last column is the constant of
`testing/directions.py`.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.exact import ExactSampler
from calo4pqvae.testing import ConformanceError, conformance_cases

ERRORS = (0.025, 0.03, 0.035, 0.04, 0.045, 0.05)
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


def noted(path: Path) -> dict[tuple[str, float], list[bool]]:
    """Runs that are noted: whether each refused, by kind and size of the error."""
    found: dict[tuple[str, float], list[bool]] = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for kind, error, seen in map(json.loads, lines):
        found.setdefault((kind, error), []).append(seen)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the power of the conformance suite.")
    parser.add_argument("--runs", type=int, default=100, help="of each size of error (100)")
    parser.add_argument("--chains", type=int, default=20_011)
    parser.add_argument("--notes", type=Path, required=True, help="runs, one a line, resumable")
    parser.add_argument("--report", action="store_true", help="print the table")
    args = parser.parse_args()
    if args.report:
        report(noted(args.notes), args.chains)
        return
    for kind in KINDS:
        for error in ERRORS:
            runs = noted(args.notes).get((kind, error), [])
            for seed in range(len(runs), args.runs):
                runs.append(refused(kind, -error, seed, args.chains))
                with args.notes.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([kind, error, runs[-1]]) + "\n")
            if sum(runs) >= 0.99 * len(runs):
                break


def report(runs: dict[tuple[str, float], list[bool]], chains: int) -> None:
    """Print how often each error is refused, and the smallest one that is seen."""
    print(f"{chains} chains.\n\n| wrong | by, % | runs | refused |\n|---|--:|--:|--:|")
    for (kind, error), seen in runs.items():
        print(f"| {kind} | -{100 * error:.3g} | {len(seen)} | {sum(seen)} |")
    print(
        "\n| wrong | seen in 99 of 100 from, % | times the root of the chains |\n|---|--:|--:|"
    )
    for kind in KINDS:
        errors = [
            e for (k, e), seen in runs.items() if k == kind and sum(seen) >= 0.99 * len(seen)
        ]
        if errors:
            print(f"| {kind} | {100 * min(errors):.3g} | {min(errors) * chains**0.5:.3g} |")


if __name__ == "__main__":
    main()
