"""Train the paper's model end to end with each prior, at an equal budget, and compare.

    python scripts/trained_priors.py WORK --data FILE .. [--priors native ..] [--seeds 32 33]
        [--epochs 7] [--set KEY=VALUE ..]
    python scripts/trained_priors.py WORK --report

Encoder, prior and decoder learn together, from the same first weights and the same showers in
the same order; only couplers and conditioning differ. Judged on showers of the split that were
not trained on: the bound of the model's own loss [nats a shower], hits + values + KL, where the
KL takes ln Z from annealed importance sampling, beside its parts, with the paired difference
from independent bits; FPD of the 362 features less that of Geant4 against itself, reconstructed
and sampled; spread of the depth over Geant4's, 10 to 100 GeV, reconstructed and sampled; and
the separation of the mean depth from Geant4's, sampled, mean of the windows of energy, less
that of Geant4 by chance (triangular discrimination in ten bins of equal content [10⁻³]). The
constant of the distribution of values is left out: only differences mean something. WORK keeps
checkpoints and results; what is done is not done again.
"""

import argparse
import json
import math
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from bits_ablation import AT_ONCE, PRIORS, SWEEPS, depth, excess, graph_of, read
from torch.nn.functional import softplus

from calo4pqvae._core.rng import RowNoise, SharedNoise, derive_seed
from calo4pqvae.boltzmann.log_z.annealed import even_schedule
from calo4pqvae.boltzmann.log_z.likelihood import each_log_likelihood
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.config import load_config
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.transforms import to_logits
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.structure.pulls import pulls
from calo4pqvae.models.build import build_model
from calo4pqvae.training.energy_range import with_energy_range
from calo4pqvae.training.folder import resolve_split
from calo4pqvae.training.loop import Trainer
from calo4pqvae.training.run import common_geometry, make_batches

JUDGED = 400
"""Showers that likelihoods are bounded for."""


def main():
    """Train what is missing, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--data", nargs="+", default=[])
    parser.add_argument("--priors", nargs="+", choices=PRIORS, default=PRIORS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[32, 33])
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--set", nargs="+", default=["model.global_bits=[0,0,0]"])
    parser.add_argument("--report", action="store_true")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.report:
        print("\n".join(report(args.work)))
        return
    for seed in args.seeds:
        for name in args.priors:
            notes = args.work / f"{name}-{seed}.json"
            if not notes.exists():
                found = trained_and_judged(name, seed, args)
                notes.write_text(json.dumps(found), encoding="utf-8")
            print(notes.stem, json.loads(notes.read_text(encoding="utf-8"))["bound"][0])


def schedule(epochs):
    """Shorten the preset's schedule; the last epoch is of the prior alone."""
    share = epochs / 48
    starts, ends = max(1, round(12 * share)), round(27 * share)
    return [
        f"training.epochs={epochs}",
        f"training.freeze_epoch={epochs - 1}",
        f"training.sharpness_epochs={round(36 * share)}",
        f"training.kl_epochs=[{starts},{max(ends, starts + 1)}]",
    ]


def trained_and_judged(name, seed, args):
    """Train one model and judge it."""
    settings = [*schedule(args.epochs), f"training.seed={seed}", *args.set]
    with ExitStack() as stack:
        files = [stack.enter_context(ShowerFile(path)) for path in args.data]
        config = with_energy_range(load_config("paper-compact", settings=settings), files)
        split = resolve_split(config, [len(file) for file in files])
        training, _ = make_batches(config, files, split)
        model = build_model(config, common_geometry(files))
        graph = graph_of(name, model.prior.graph)
        model.prior = BoltzmannMachine(graph, 5 if "biases" in name else 0)
        for parameter in (model.prior.bias, model.prior.coupling):
            parameter.data.zero_()
        trainer = Trainer(model, config, training, folder=args.work / f"{name}-{seed}")
        if trainer.checkpoint.exists():
            trainer.resume()
        else:
            model.prepare(training)
        trainer.run()
        model.fit(training, config.training)
        others = read(files, np.concatenate([split.validation, split.test]))
    model.eval()
    return judged(model, others, seed) | {"couplers": int(graph.among_free.sum())}


@torch.no_grad()
def judged(model, others, seed):
    """Bound the loss, and compare reconstructed and sampled showers."""
    e_inc, voxels = others
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(e_inc)))
    e_inc, voxels = e_inc[order], voxels[order.numpy()]
    bits, rows = [], []
    noise = SharedNoise(derive_seed(seed, 1))
    for start in range(0, len(e_inc), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        volume = torch.from_numpy(voxels[part]).view(-1, *model.geometry.shape)
        bits.append(model.encode(volume, e_inc[part], noise))
    bits = torch.cat(bits)
    for k in range(JUDGED):
        volume = torch.from_numpy(voxels[k : k + 1]).view(-1, *model.geometry.shape)
        rows.append(own_loss(model, volume, e_inc[k : k + 1], noise))
    hits, values, log_q = np.array(rows).T
    sampler = choose_sampler(model.prior.graph, SharedNoise(derive_seed(seed, 4)))
    mine = bits[:JUDGED], e_inc[:JUDGED]
    low, high = each_log_likelihood(
        model.prior, mine[0], model.scale(mine[1]), sampler, even_schedule(200), chains=16,
        burn_in=300,
    )  # fmt: skip
    bound = hits + values + log_q - low.value.numpy()
    t, code = model.condition(e_inc)
    sampled = sample_machine(model.prior, sampler, t, code, SWEEPS)
    found = {
        "bound": [float(bound.mean()), low.shared_error],
        "between": float((high.value - low.value).mean()),
        "rows": bound.tolist(),
        "hits": float(hits.mean()),
        "values": float(values.mean()),
        "kl": float((log_q - low.value.numpy()).mean()),
    }
    real = structure(model, e_inc, voxels)
    for what, states in (("reconstructed", bits), ("sampled", sampled)):
        made = decoded(model, states, e_inc, seed)
        found[f"{what} separation"] = separation(structure(model, e_inc, made), real)
        found[f"{what} fpd"] = excess(model.geometry, e_inc.numpy(), voxels, made)
        found[f"{what} depth"] = float(depth(model, e_inc, made) / depth(model, e_inc, voxels))
    return found


def structure(model, e_inc, voxels):
    """Measure structural observables."""
    return Measured.from_showers(e_inc.numpy(), voxels, model.geometry).structure


def separation(made, real):
    """Give the separation of the mean depth less that by chance, and its error [10⁻³]."""
    rows = [
        one
        for one in pulls(made, real)
        if (one.observable, one.kind) == ("depth", "separation")
    ]
    value = np.mean([one.generated - one.reference for one in rows])
    return [
        1e3 * float(value),
        1e3 * float(np.hypot.reduce([r.error for r in rows])) / len(rows),
    ]


def own_loss(model, shower, e_inc, noise):
    """Give hits, values and ln q of one shower, with exact bits."""
    shower = model.read_out(shower)
    t, known = model.known(shower, e_inc)
    n_given = model.prior.graph.n_nodes - known.shape[1]
    uniform = noise.uniform(1, n_given)
    x = to_logits(shower, e_inc)
    logits, latents = model.encoder(x, t, known, uniform, None)
    nodes = torch.cat([known, latents.float()], dim=1)
    terms = model.voxels.loss(model.decoder(nodes, t), shower, e_inc, noise, 1.0)
    log_q = -softplus(torch.where(latents > 0.5, -logits, logits)).sum()
    return float(terms["hits"]), float(terms["values"]), float(log_q)


def decoded(model, bits, e_inc, seed):
    """Draw showers of bits."""
    parts = [
        model.decode(bits[k : k + AT_ONCE], e_inc[k : k + AT_ONCE], RowNoise(seed, k))
        for k in range(0, len(e_inc), AT_ONCE)
    ]
    return torch.cat(parts).flatten(start_dim=1).numpy()


def report(work):
    """Print one row for each model."""
    found = {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in work.glob("*.json")}
    heads = (
        "hits",
        "values",
        "KL",
        "together",
        "less independent",
        "FPD",
        "depth",
        "separation",
    )
    yield f"| prior, seed | couplers | {' | '.join(heads)} |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for name in sorted(
        found, key=lambda n: (n.rpartition("-")[2], PRIORS.index(n.rpartition("-")[0]))
    ):
        mine, (prior, _, seed) = found[name], name.rpartition("-")
        first = found.get(f"independent-{seed}", mine)
        gap = np.array(mine["rows"]) - np.array(first["rows"])
        error = math.hypot(gap.std() / len(gap) ** 0.5, mine["bound"][1] + first["bound"][1])
        yield (
            f"| {prior}, {seed} | {mine['couplers']} | {mine['hits']:.1f} | "
            f"{mine['values']:.1f} | {mine['kl']:.1f} | {mine['bound'][0]:.1f} "
            f"(-{mine['between']:.1f}) | {gap.mean():+.1f} ± {error:.1f} | "
            f"{mine['reconstructed fpd']}, {mine['sampled fpd']} | "
            f"{mine['reconstructed depth']:.2f}, {mine['sampled depth']:.2f} | "
            f"{mine['sampled separation'][0]:.0f} ± {mine['sampled separation'][1]:.0f} |"
        )


if __name__ == "__main__":
    main()
