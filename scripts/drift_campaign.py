"""How often the drift monitor is wrong, and what it sees: many jobs on emulated chips.

    python scripts/drift_campaign.py --out drift.jsonl               # all cases, resumable
    python scripts/drift_campaign.py --out drift.jsonl --report      # the table

Each job is sampled as `generate` does and judged as a whole. Steady jobs have 40 to 1,000 reads
(spread evenly in the logarithm), changing ones 1,000 with beta 5 % higher from the middle on. A
job that is in the file already is not run again. Cases:

* ``lattice``: 4 x 130 nodes, random couplings, a code of its own for each read or one of eight;
* ``paper``: 4 x 302 nodes, as many as the paper has, eight codes;
* ``pretrained``: the model that comes with the package, couplings and energies of its own.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch

import calo4pqvae as c4
from calo4pqvae._core.rng import SharedNoise, derive_seed
from calo4pqvae.annealer.calibration.drift import DriftMonitor
from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.annealer.emulator.emulator import EmulatedAnnealer
from calo4pqvae.annealer.sampler import AnnealerSampler, Settings
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.data.energies import draw_energies

BETA, STEP, SWEEPS = 8.5, 1.05, 64
CASES = ("lattice, codes of their own", "lattice, eight codes", "paper", "pretrained")


def couplings(graph, scale=0.2):
    generator = torch.Generator().manual_seed(1)
    w = 4 * scale * torch.randn(graph.n_edges, generator=generator)
    ends = torch.zeros(graph.n_nodes).index_add(0, graph.edges.flatten(), w.repeat(2))
    bias = 2 * scale * torch.randn(graph.n_nodes, generator=generator) - ends / 2
    return BoltzmannProblem(graph, bias[None], w)


class Lattice:
    """A job whose reads have random codes."""

    def __init__(self, chip, nodes, conditions, sweeps):
        self.chip, self.conditions, self.sweeps = chip, conditions, sweeps
        self.graph = chip.lay_out(nodes)
        self.problem = couplings(self.graph)

    def draw(self, sampler, seed, rows):
        generator = torch.Generator().manual_seed(seed)
        many = self.conditions or 10**6
        table = torch.rand(min(many, rows.stop), self.graph.sizes[0], generator=generator) < 0.5
        which = torch.randint(many, (rows.stop,), generator=generator) % len(table)
        if not self.conditions:
            which = torch.arange(rows.stop)
        sampler.sample(self.problem, table[which[rows]])


class Pretrained:
    """A job of the packaged model, energies drawn from all of its range."""

    def __init__(self, sweeps=200):
        self.model, self.sweeps = c4.load_pretrained().model, sweeps
        self.graph = self.model.prior.graph
        self.chip = WorkingGraph.perfect("zephyr", (6, 4), "emulated system4")

    def draw(self, sampler, seed, rows):
        scale = self.model.scale
        energies = draw_energies(rows.stop, scale.low, scale.high, seed)[rows]
        t, code = self.model.condition(torch.from_numpy(energies))
        sample_machine(self.model.prior, sampler, t, code, 0)


def make(case):
    if case == "pretrained":
        return Pretrained()
    if case == "paper":
        chip = WorkingGraph.perfect("zephyr", (6, 4), "system4")
        return Lattice(chip, 302, 8, SWEEPS)
    chip = WorkingGraph.perfect("zephyr", (4, 4), "system4").with_defects(555, 4650, seed=1)
    return Lattice(chip, 130, 8 if "eight" in case else None, SWEEPS)


def run(job, case, number, changing):
    seed = derive_seed(number, CASES.index(case), int(changing))
    reads = 1000 if changing else int(40 * 25 ** ((number % 200) / 199))
    annealer = EmulatedAnnealer(
        "system4", graph=job.chip, beta=BETA, seed=seed, sweeps=job.sweeps
    )
    monitor, noise = DriftMonitor(), SharedNoise(seed)
    sampler = AnnealerSampler(job.graph, annealer, noise, Settings(beta=BETA), monitor=monitor)
    half = reads // 2
    job.draw(sampler, seed, slice(0, half))
    if changing:
        annealer.beta *= STEP
    job.draw(sampler, seed, slice(half, reads))
    verdict = monitor.verdict()
    return {
        "case": case,
        "number": number,
        "changing": changing,
        "reads": reads,
        "alarm": bool(verdict.alarms),
        "p": verdict.drift,
        "changed": verdict.changed,
        "moment": verdict.moment,
        "visible": verdict.visible,
    }


def report(records):
    print("| job | steady jobs with an alarm | p below 0.05 | changes of 5 % found | visible |")
    print("|---|--:|--:|--:|--:|")
    for case in CASES:
        mine = [r for r in records if r["case"] == case]
        steady = [r for r in mine if not r["changing"]]
        moving = [r for r in mine if r["changing"]]
        if not steady or not moving:
            continue
        low = sum(r["p"] < 0.05 for r in steady)
        found = sum(r["alarm"] for r in moving)
        visible = 100 * np.median([r["visible"] for r in moving])
        print(
            f"| {case} | {sum(r['alarm'] for r in steady)} of {len(steady)} | {low} "
            f"| {found} of {len(moving)} | {visible:.1f} % |"
        )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True, help="records, one a line")
    parser.add_argument("--steady", type=int, default=200, help="jobs of each case")
    parser.add_argument("--changing", type=int, default=100)
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--report", action="store_true")
    args = parser.parse_args()
    lines = args.out.read_text().splitlines() if args.out.exists() else []
    records = [json.loads(line) for line in lines]
    if not args.report:
        done = {(r["case"], r["number"], r["changing"]) for r in records}
        with args.out.open("a") as file:
            for case in CASES if args.only is None else [args.only]:
                job = make(case)
                for changing, jobs in ((True, args.changing), (False, args.steady)):
                    for number in range(jobs):
                        if (case, number, changing) in done:
                            continue
                        records.append(run(job, case, number, changing))
                        file.write(json.dumps(records[-1]) + "\n")
                        file.flush()
                print(case, "done", file=sys.stderr, flush=True)
    report(records)


if __name__ == "__main__":
    main()
