"""What helps showers of an emulated chip: shims, gauges, a refit, relaxation, random bits.

    python scripts/chip_ablation.py --reference FILE.h5 --errors typical

The pretrained model is repaired for an emulated system4 with holes. 1,600 showers at the
energies of the file's first 1,600, by each way, are compared with Geant4's next 1,600: squared
Frechet distance of the official features, less that of classical chains (mean over seeds)
[10^-3]; pulls of the structural observables beyond three errors; and the mean energy of the
prior less that of classical chains at the same incident energies.
"""

import argparse
import time

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


class Judge:
    """Turns bits into showers and compares them with Geant4's."""

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
        self.base, self.energy = 0.0, torch.zeros(n)

    def judge(self, bits, seed):
        """Distance, pulls beyond three errors and their number, energies of the prior."""
        energies, made = torch.from_numpy(self.e_inc), []
        for start in range(0, len(bits), 256):
            rows = slice(start, start + 256)
            drawn = self.model.decode(bits[rows], energies[rows], RowNoise(seed, start))
            made.append(drawn.flatten(start_dim=1).numpy())
        made = Measured.from_showers(self.e_inc, np.concatenate(made), self.model.geometry)
        distance = 1e3 * frechet_distance(
            self.target, gaussian(made.features.values / self.scale)
        )
        found = [abs(one.pull) for one in pulls(made.structure, self.real.structure)]
        energy = self.model.prior.energy(bits.float(), self.request.t)
        return distance, sum(pull > BEYOND for pull in found), len(found), energy

    def row(self, name, bits, seed, cost=""):
        """Print one line of the table."""
        distance, beyond, every, energy = self.judge(bits, seed)
        away = energy - self.energy
        error = float(away.std()) / len(away) ** 0.5
        print(
            f"| {name} | {distance - self.base:+.1f} | {beyond} of {every} | "
            f"{float(away.mean()):+.2f} ± {error:.2f} | {cost} |",
            flush=True,
        )


def gaussian(values):
    """Mean and covariance of features."""
    x = torch.from_numpy(values.astype(np.float64))
    return Gaussian(x.mean(dim=0), torch.cov(x.T))


def annealed(judge, chip, errors, way, sweeps):
    """Spend a day by one way; return the bits and the annealer's seconds."""
    prior, request = judge.model.prior, judge.request
    emulator = EmulatedAnnealer(
        "system4", graph=chip, seed=1, sweeps=100, imperfections=IMPERFECTIONS[errors]
    )
    settings = Settings(8.4, gauges=int("gauges" in way))
    sampler = AnnealerSampler(prior.graph, emulator, SharedNoise(4), settings)
    if "shims" in way:
        sampler.shims = measure_shims(sampler)
    measure_temperature(sampler, request, reads=512, seed=4, sweeps=200)
    if "refit" in way:
        prior = refit(sampler, request, sweeps=sweeps, seed=4)
    bits = sample_machine(prior, sampler, request.t, request.clamped, 0)
    return bits, 1e-6 * sampler.usage.time.total


@torch.no_grad()
def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference", required=True)
    parser.add_argument("--errors", nargs="*", default=["typical", "twice"])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--relax", nargs="*", type=int, default=[1, 3], help="after `none`")
    parser.add_argument("--random", nargs="*", type=int, default=[1, 3, 10, 30])
    parser.add_argument("-n", type=int, default=1600)
    args = parser.parse_args()
    stored = load_model("pretrained")
    sweeps = stored.config.prior.burn_in
    chip = EmulatedAnnealer("system4", seed=1).graph
    model, repaired = repair_model(stored.model, chip, sweeps=sweeps, seed=1)
    judge = Judge(model, args.reference, args.n)
    request = judge.request

    def gibbs(k, start, seed):
        chains = choose_sampler(model.prior.graph, SharedNoise(seed))
        return sample_machine(model.prior, chains, request.t, request.clamped, k, start)

    bits = [gibbs(sweeps, None, k) for k in (1, 2, 3)]
    found = [judge.judge(part, k) for k, part in enumerate(bits)]
    judge.base = float(np.mean([one[0] for one in found]))
    judge.energy = torch.stack([one[3] for one in found]).mean(dim=0)
    spread = [f"{one[0] - judge.base:+.1f} ({one[1]} of {one[2]})" for one in found]
    print(f"{repaired.lost} couplers missing; classical seeds {', '.join(spread)}\n")
    print("| way | FPD excess [10⁻³] | pulls beyond 3 | prior energy | annealer s, CPU s |")
    print("|---|--:|--:|--:|--:|", flush=True)
    for k in args.random:
        judge.row(f"random bits, {k} sweeps", gibbs(k, None, derive_seed(3, k)), 13)
    for errors in args.errors:
        for name in args.ways:
            began = time.process_time()
            bits, used = annealed(judge, chip, errors, WAYS[name], sweeps)
            cost = f"{used:.3g}, {time.process_time() - began:.0f}"
            judge.row(f"{errors}: {name}", bits, 5, cost)
            for k in args.relax if name == "none" else ():
                relaxed = gibbs(k, bits, derive_seed(5, k))
                judge.row(f"{errors}: {name}, {k} sweeps", relaxed, 5)


if __name__ == "__main__":
    main()
