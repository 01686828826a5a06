"""Print the tables of docs/annealer.md: how well the emulated annealer is understood.

    python scripts/annealer_tables.py temperature --repeats 100
    python scripts/annealer_tables.py imperfections --repeats 8
    python scripts/annealer_tables.py imperfections --repeats 6 --reads 512 --only .. (one row)
    python scripts/annealer_tables.py conditioning
    python scripts/annealer_tables.py fast

The problem has random fields and couplings of standard deviation 0.2 (spins) on 4 x 130 nodes
of an emulated Zephyr(4,4) with as many holes as real chips have; each repeat draws new codes,
reads, classical states and errors.
"""

import argparse
import math
from dataclasses import replace

import numpy as np
import torch

from calo4pqvae._core.rng import SharedNoise, derive_seed
from calo4pqvae.annealer.calibration.checkup import compare_marginals
from calo4pqvae.annealer.calibration.matching import match_temperature
from calo4pqvae.annealer.calibration.temperature import Reference, energies
from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.annealer.emulator.emulator import EmulatedAnnealer
from calo4pqvae.annealer.emulator.imperfections import IMPERFECTIONS, Imperfections
from calo4pqvae.annealer.sampler import AnnealerSampler, Settings
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.cpu.compiled import CompiledGibbs
from calo4pqvae.errors import AnnealerError

SWEEPS, READS, CONDITIONS = 64, 128, 2
CHIP = WorkingGraph.perfect("zephyr", (4, 4), "system4").with_defects(555, 4650, seed=1)
GRAPH = CHIP.lay_out(130)


def random_problem(scale=0.2):
    generator = torch.Generator().manual_seed(1)
    w = 4 * scale * torch.randn(GRAPH.n_edges, generator=generator)
    ends = torch.zeros(GRAPH.n_nodes).index_add(0, GRAPH.edges.flatten(), w.repeat(2))
    bias = 2 * scale * torch.randn(GRAPH.n_nodes, generator=generator) - ends / 2
    return BoltzmannProblem(GRAPH, bias[None], w)


PROBLEM = random_problem()


def codes(seed, reads, conditions=CONDITIONS):
    generator = torch.Generator().manual_seed(seed)
    table = torch.rand(conditions, GRAPH.sizes[0], generator=generator) < 0.5
    return table[torch.arange(reads) % conditions]


def gibbs(seed):
    return CompiledGibbs(GRAPH, SharedNoise(seed))


def annealer(beta, seed, imperfections=None, **settings):
    emulator = EmulatedAnnealer(
        "system4", graph=CHIP, beta=beta, seed=seed, sweeps=SWEEPS, imperfections=imperfections
    )
    given = Settings(**{"beta": 8.5, "out_of_range": "rescale"} | settings)
    return AnnealerSampler(GRAPH, emulator, SharedNoise(seed), given)


def fit(beta, rule, repeat, imperfections=None, reads=READS, conditions=CONDITIONS, **options):
    seed = derive_seed(repeat, int(1000 * beta))
    clamped = codes(seed, reads, conditions)
    reference = Reference.sample(PROBLEM, clamped, gibbs(seed), SWEEPS, chains=8)
    sampler = annealer(beta, seed, imperfections)
    return match_temperature(
        sampler, PROBLEM, clamped, lambda _: reference, rule=rule, **options
    ), sampler


def temperature(repeats):
    print("| rule | hidden | mean estimate | largest error | within 3 % | covered | batches |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for rule, least in (("energy", 0.0), ("likelihood", 0.0), ("paper", 4.0), ("paper", 0.0)):
        for beta in (1.5, 3.0, 6.0, 9.0):
            n = repeats if rule != "paper" else max(1, repeats // 20)
            found = [attempt(beta, rule, k, least) for k in range(n)]
            value, error, batches = (np.array(column) for column in zip(*found, strict=True))
            away = np.abs(value / beta - 1)
            name = rule if rule != "paper" else f"paper, exponent at least {least}"
            covered = (np.abs(value - beta) < error).mean()
            print(
                f"| {name} | {beta} | {value.mean():.3f} | {100 * away.max():.1f} % "
                f"| {100 * (away < 0.03).mean():.0f} % | {100 * covered:.0f} % "
                f"| {np.mean(batches):.1f}, at most {max(batches)} |",
                flush=True,
            )


def attempt(beta, rule, repeat, least):
    """Fit; a rule that has no next step ends with nothing."""
    try:
        found, _ = fit(beta, rule, repeat, exponent=least)
    except AnnealerError:
        return np.nan, np.nan, 8
    return found.beta.value, found.beta.error, len(found.steps)


KINDS = {
    "none": Imperfections(),
    "control 0.01 on h and J": Imperfections(control_h=0.01, control_j=0.01),
    "flux drift 1e-5": Imperfections(flux_drift=1e-5),
    "readout 1e-3": Imperfections(readout=1e-3),
    "all (typical)": IMPERFECTIONS["typical"],
}


def imperfections(repeats, reads=READS, only=None, beta=8.5, check=2048):
    print(
        "| errors | beta by energies | by likelihood | ratio | energy above the classical one,"
    )
    print("| matched by energies | by likelihood |\n|---|--:|--:|--:|--:|--:|")
    for name, sizes in KINDS.items():
        if only not in (None, name):
            continue
        betas, off = [], []
        for repeat in range(repeats):
            pairs = [
                fit(beta, rule, repeat, sizes, reads, reads // 8)
                for rule in ("energy", "likelihood")
            ]
            betas.append([found.beta.value for found, _ in pairs])
            off.append([100 * excess(sampler, repeat, check) for _, sampler in pairs])
        b, e = np.array(betas), np.array(off)
        cells = [f"{m:.3f} ± {s:.3f}" for m, s in zip(b.mean(0), b.std(0, ddof=1), strict=True)]
        cells.append(f"{b[:, 1].mean() / b[:, 0].mean():.3f}")
        cells += [
            f"{m:+.2f} ± {s:.2f} %" for m, s in zip(e.mean(0), e.std(0, ddof=1), strict=True)
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def excess(sampler, repeat, reads):
    """Mean energy above the classical one, relative to its size, in new programmings."""
    clamped = codes(derive_seed(repeat, 77), reads, conditions=64)
    reference = Reference.sample(PROBLEM, clamped[:64], gibbs(repeat), SWEEPS, chains=64)
    energy = energies(PROBLEM, sampler.sample(PROBLEM, clamped))
    mean = float(reference.mean.mean())
    return (float(energy.mean()) - mean) / abs(mean)


def conditioning(reads=8_000):
    clamped = codes(5, reads, conditions=4)
    want = gibbs(9).sample(PROBLEM, clamped, 4 * SWEEPS)
    print("| conditioning | held qubits right | reads all right | flux [Phi_0] | mean energy "
          "less Gibbs | marginals, p |")  # fmt: skip
    print("|---|--:|--:|--:|--:|--:|")
    auto = annealer(8.5, 3, conditioning="flux")
    auto.sample(PROBLEM, clamped[:4])
    unit = auto.usage.flux / auto.preflight.raw(PROBLEM).holding
    recommended = auto.usage.flux / unit
    cases = [("fold", None)] + [("flux", x) for x in (0.15, 0.3, 0.5, 0.75, 1.0, 3.0)]
    for way, times in cases:
        field = None if times is None else times * recommended
        sampler = annealer(8.5, 3, conditioning=way, holding_field=field)
        states = sampler.sample(PROBLEM, clamped)
        u = sampler.usage
        bits = 1 - u.moved_bits / max(u.held_bits, 1)
        whole = 1 - u.moved_reads / max(u.held_reads, 1)
        name = way if times is None else f"flux, {times} x recommended ({field:.2f})"
        print(
            f"| {name} | {100 * bits:.4f} % | {100 * whole:.2f} % | {u.flux:.2g} "
            f"| {beside(states, want, clamped)} |",
            flush=True,
        )


def fast(reads=8_000):
    """Fields as flux biases under a fast anneal, and twins whose flux constant is wrong."""
    clamped = codes(5, reads, conditions=4)
    want = gibbs(9).sample(PROBLEM, clamped, 4 * SWEEPS)
    print("| fields | annealing [us] | flux [Phi_0] | mean energy less Gibbs | marginals, p |")
    print("|---|--:|--:|--:|--:|")
    for name, fields, wrong in (
        ("h", "h", 1.0),
        ("flux biases, fast", "flux", 1.0),
        ("the same, 5 % too strong", "flux", 1.05),
        ("the same, 20 % too strong", "flux", 1.2),
    ):
        anneal = 0.02 if fields == "flux" else 20.0
        sampler = annealer(8.5, 3, fields=fields, anneal_us=anneal, out_of_range="refuse")
        sampler.chip = replace(sampler.chip, mutual_pH=wrong * sampler.chip.mutual_pH)
        text = beside(sampler.sample(PROBLEM, clamped), want, clamped)
        u = sampler.usage
        print(f"| {name} | {u.time.anneal / u.reads:g} | {u.flux:.2g} | {text} |", flush=True)


def beside(states, want, clamped):
    """Format the mean energy less the classical one, and the probability of the marginals."""
    a, b = (energies(PROBLEM, z) for z in (states, want))
    error = math.hypot(*(float(e.std()) / len(e) ** 0.5 for e in (a, b)))
    p = marginals(states, want, clamped)
    return f"{float(a.mean() - b.mean()):+.2f} ± {error:.2f} | {p:.2g}"


def marginals(states, want, clamped):
    """Probability that any node's frequency is so far off under any condition by chance."""
    n0, found = GRAPH.sizes[0], []
    for code in clamped.unique(dim=0):
        mine = (clamped == code).all(dim=1)
        found.append(compare_marginals(states[mine][:, n0:], want[mine][:, n0:])[1])
    return min(1.0, len(found) * min(found))


TABLES = {"conditioning": conditioning, "fast": fast}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("table", choices=["temperature", "imperfections", *TABLES])
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--reads", type=int, default=READS, help="of a batch (imperfections)")
    parser.add_argument("--only", choices=KINDS, help="one row (imperfections)")
    args = parser.parse_args()
    if args.table in TABLES:
        TABLES[args.table]()
    elif args.table == "temperature":
        temperature(args.repeats)
    else:
        imperfections(args.repeats, args.reads, args.only)
