"""What helps showers of an emulated chip: shims, gauges, a refit, relaxation, random bits.

    python scripts/chip_ablation.py --reference FILE.h5 --errors typical --seeds 5

A model is repaired for an emulated system4 with holes. 1,600 showers at the energies of the
file's first 1,600, by each way, are compared with Geant4's next 1,600 and with as many of
classical chains: squared Frechet distance of the official features to Geant4, less that of
classical chains [10^-3]; pulls of the structural observables beyond three errors, against
Geant4 and against classical showers; and the mean energy of the prior less that of classical
chains at the same incident energies. Each seed is a chip with errors of its own; with several,
means and their standard errors, which hold the scatter of the classical seeds as well.
"""

import argparse
import time
from typing import NamedTuple

import numpy as np
import torch

from calo4pqvae._core.rng import RowNoise, SharedNoise, derive_seed
from calo4pqvae.annealer import (
    IMPERFECTIONS,
    AnnealerSampler,
    EmulatedAnnealer,
    Settings,
    measure_shims,
    measure_temperature,
    refit,
)
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.distances.frechet import Gaussian, frechet_distance
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.structure.pulls import BEYOND, pulls
from calo4pqvae.generation.request import request_of
from calo4pqvae.models.repaired import repair_model
from calo4pqvae.models.storage import load_model

WAYS = {
    "none": set(),
    "shims": {"shims"},
    "gauges": {"gauges"},
    "shims and gauges": {"shims", "gauges"},
    "refit": {"refit"},
    "all": {"shims", "gauges", "refit"},
}


class Judged(NamedTuple):
    """One sample: distance, pulls beyond three errors (of how many), energies of the prior."""

    distance: float
    against_geant4: tuple[int, int]
    against_classical: tuple[int, int]
    energy: torch.Tensor
    cost: str = ""


class Judge:
    """Turns bits into showers, and compares them with Geant4's and with classical ones."""

    def __init__(self, model, path, n):
        self.model = model
        with ShowerFile(path) as file:
            self.real = Measured.from_file(file, np.arange(n, 2 * n))
            self.e_inc = file.e_inc()[:n]
        self.request = request_of(model, self.e_inc)
        values = self.real.features.values
        self.scale = np.abs(values).max(axis=0)
        self.scale[self.scale == 0] = 1
        self.target = gaussian(values / self.scale)
        self.classical, self.twins = [], []

    def learn(self, samples):
        """Take bits of classical chains as what others are compared with."""
        self.twins = [self.measure(bits, seed) for seed, bits in enumerate(samples)]
        for k, (made, bits) in enumerate(zip(self.twins, samples, strict=True)):
            twin = self.twins[(k + 1) % len(samples)]
            self.classical.append(self.compare(made, twin, bits))

    def judge(self, bits, seed, cost=""):
        """Compare a sample."""
        made = self.measure(bits, derive_seed(seed, 9))
        return self.compare(made, self.twins[seed % len(self.twins)], bits, cost)

    def measure(self, bits, seed):
        """Decode bits and measure the showers."""
        energies, made = torch.from_numpy(self.e_inc), []
        for start in range(0, len(bits), 256):
            rows = slice(start, start + 256)
            drawn = self.model.decode(bits[rows], energies[rows], RowNoise(seed, start))
            made.append(drawn.flatten(start_dim=1).numpy())
        return Measured.from_showers(self.e_inc, np.concatenate(made), self.model.geometry)

    def compare(self, made, twin, bits, cost=""):
        """Compare measured showers with Geant4's and with those of other classical bits."""
        values = gaussian(made.features.values / self.scale)
        distance = 1e3 * frechet_distance(self.target, values)
        energy = self.model.prior.energy(bits.float(), self.request.t)
        geant4, classical = (beyond(made, other) for other in (self.real, twin))
        return Judged(distance, geant4, classical, energy, cost)

    def row(self, name, found):
        """Print one line of the table."""
        base = [one.distance for one in self.classical]
        away = np.array([one.distance for one in found]) - np.mean(base)
        error = np.hypot(error_of(away), 0 if found is self.classical else error_of(base))
        text = f" ± {error:.1f}" if len(found) > 1 else ""
        means = torch.stack([one.energy for one in self.classical]).mean(dim=0)
        energy = torch.cat([one.energy - means for one in found])
        sides = zip(
            *((one.against_geant4, one.against_classical) for one in found), strict=True
        )
        counts = (f"{counted(side)} of {side[0][1]}" for side in sides)
        print(
            f"| {name} | {away.mean():+.1f}{text} | {' | '.join(counts)} | "
            f"{float(energy.mean()):+.2f} ± {float(energy.std()) / len(energy) ** 0.5:.2f} | "
            f"{found[0].cost} |",
            flush=True,
        )


def error_of(values):
    """Standard error of a mean."""
    return np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0.0


def counted(side):
    """Format how many pulls are large, sample by sample."""
    return ", ".join(str(large) for large, _ in side)


def beyond(made, other):
    """Count pulls beyond three errors, and all."""
    found = [abs(one.pull) for one in pulls(made.structure, other.structure)]
    return sum(pull > BEYOND for pull in found), len(found)


def gaussian(values):
    """Mean and covariance of features."""
    x = torch.from_numpy(values.astype(np.float64))
    return Gaussian(x.mean(dim=0), torch.cov(x.T))


def annealed(judge, chip, errors, way, sweeps, seed):
    """Spend a day by one way; return the bits and the annealer's seconds."""
    prior, request = judge.model.prior, judge.request
    emulator = EmulatedAnnealer(
        "system4",
        graph=chip,
        seed=seed,
        sweeps=min(sweeps, 200),
        imperfections=IMPERFECTIONS[errors],
    )
    settings = Settings(8.4, gauges=int("gauges" in way))
    sampler = AnnealerSampler(prior.graph, emulator, SharedNoise(3 + seed), settings)
    if "shims" in way:
        sampler.shims = measure_shims(sampler)
    measure_temperature(sampler, request, reads=512, seed=3 + seed, sweeps=200)
    if "refit" in way:
        prior = refit(sampler, request, sweeps=sweeps, seed=3 + seed)
    bits = sample_machine(prior, sampler, request.t, request.clamped, 0)
    return bits, 1e-6 * sampler.usage.time.total


def kept(one, later, other):
    """What states keep of themselves, against independent ones under the same conditions."""
    spins = [2.0 * bits.double() - 1 for bits in (one, later, other)]
    alike = [float((spins[0] * x).mean()) for x in spins]
    return (alike[1] - alike[2]) / (alike[0] - alike[2])


@torch.no_grad()
def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference", required=True)
    parser.add_argument("--model", default="pretrained")
    parser.add_argument("--errors", nargs="*", default=["typical", "twice"])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--relax", nargs="*", type=int, default=[1, 3], help="after --relaxed")
    parser.add_argument("--relaxed", nargs="*", choices=WAYS, default=["none"])
    parser.add_argument("--random", nargs="*", type=int, default=[1, 3, 10, 30])
    parser.add_argument("--seeds", type=int, default=1, help="chips, and samples of a row")
    parser.add_argument("--classical", type=int, default=3, help="classical samples")
    parser.add_argument("-n", type=int, default=1600)
    args = parser.parse_args()
    stored = load_model(args.model)
    sweeps, began = stored.config.prior.burn_in, time.process_time()
    chip = EmulatedAnnealer("system4", seed=1).graph
    model, repaired = repair_model(stored.model, chip, sweeps=sweeps, seed=1)
    judge = Judge(model, args.reference, args.n)
    request, seeds = judge.request, range(1, args.seeds + 1)

    def gibbs(k, start, seed):
        chains = choose_sampler(model.prior.graph, SharedNoise(seed))
        return sample_machine(model.prior, chains, request.t, request.clamped, k, start)

    bits = [gibbs(sweeps, None, k) for k in range(1, args.classical + 1)]
    judge.learn(bits)
    spread = np.std([one.distance for one in judge.classical], ddof=1)
    print(f"{repaired.lost} couplers missing; {time.process_time() - began:.0f} CPU s so far")
    print(f"one classical sample scatters by {spread:.1f}")
    for k in sorted({*args.random, *args.relax}):
        share = kept(bits[0], gibbs(k, bits[0], derive_seed(9, k)), bits[1])
        print(f"after {k} sweeps states keep {share:.3f} of themselves")
    print("\n| way | FPD excess [10⁻³] | pulls beyond 3, against Geant4 | against classical | "
          "prior energy | annealer s, CPU s |")  # fmt: skip
    print("|---|--:|--:|--:|--:|--:|", flush=True)
    judge.row("classical", judge.classical)
    for k in args.random:
        found = [judge.judge(gibbs(k, None, derive_seed(3, k, s)), 12 + s) for s in seeds]
        judge.row(f"random bits, {k} sweeps", found)
    for errors in args.errors:
        for name in args.ways:
            rows = {}
            for s in seeds:
                began = time.process_time()
                bits, used = annealed(judge, chip, errors, WAYS[name], sweeps, s)
                cost = f"{used:.3g}, {time.process_time() - began:.0f}"
                rows.setdefault(name, []).append(judge.judge(bits, 4 + s, cost))
                for k in args.relax if name in args.relaxed else ():
                    relaxed = gibbs(k, bits, derive_seed(5, k, s))
                    found = judge.judge(relaxed, 4 + s)
                    rows.setdefault(f"{name}, {k} sweeps", []).append(found)
            for way, found in rows.items():
                judge.row(f"{errors}: {way}", found)


if __name__ == "__main__":
    main()
