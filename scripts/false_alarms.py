"""Count verdicts against Geant4 itself, and how soon a known defect is seen.

    python scripts/false_alarms.py FILE.h5 [--reference 1000] [--showers 800] [--trials 100]

In each trial reference and sample are drawn from the file without replacement, so that they are
independent samples of one law. Prints for each kind of verdict the share that goes against
Geant4, with 2.5 and 97.5 % limits by trials (verdicts of one trial are correlated), each score
whose share is conspicuous, and the share of trials that see the sample spoilt: its response
raised by --response.
"""

import argparse
from collections import defaultdict

import numpy as np

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.comparison import compare
from calo4pqvae.evaluation.entries import Entry
from calo4pqvae.evaluation.features.measured import Measured
from calo4pqvae.evaluation.features.observables import Observables
from calo4pqvae.evaluation.scores import Scores
from calo4pqvae.evaluation.verdict import CHANCE, WITHIN


def main() -> None:
    """Run the trials and print the shares."""
    parser = argparse.ArgumentParser(description="Count verdicts against Geant4 itself")
    parser.add_argument("file")
    parser.add_argument("--reference", type=int, default=1000)
    parser.add_argument("--showers", type=int, default=800)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--classifiers", choices=("none", "quick"), default="none")
    parser.add_argument("--no-distances", action="store_true", help="leave out FPD and KPD")
    args = parser.parse_args()
    with ShowerFile(args.file) as file:
        whole, seen = Measured.reference(file), Observables.from_file(file)
    rng = np.random.default_rng(1)
    found: dict[str, list[Entry]] = defaultdict(list)
    for _ in range(args.trials):
        rows = rng.permutation(len(whole))[: args.reference + args.showers]
        one, other = rows[: args.reference], rows[args.reference :]
        scores = Scores(whole.take(one), args.classifiers, batches=1)
        sample = whole.take(other)
        made = scores.without_distances(sample) if args.no_distances else scores.of(sample)
        within = compare(seen.select(other), seen.select(one))
        for name, entry in [*made.items(), *((f"metrics {k}", v) for k, v in within.items())]:
            if entry["verdict"] is not None:
                found[name].append(entry)
    print_shares(found, args.trials)


def print_shares(found: dict[str, list[Entry]], trials: int) -> None:
    """Print the shares of verdicts against Geant4."""
    for sides, stated in CHANCE.items():
        kept = {name: of for name, of in found.items() if of[0]["sides"] == sides}
        off = np.array([[one["verdict"] != WITHIN for one in of] for of in kept.values()])
        per_trial = off.mean(axis=0)
        error = per_trial.std(ddof=1) / np.sqrt(trials)
        print(
            f"{sides}: {off.mean():.4f} +- {error:.4f} of {off.size} verdicts over "
            f"{len(kept)} scores, {(off.any(axis=0)).mean():.2f} of the trials have one; "
            f"{stated} is stated"
        )
    print("score: share off, mean and standard deviation of the excess [errors]")
    for name, of in found.items():
        excess = np.array([one["excess"] for one in of], dtype=float)
        off = np.mean([one["verdict"] != WITHIN for one in of])
        print(f"  {name}: {off:.3f}, {np.nanmean(excess):+.2f}, {np.nanstd(excess):.2f}")


if __name__ == "__main__":
    main()
