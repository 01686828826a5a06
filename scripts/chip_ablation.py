"""What helps showers of an emulated chip: shims, gauges, relaxation.

    python scripts/chip_ablation.py --reference FILE.h5 --errors typical

The pretrained model is repaired for an emulated system4 with holes. 1,600 showers at the
energies of the file's first 1,600, by each way, are compared with Geant4's next 1,600: squared
Frechet distance of the official features, less that of classical chains (mean of two seeds)
[10^-3].
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
    measure_temperature,
)
from calo4pqvae.annealer.calibration.shimming import measure_shims
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.distances.frechet import Gaussian, frechet_distance
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.generation.request import request_of
from calo4pqvae.models.repaired import repair_model
from calo4pqvae.models.storage import load_model


class Judge:
    """Turns bits into showers and compares them with Geant4's."""

    def __init__(self, model, path, n):
        self.model = model
        with ShowerFile(path) as file:
            real = Measured.from_file(file, np.arange(n, 2 * n)).features.values
            self.e_inc = file.e_inc()[:n]
        self.scale = np.abs(real).max(axis=0)
        self.scale[self.scale == 0] = 1
        self.target = gaussian(real / self.scale)

    def distance(self, bits, seed):
        energies, found = torch.from_numpy(self.e_inc), []
        for start in range(0, len(bits), 256):
            rows = slice(start, start + 256)
            made = self.model.decode(bits[rows], energies[rows], RowNoise(seed, start))
            flat = made.flatten(start_dim=1).numpy()
            found.append(
                Measured.from_showers(
                    self.e_inc[rows], flat, self.model.geometry
                ).features.values
            )
        made = gaussian(np.concatenate(found) / self.scale)
        return 1e3 * frechet_distance(self.target, made)


def gaussian(values):
    """Mean and covariance of features."""
    x = torch.from_numpy(values.astype(np.float64))
    return Gaussian(x.mean(dim=0), torch.cov(x.T))


@torch.no_grad()
def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference", required=True)
    parser.add_argument("--errors", nargs="+", default=["typical"])
    parser.add_argument("--relax", nargs="+", type=int, default=[30, 120])
    parser.add_argument("-n", type=int, default=1600)
    args = parser.parse_args()
    stored = load_model("pretrained")
    sweeps = stored.config.prior.burn_in
    chip = EmulatedAnnealer("system4", seed=1).graph
    model, repaired = repair_model(stored.model, chip, sweeps=sweeps, seed=1)
    judge = Judge(model, args.reference, args.n)
    request = request_of(model, judge.e_inc)
    prior, t, code = model.prior, request.t, request.clamped

    def gibbs(k, start, seed):
        chains = choose_sampler(prior.graph, SharedNoise(seed))
        return sample_machine(prior, chains, t, code, k, start)

    classical = [judge.distance(gibbs(sweeps, None, k), k) for k in (1, 2)]
    base = float(np.mean(classical))
    print(f"{repaired.lost} couplers missing; classical {classical}", flush=True)
    print("| errors | way | excess over classical [10⁻³] | annealer s | CPU s |")
    print("|---|---|--:|--:|--:|", flush=True)
    for k in args.relax:
        d = judge.distance(gibbs(k, None, 3), 3) - base
        print(f"| | random bits, {k} sweeps | {d:+.1f} | 0 | |", flush=True)
    for name in args.errors:
        for way in ("none", "shims and gauges"):
            began = time.process_time()
            emulator = EmulatedAnnealer(
                "system4", graph=chip, seed=1, sweeps=100, imperfections=IMPERFECTIONS[name]
            )
            sampler = AnnealerSampler(prior.graph, emulator, SharedNoise(4), Settings(8.4))
            if way != "none":
                sampler.settings = Settings(8.4, gauges=1)
                sampler.shims = measure_shims(sampler)
            fit = measure_temperature(sampler, request, reads=512, seed=4, sweeps=200)
            print(f"beta {fit.beta}, chip {fit.chip}, {fit.errors}", flush=True)
            bits = sample_machine(prior, sampler, t, code, 0)
            took = time.process_time() - began
            used = 1e-6 * sampler.usage.time.total
            d = judge.distance(bits, 5) - base
            print(f"| {name} | {way} | {d:+.1f} | {used:.3g} | {took:.0f} |", flush=True)
            for k in args.relax:
                d = judge.distance(gibbs(k, bits, derive_seed(5, k)), 5) - base
                print(f"| {name} | {way}, {k} sweeps | {d:+.1f} | {used:.3g} | |", flush=True)


if __name__ == "__main__":
    main()
