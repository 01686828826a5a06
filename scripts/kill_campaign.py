"""Kill commands at random moments, give the same words again, and compare with a whole run.

Each trial runs one command, strikes it at a random moment, and runs the very same command until
it ends by itself. What it leaves must be what an uninterrupted run has left: the same files,
and the same content where that is promised. Half of the moments are uniform in time; the other
half follow a change in the output folder by a few milliseconds, so that short phases such as
the first second and the writing of results are struck as often as long ones.

    python scripts/kill_campaign.py --kills 100 --work WORK     # resumable
    python scripts/kill_campaign.py --work WORK --report        # the table

Each finished trial is a line of WORK/trials.jsonl.
"""

import argparse
import importlib
import sys
from pathlib import Path

from kills.campaign import Campaign
from kills.commands import SHARES, cases
from kills.trials import table, trials_in

HEAVY = (
    "torch._dynamo",
    "pydantic",
    "matplotlib.pyplot",
    "rich.table",
    "calo4pqvae.training.run",
    "calo4pqvae.evaluation.report.folder",
    "calo4pqvae.annealer.sampler",
)
"""What takes most of the time of a short command to import."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill commands, take them up, and compare.")
    parser.add_argument("--kills", type=int, default=100, help="blows in all (100)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, required=True, help="folder to go on in")
    parser.add_argument("--only", nargs="+", choices=list(SHARES), default=list(SHARES))
    parser.add_argument(
        "--fork",
        action="store_true",
        help="run commands in forks of a process that has imported torch: a few times faster",
    )
    parser.add_argument("--report", action="store_true", help="print the table of all trials")
    args = parser.parse_args()
    work = args.work.absolute()
    if args.report:
        print(table(trials_in(work), list(SHARES)))
        return 0
    if args.fork:
        for module in HEAVY:
            importlib.import_module(module)
    campaign = Campaign(work, cases(work, args.only), args.seed, forks=args.fork)
    trials = campaign.run({name: round(args.kills * SHARES[name]) for name in args.only})
    return int(any(trial.verdict != "equal" for trial in trials))


if __name__ == "__main__":
    sys.exit(main())
