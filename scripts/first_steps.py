"""Train a preset for a few steps, and judge it by likelihood beside the mean shower alone.

    python scripts/first_steps.py paper --data FILE .. [--steps 200] [--set KEY=VALUE ..]

Before the first step, and after every quarter of them, on validation showers: hits and weighted
squared errors [nats a shower] of encoded and decoded showers, less those of a mean shower that
knows the incident energy alone, as fitted before training (below zero is better), the same with
ln 2 added for each global bit, which is what these cost at most, and the response of
reconstructed showers with literal values, over Geant4's. At the end the time of a step and the
largest memory of the process.
"""

import argparse
import math
import resource
import tempfile
import time
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.config import load_config
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.transforms import to_logits
from calo4pqvae.models.build import build_model
from calo4pqvae.models.calibration import MOST_SHOWERS
from calo4pqvae.models.vae.mean_shower import CellSums, MeanShower
from calo4pqvae.training.energy_range import with_energy_range
from calo4pqvae.training.folder import resolve_split
from calo4pqvae.training.loop import Trainer
from calo4pqvae.training.run import common_geometry, make_batches

AT_ONCE = 20


def main():
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset")
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--judge", type=int, default=100, help="validation showers")
    parser.add_argument("--set", nargs="+", default=[])
    args = parser.parse_args()
    with ExitStack() as stack:
        files = [stack.enter_context(ShowerFile(path)) for path in args.data]
        config = with_energy_range(load_config(args.preset, settings=args.set), files)
        split = resolve_split(config, [len(file) for file in files])
        training, others = make_batches(config, files, split)
        model = build_model(config, common_geometry(files))
        model.prepare(training)
        mean = mean_shower(model, training)
        others.batch_size = min(AT_ONCE, len(split.validation))
        judge = list(islice(others.epoch(0), args.judge // AT_ONCE))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        trainer = Trainer(model, config, training, folder=folder)
        tell(0, model, mean, judge)
        spent = 0.0
        for number, batch in enumerate(endless(training), start=1):
            began = time.process_time()
            model.train()
            trainer.step(batch)
            spent += time.process_time() - began
            if number % max(1, args.steps // 4) == 0:
                tell(number, model, mean, judge)
            if number == args.steps:
                break
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    size = config.training.batch_size
    print(f"{spent / args.steps:.2f} CPU s a step of {size} showers, {memory:.1f} GiB")


def endless(batches):
    """Yield batches, epoch after epoch."""
    epoch = 0
    while True:
        yield from batches.epoch(epoch)
        epoch += 1


@torch.no_grad()
def mean_shower(model, training):
    """Fit the mean shower of a decoder that is told of the energy alone."""
    mean, sums = MeanShower(model.geometry.shape), CellSums(model.voxels.exponent)
    for batch in islice(training.epoch(0), -(-MOST_SHOWERS // training.batch_size)):
        showers = torch.from_numpy(batch.showers).view(-1, *model.geometry.shape)
        e_inc = torch.from_numpy(batch.e_inc)
        x = to_logits(model.read_out(showers), e_inc)
        sums.add(x, mean.features(model.scale(e_inc)))
    mean.fit(sums)
    return mean


@torch.no_grad()
def tell(step, model, mean, judge):
    """Print where the model stands."""
    model.eval()
    noise, rows, energies = SharedNoise(1), [], []
    paid = 0.0 if model.global_bits is None else math.log(2) * model.global_bits.n_bits
    for batch in judge:
        showers = torch.from_numpy(batch.showers).view(-1, *model.geometry.shape)
        showers, e_inc = model.read_out(showers), torch.from_numpy(batch.e_inc)
        bits, t = model.encode(showers, e_inc, noise), model.scale(e_inc)
        outputs = model.decoder(bits.float(), t)
        alone = mean(t).expand_as(outputs)
        pair = [model.voxels.loss(o, showers, e_inc, noise, 1.0) for o in (outputs, alone)]
        rows.append([float(pair[0][k] - pair[1][k]) for k in ("hits", "values")])
        model.voxels.kind = "literal"
        made = model.read_out(model.voxels.draw(outputs, e_inc, noise))
        energies.append([float(made.sum()), float(showers.sum())])
    hits, values = np.mean(rows, axis=0)
    error = np.std(np.sum(rows, axis=1), ddof=1) / len(rows) ** 0.5
    made, true = np.sum(energies, axis=0)
    print(
        f"step {step}: hits {hits:+.2f}, values {values:+.2f}, together {hits + values:+.2f}, "
        f"bits paid {hits + values + paid:+.2f} ± {error:.2f} nats over the mean shower; "
        f"response {100 * (made / true - 1):+.1f} %",
        flush=True,
    )


if __name__ == "__main__":
    main()
