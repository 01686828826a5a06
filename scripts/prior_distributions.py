"""Compare a machine, independent bits and a copula as distributions of a model's bits.

    python scripts/prior_distributions.py MODEL --reference FILE .. [--showers N] [--draws N]
    [--seed N]

Log-probability of the intervals in which the quantities of unseen showers lie, given the
incident energy [nats a shower], in windows of energy. All three distributions draw the numbers
inside the intervals alike, so that differences of these are differences of log density of the
quantities themselves.

machine: the Boltzmann machine, stochastic lower bound by annealed importance sampling; it is
of the bit pattern that the showers have, and so bounds the probability of the intervals from
below. independent: product of the intervals' own probabilities. copula: the Gaussian copula
without bits, mean of the estimates of Geweke, Hajivassiliou and Keane, with half as many draws
beside it.
"""

import argparse
import math

import numpy as np
import torch

from calo4pqvae._core.rng import SharedNoise, derive_seed
from calo4pqvae.boltzmann.log_z.annealed import even_schedule
from calo4pqvae.boltzmann.log_z.likelihood import each_log_likelihood
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.models.autoregressive.layer_bits import LayerBitsModel
from calo4pqvae.models.storage import load_model
from calo4pqvae.units import GeV

WINDOWS_GEV = ((1, 10), (10, 100), (100, 1000))


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--reference", nargs="+", required=True)
    parser.add_argument("--showers", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    model = load_model(args.model).model
    if not isinstance(model, LayerBitsModel):
        raise SystemExit(f"{args.model}: its bits are not layer energies")
    profiles, e_inc = read(model, args)
    found = distributions(model, profiles, e_inc, args.draws, args.seed)
    print_table(found, e_inc)


def read(model, args):
    """Read what the distribution describes of some showers."""
    parts, energies, rng = [], [], np.random.default_rng(args.seed)
    for path in args.reference:
        with ShowerFile(path) as file:
            some = min(len(file), -(-args.showers // len(args.reference)))
            rows = np.sort(rng.choice(len(file), some, replace=False))
            for e, showers in file.chunks(256, rows):
                given = torch.from_numpy(showers).view(-1, *model.geometry.shape)
                parts.append(model.profiles(given))
                energies.append(torch.from_numpy(e))
    return torch.cat(parts), torch.cat(energies)


@torch.no_grad()
def distributions(model, profiles, e_inc, draws, seed):
    """Give the log-probabilities of each shower's intervals under each distribution."""
    distribution, t = model.law, model.scale(e_inc)
    noise = SharedNoise(derive_seed(seed, 1))
    absence = distribution.marginals.absence(t)
    bits = distribution.levels.encode(distribution.intervals(profiles, e_inc, t), absence)
    low, high = distribution.levels.decode(bits, absence)
    own = torch.special.ndtr(high) - torch.special.ndtr(low)
    found = {"independent": own.clamp(min=1e-12).log().sum(dim=1)}
    sampler = choose_sampler(model.prior.graph, noise)
    below, above = each_log_likelihood(
        model.prior,
        distribution.on_nodes(bits),
        t,
        sampler,
        even_schedule(100),
        chains=32,
        burn_in=500,
    )
    found["machine"] = below.value - below.shared_error
    found["machine, from above"] = above.value
    for n in (draws // 2, draws):
        key = "copula" if n == draws else "copula, half the draws"
        found[key] = distribution.copula.log_probability((low, high), t, noise.uniform, n)
    return found


def print_table(found, e_inc):
    """Print means, and paired differences from independent bits and from the copula."""
    energy = e_inc[:, 0] / GeV
    print("| GeV | showers | distribution | nats | above independent bits | above the copula |")
    print("|---|--:|---|--:|--:|--:|")
    for low, high in (*WINDOWS_GEV, (0, math.inf)):
        rows = (energy >= low) & (energy < high)
        if int(rows.sum()) < 20:
            continue
        name = "all" if low == 0 else f"{low}-{high}"
        for key, value in found.items():
            cells = [
                difference(value[rows], found[other][rows])
                for other in ("independent", "copula")
            ]
            mean = f"{float(value[rows].mean()):.2f}"
            print(f"| {name} | {int(rows.sum())} | {key} | {mean} | {' | '.join(cells)} |")


def difference(one, other):
    """Format a paired difference with its error."""
    gap = one - other
    if not bool(gap.abs().max() > 0):
        return "0"
    error = float(gap.std()) / len(gap) ** 0.5
    return f"{float(gap.mean()):+.2f} ± {error:.2f}"


if __name__ == "__main__":
    main()
