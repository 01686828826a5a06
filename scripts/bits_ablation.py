"""Compare priors on the bits of a trained encoder: independent, native, complete.

    python scripts/bits_ablation.py MODEL --data FILE .. [--reference FILE ..] [--steps N]

The encoder is frozen, so that these are refits, not trainings end to end: they say what a prior
can follow of bits that were made beside the model's own. Each prior is fitted by persistent
chains to the bits of the training showers of the model's split, and judged on bits of showers
that were not trained on (the reference, or the others of the split): stochastic bounds of
ln p(z | E) [nats a shower] with the paired difference from the first row; FPD of the 362
features less that of Geant4 against itself, mean of eight cuts, drawn and point values; spread
of the depth over Geant4's, 10 to 100 GeV.
"""

import argparse
import copy
import math
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import torch

from calo4pqvae._core.rng import RowNoise, SharedNoise, derive_seed
from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.log_z.annealed import even_schedule
from calo4pqvae.boltzmann.log_z.likelihood import each_log_likelihood
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.distances.comparable import scale_of
from calo4pqvae.evaluation.distances.frechet import Side, frechet_distance
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.splits import draw_splits
from calo4pqvae.models.storage import load_model
from calo4pqvae.training.folder import resolve_split
from calo4pqvae.training.prior_step import PriorStep
from calo4pqvae.training.processes import Processes
from calo4pqvae.units import GeV

BATCH, CUTS, SWEEPS, AT_ONCE = 480, 8, 300, 256
PRIORS = ("independent", "biases", "native", "native-biases", "complete")
MEANING = {
    "independent": "independent bits, energy through the clamped partition",
    "biases": "independent bits, biases of order 5 in E, nothing clamped",
    "native": "native couplers, energy through the clamped partition (the paper's)",
    "native-biases": "native couplers, biases of order 5 in E, nothing clamped",
    "complete": "complete graph between the latents, energy through the clamped partition",
}


def main():
    """Encode, fit, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--reference", nargs="+")
    parser.add_argument("--priors", nargs="+", choices=PRIORS, default=PRIORS)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--likelihood-showers", type=int, default=400)
    args = parser.parse_args()
    stored = load_model(args.model)
    model = stored.model
    training, others = showers_of(args, stored)
    data = encoded(model, training, args.seed)
    judge = encoded(model, others, args.seed + 1)
    print(f"{len(training[0])} showers to fit, {len(others[0])} to judge\n")
    print("| prior | couplers of latents | ln p, nats | gain | excess drawn, point | depth |")
    print("|---|--:|--:|--:|--:|--:|")
    first = None
    for name in args.priors:
        prior = fitted(name, stored, data, args)
        low, high = likelihood(model, prior, judge, args)
        first = low if first is None else first
        cells = showers(model, prior, others, args.seed)
        edges = int(prior.graph.among_free.sum())
        print(
            f"| {MEANING[name]} | {edges} | {bounds(low, high, first)} | {cells} |", flush=True
        )


def showers_of(args, stored):
    """Read training showers, and those to judge by: e_inc and voxels [MeV]."""
    with ExitStack() as stack:
        files = [stack.enter_context(ShowerFile(path)) for path in args.data]
        split = resolve_split(stored.config, [len(file) for file in files])
        training = read(files, split.train)
        if not args.reference:
            return training, read(files, np.concatenate([split.validation, split.test]))
        other = [stack.enter_context(ShowerFile(path)) for path in args.reference]
        return training, read(other, np.arange(sum(len(file) for file in other)))


def read(files, rows):
    """Read rows counted over all files, readout threshold applied."""
    parts, seen = [], 0
    for file in files:
        mine = np.sort(rows[(rows >= seen) & (rows < seen + len(file))]) - seen
        parts += list(file.chunks(AT_ONCE, mine)) if len(mine) else []
        seen += len(file)
    e_inc, voxels = (np.concatenate(part) for part in zip(*parts, strict=True))
    return torch.from_numpy(e_inc), np.where(voxels >= files[0].geometry.threshold, voxels, 0)


@torch.no_grad()
def encoded(model, given, seed):
    """Draw the encoder's bits."""
    e_inc, voxels = given
    noise, bits = SharedNoise(derive_seed(seed, 1)), []
    for start in range(0, len(e_inc), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        volume = torch.from_numpy(voxels[part]).view(-1, *model.geometry.shape)
        bits.append(model.encode(volume, e_inc[part], noise))
    return torch.cat(bits), e_inc


def graph_of(name, graph):
    """Choose the couplers."""
    clamped = graph.edges[:, ~graph.among_free]
    free = graph.edges[:, graph.among_free]
    if name == "complete":
        whole = FourPartiteGraph.complete(graph.sizes)
        free = whole.edges[:, whole.among_free]
    edges = {
        "independent": clamped,
        "biases": clamped[:, :0],
        "native-biases": free,
    }.get(name, torch.cat([clamped, free], dim=1))
    return replace(graph, edges=edges)


def fitted(name, stored, data, args):
    """Fit a prior to bits by persistent chains, its rate falling along a cosine."""
    model, (bits, e_inc) = copy.copy(stored.model), data
    order = 5 if "biases" in name else 0
    model.prior = BoltzmannMachine(graph_of(name, stored.model.prior.graph), order)
    share = bits.float().mean(dim=0).clamp(0.01, 0.99)
    model.prior.bias[0] = torch.logit(share)
    settings = replace(
        stored.config.training, epochs=args.steps, prior_learning_rate=0.05,
        prior_learning_rate_end=0.001, prior_momentum=0.9, sweeps=5, negative_phase="pcd",
    )  # fmt: skip
    step = PriorStep(model, settings, SharedNoise(derive_seed(args.seed, 3)), Processes())
    rng = np.random.default_rng(args.seed)
    for number in range(args.steps):
        rows = torch.from_numpy(rng.choice(len(bits), BATCH, replace=False))
        step(bits[rows], e_inc[rows], number)
    return model.prior


def likelihood(model, prior, judge, args):
    """Bound ln p of each shower's bits."""
    bits, e_inc = (x[: args.likelihood_showers] for x in judge)
    sampler = choose_sampler(prior.graph, SharedNoise(derive_seed(args.seed, 4)))
    return each_log_likelihood(
        prior, bits, model.scale(e_inc), sampler, even_schedule(100), chains=8, burn_in=300
    )


def bounds(low, high, first):
    """Format bounds, and the paired difference of the lower one."""
    text = f"{float(low.value.mean()):.1f} to {float(high.value.mean()):.1f}"
    if low is first:
        return f"{text} | 0"
    gain = low.value - first.value
    error = math.hypot(
        float(gain.std()) / len(gain) ** 0.5, low.shared_error + first.shared_error
    )
    return f"{text} | {float(gain.mean()):+.1f} ± {error:.1f}"


@torch.no_grad()
def showers(model, prior, others, seed):
    """Sample, decode, and compare with the showers to judge by."""
    e_inc, voxels = others
    t, code = model.condition(e_inc)
    sampler = choose_sampler(prior.graph, SharedNoise(derive_seed(seed, 5)))
    bits = sample_machine(prior, sampler, t, code, SWEEPS)
    made = {}
    for kind in ("drawn", "point"):
        model.choose_values(kind)
        parts = [
            model.decode(bits[k : k + AT_ONCE], e_inc[k : k + AT_ONCE], RowNoise(seed, k))
            for k in range(0, len(e_inc), AT_ONCE)
        ]
        made[kind] = torch.cat(parts).flatten(start_dim=1).numpy()
    texts = [excess(model.geometry, e_inc.numpy(), voxels, x) for x in made.values()]
    ratio = depth(model, e_inc, made["drawn"]) / depth(model, e_inc, voxels)
    return f"{texts[0]}, {texts[1]} | {ratio:.2f}"


def excess(geometry, e_inc, real, made):
    """Format the squared Frechet distance less that of Geant4 against itself [1e-3]."""
    one, other = (Measured.from_showers(e_inc, x, geometry).features for x in (real, made))
    sides = [Side(features, scale_of(one)) for features in (one, other)]

    def part(side, rows):
        return side.redraw(np.bincount(rows, minlength=len(side.rows)).astype(np.int32))

    found = []
    for cut in draw_splits(len(one), len(other), CUTS, 42)[:CUTS]:
        half, rest, mine = (
            part(sides[0], cut.one),
            part(sides[0], cut.other),
            part(sides[1], cut.sample),
        )
        found.append(frechet_distance(half, mine) - frechet_distance(half, rest))
    return f"{1e3 * np.mean(found):.0f} ± {1e3 * np.std(found, ddof=1) / CUTS**0.5:.0f}"


def depth(model, e_inc, voxels):
    """Spread of the mean layer around its trend, 10 to 100 GeV."""
    rows = ((e_inc[:, 0] >= 10 * GeV) & (e_inc[:, 0] < 100 * GeV)).numpy()
    layers = voxels[rows].reshape(int(rows.sum()), model.geometry.shape[0], -1).sum(axis=2)
    mean = layers @ np.arange(layers.shape[1]) / layers.sum(axis=1)
    x = np.log(e_inc[:, 0].numpy()[rows])
    return (mean - np.polyval(np.polyfit(x, mean, 2), x)).std()


if __name__ == "__main__":
    main()
