"""Make showers of a closed-form mean shower: independent hits, no latents, nothing trained.

    python scripts/mean_shower.py TRAIN.h5 ENERGIES.h5 OUT.h5

For each layer and ring the chance of a hit is a logistic function, and the mean of
log(voxel / incident energy) a straight sum, of Legendre polynomials of order 6 in log E.
Residuals are drawn from those of the same ring at about the same mean. What anything else gains
is to be said against this row.
"""

import argparse

import numpy as np
from numpy.polynomial.legendre import legvander

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter

ORDER, STEPS, BINS, RIDGE = 6, 12, 24, 1e-2


def powers(e_inc, span):
    t = 2 * (np.log(e_inc) - span[0]) / (span[1] - span[0]) - 1
    return legvander(t, ORDER)


def logistic(hits, n_alpha, x):
    """Fit hits of n_alpha cells by damped Newton steps."""
    weights = np.zeros(x.shape[1])
    penalty = RIDGE * np.eye(len(weights))
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -15, 15)))
        curvature = (x * (n_alpha * p * (1 - p))[:, None]).T @ x + penalty
        step = np.linalg.solve(curvature, x.T @ (hits - n_alpha * p) - penalty @ weights)
        weights = weights + step * min(1.0, 4 / np.abs(step).max())
    return weights


def main():
    """Fit, draw and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("train", "energies", "out"):
        parser.add_argument(name)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    with ShowerFile(args.train) as file:
        geometry, e_train = file.geometry, file.e_inc()[:, 0].astype(float)
        volume = file.showers(slice(None)).reshape(-1, *geometry.shape)
    with ShowerFile(args.energies) as file:
        energies = file.e_inc()
    n_layers, n_alpha, n_r = geometry.shape
    span = np.log(e_train.min()), np.log(e_train.max())
    x, target = powers(e_train, span), powers(energies[:, 0].astype(float), span)
    drawn = np.zeros((len(energies), *geometry.shape), np.float32)
    for ring in range(n_r):
        means, residuals, fits = [], [], []
        for layer in range(n_layers):
            cells = volume[:, layer, :, ring]
            hit = cells > 0
            row, _ = np.nonzero(hit)
            value = np.log(cells[hit] / e_train[row])
            a = x[row]
            mean = np.linalg.solve(a.T @ a + RIDGE * np.eye(a.shape[1]), a.T @ value)
            fits.append((logistic(hit.sum(axis=1), n_alpha, x), mean))
            means.append(a @ mean)
            residuals.append(value - a @ mean)
        means, residuals = np.concatenate(means), np.concatenate(residuals)
        edges = np.quantile(means, np.linspace(0, 1, BINS + 1)[1:-1])
        order = np.digitize(means, edges)
        tables = [residuals[order == number] for number in range(BINS)]
        for layer, (logit, mean) in enumerate(fits):
            p = 1 / (1 + np.exp(-np.clip(target @ logit, -15, 15)))
            hit = rng.random((len(energies), n_alpha)) < p[:, None]
            row, _ = np.nonzero(hit)
            value = (target @ mean)[row]
            number = np.digitize(value, edges)
            noise = np.empty(len(value))
            for place in np.unique(number):
                here = number == place
                noise[here] = rng.choice(tables[place], here.sum())
            drawn[:, layer, :, ring][hit] = energies[row, 0] * np.exp(value + noise)
    drawn[drawn < geometry.threshold] = 0.0
    with ShowerWriter(args.out, geometry, {"sampler": "closed-form mean shower"}) as writer:
        for start in range(0, len(drawn), 512):
            part = slice(start, start + 512)
            writer.append(energies[part], drawn[part].reshape(len(drawn[part]), -1))


if __name__ == "__main__":
    main()
