"""Count verdicts against Geant4 itself.

    python scripts/false_alarms.py FILE.h5 [--reference 1000] [--showers 800] [--trials 100]

In each trial reference and sample are drawn from the file without replacement, so that they are
independent samples of one distribution. Prints for each kind of verdict the share that goes
against Geant4, with its error by trials (verdicts of one trial are correlated), and each
score's share with mean and standard deviation of its excess. `--metrics` takes names of
`calo4pqvae.evaluation.metrics.registry`; the power of classifiers is left out.
"""

import argparse
from collections import defaultdict
from pkgutil import resolve_name

import numpy as np

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.metric import Options
from calo4pqvae.evaluation.metrics.registry import METRICS
from calo4pqvae.evaluation.result import Result
from calo4pqvae.evaluation.verdict import CHANCE, WITHIN

QUICK = [name for name in METRICS if name not in {"trees", "networks"}]


def main() -> None:
    """Run the trials and print the shares."""
    parser = argparse.ArgumentParser(description="Count verdicts against Geant4 itself")
    parser.add_argument("file")
    parser.add_argument("--reference", type=int, default=1000)
    parser.add_argument("--showers", type=int, default=800)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--metrics", nargs="+", choices=METRICS, default=QUICK)
    args = parser.parse_args()
    with ShowerFile(args.file) as file:
        whole = Measured.from_file(file)
    rng, options = np.random.default_rng(1), Options(batches=1)
    found: dict[str, list[Result]] = defaultdict(list)
    for _ in range(args.trials):
        rows = rng.permutation(len(whole))[: args.reference + args.showers]
        reference = whole.take(rows[: args.reference])
        sample = whole.take(rows[args.reference :])
        for name in args.metrics:
            metric = resolve_name(METRICS[name])(reference, options)
            for key, result in metric.of(sample).items():
                if result.verdict is not None:
                    found[key].append(result)
    print_shares(found, args.trials)


def print_shares(found: dict[str, list[Result]], trials: int) -> None:
    """Print the shares of verdicts against Geant4."""
    for sides, stated in CHANCE.items():
        kept = [of for of in found.values() if of[0].sides == sides and len(of) == trials]
        if not kept:
            continue
        off = np.array([[one.verdict != WITHIN for one in of] for of in kept])
        per_trial = off.mean(axis=0)
        error = per_trial.std(ddof=1) / np.sqrt(trials)
        print(
            f"{sides}: {off.mean():.4f} +- {error:.4f} of {off.size} verdicts over "
            f"{len(kept)} scores, {(off.any(axis=0)).mean():.2f} of the trials have one; "
            f"{stated} is stated"
        )
    print("score: share off, mean and standard deviation of the excess [errors]")
    for name, of in found.items():
        excess = np.array([one.excess for one in of], dtype=float)
        off = np.mean([one.verdict != WITHIN for one in of])
        print(f"  {name}: {off:.3f}, {np.nanmean(excess):+.2f}, {np.nanstd(excess):.2f}")


if __name__ == "__main__":
    main()
