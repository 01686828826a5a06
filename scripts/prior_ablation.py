"""Compare priors of layered models on showers they have not seen, by likelihood and distance.

    python scripts/prior_ablation.py independent=DIR native=DIR .. --reference FILE
        [--split SPLIT.json] [--likelihood-showers N] [--seed N]

One row per model. Log-likelihood: stochastic lower bound of ln p(bits | E_inc) [nats a shower],
annealed importance sampling; beside it the paired difference from the first model, its error,
and the ratio of both. Distances of drawn from real layer energies: squared Frechet distance of
the quantities on the normal scale, error of the correlation matrix of ln(E_layer + 0.1 MeV)
(Frobenius norm, mean of three energy windows), spread of the mean layer above 10 GeV. Errors by
bootstrap over showers. The row "Geant4" sets half of the showers against the others: with half
as many showers on both sides, a floor that is somewhat too high.
"""

import argparse
import math

import numpy as np
import torch

from calo4pqvae._core.rng import SharedNoise, derive_seed
from calo4pqvae.boltzmann.log_z.annealed import even_schedule
from calo4pqvae.boltzmann.log_z.likelihood import each_log_likelihood
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.splits import Split
from calo4pqvae.models.autoregressive.layer_energies.tilting import profile_moments
from calo4pqvae.models.autoregressive.model import LayeredQVAE
from calo4pqvae.models.storage import load_model
from calo4pqvae.units import GeV

REDRAWS, SWEEPS = 20, 1200
WINDOWS_GEV = ((1, 10), (10, 100), (100, 1000))


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="NAME=DIR")
    parser.add_argument("--reference", nargs="+", required=True)
    parser.add_argument("--split")
    parser.add_argument("--likelihood-showers", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    models = {pair.partition("=")[0]: pair.partition("=")[2] for pair in args.models}
    layers, e_inc = read(args)
    print(f"{len(layers)} showers; likelihood on {min(len(layers), args.likelihood_showers)}\n")
    print("| prior | couplers | ln p, nats | gain | / error | Frechet | correlations | depth |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    first, judge = None, None
    for name, folder in models.items():
        model = load_model(folder).model
        if not isinstance(model, LayeredQVAE):
            raise SystemExit(f"{name}: not a layered model")
        judge = judge or model
        part = slice(0, args.likelihood_showers)
        bound = likelihood(model, layers[part], e_inc[part], args.seed)
        first = bound if first is None else first
        made = draw(model, e_inc, args.seed)
        print(
            f"| {name} | {couplers(model)} | {gain(bound, first)} | "
            f"{distances(judge, layers, made, e_inc)} |",
            flush=True,
        )
    half = torch.randperm(len(layers), generator=torch.Generator().manual_seed(1))
    a, b = half.tensor_split(2)
    print(
        f"| Geant4, half against half | | | | | "
        f"{distances(judge, layers[a], layers[b], e_inc[a], e_inc[b])} |"
    )


def couplers(model):
    """Count the couplers between qubits that both hold a bit."""
    used = torch.isin(model.prior.graph.edges.cpu(), model.law.node_of_bit.cpu())
    return int(used.all(dim=0).sum()) if model.law.levels.n_bits else "no bits"


def read(args):
    """Read layer and incident energies of the reference [MeV]."""
    layers, energies = [], []
    rows = None if args.split is None else Split.load(args.split)
    seen = 0
    for path in args.reference:
        with ShowerFile(path) as file:
            chosen = None
            if rows is not None:
                unseen = np.concatenate([rows.validation, rows.test])
                chosen = np.sort(unseen[(unseen >= seen) & (unseen < seen + len(file))]) - seen
                seen += len(file)
            for e_inc, showers in file.chunks(256, chosen):
                kept = np.where(showers >= file.geometry.threshold, showers, 0)
                layers.append(kept.reshape(len(e_inc), file.geometry.shape[0], -1).sum(axis=2))
                energies.append(e_inc)
    layers, energies = np.concatenate(layers), np.concatenate(energies)
    order = np.random.default_rng(args.seed).permutation(len(layers))
    return torch.from_numpy(layers[order]), torch.from_numpy(energies[order])


def likelihood(model, layers, e_inc, seed):
    """Bound ln p of each shower's bits from below; None without bits."""
    if not model.law.levels.n_bits:
        return None
    t = model.scale(e_inc)
    sampler = choose_sampler(model.prior.graph, SharedNoise(derive_seed(seed, 1)))
    bits = model.law.encode(layers, e_inc, t)
    low, high = each_log_likelihood(
        model.prior, bits, t, sampler, even_schedule(100), chains=32, burn_in=500
    )
    return low.value, low.shared_error, float((high.value - low.value).mean())


def gain(bound, first):
    """Format a bound and its paired difference from the first."""
    if bound is None or first is None:
        return "- | - | -"
    value, between = bound[0], f"{float(bound[0].mean()):.2f} (upper bound {bound[2]:+.2f})"
    difference = value - first[0]
    error = math.hypot(float(difference.std()) / len(value) ** 0.5, bound[1] + first[1])
    if bound is first:
        return f"{between} | 0 | -"
    mean = float(difference.mean())
    return f"{between} | {mean:+.2f} ± {error:.2f} | {mean / error:+.0f}"


def draw(model, e_inc, seed):
    """Draw layer energies of the model."""
    noise = SharedNoise(derive_seed(seed, 2))
    t, code = model.condition(e_inc)
    sampler = choose_sampler(model.prior.graph, noise)
    states = code.new_zeros(len(t), model.prior.graph.n_nodes)
    if model.law.levels.n_bits:
        states = sample_machine(model.prior, sampler, t, code, SWEEPS)
    return model.law.draw(states, e_inc, t, noise)


def distances(judge, real, made, e_inc, e_made=None):
    """Format the three distances with bootstrap errors."""
    e_made = e_inc if e_made is None else e_made
    sides = [prepare(judge, real, e_inc), prepare(judge, made, e_made)]
    rng = np.random.default_rng(0)
    values = np.array([measure(*sides)])
    redrawn = []
    for _ in range(REDRAWS):
        rows = [rng.integers(len(side["t"]), size=len(side["t"])) for side in sides]
        redrawn.append(
            measure(
                *(
                    {k: v[r] for k, v in side.items()}
                    for side, r in zip(sides, rows, strict=True)
                )
            )
        )
    errors = np.std(redrawn, axis=0)
    texts = zip(
        values[0],
        errors,
        ("{:.2f} ± {:.2f}", "{:.2f} ± {:.2f}", "{:+.1f} ± {:.1f} %"),
        strict=True,
    )
    return " | ".join(form.format(value, error) for value, error, form in texts)


def prepare(judge, layers, e_inc):
    """Put layers on the scales of the distances."""
    t = judge.scale(e_inc)
    logs = torch.log(layers.double() + 0.1)
    total = torch.log(layers.double().sum(dim=1, keepdim=True) / e_inc)
    low, high = judge.law.intervals(layers, e_inc, t)
    u = torch.where(torch.isinf(low), high, low)[:, : layers.shape[1] + 1].clamp(-5, 5)
    return {
        "t": t[:, 0].numpy(),
        "e": e_inc[:, 0].numpy() / GeV,
        "logs": torch.cat([logs, total], dim=1).numpy(),
        "u": u.numpy(),
        "depth": profile_moments(layers)[0][:, 0].numpy(),
    }


def measure(a, b):
    """Frechet distance, error of correlations, excess of the spread of depth [%]."""
    gap, cov = a["u"].mean(0) - b["u"].mean(0), [np.cov(x["u"].T) for x in (a, b)]
    eigen = np.linalg.eigvals(cov[0] @ cov[1]).real.clip(min=0)
    frechet = gap @ gap + np.trace(cov[0] + cov[1]) - 2 * np.sqrt(eigen).sum()
    norms = []
    for low, high in WINDOWS_GEV:
        pair = [x["logs"][(x["e"] >= low) & (x["e"] < high)] for x in (a, b)]
        if min(map(len, pair)) > 50:
            pair = [
                side + 1e-5 * np.random.default_rng(0).normal(size=side.shape) for side in pair
            ]
            norms.append(np.linalg.norm(np.corrcoef(pair[0].T) - np.corrcoef(pair[1].T)))
    spreads = [residual(x).std() for x in (a, b)]
    return frechet, np.mean(norms), 100 * (spreads[1] / spreads[0] - 1)


def residual(side):
    """Depth above 10 GeV without its trend in the energy."""
    rows = side["e"] >= 10
    t, depth = side["t"][rows], side["depth"][rows]
    return depth - np.polyval(np.polyfit(t, depth, 2), t)


if __name__ == "__main__":
    main()
