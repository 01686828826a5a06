"""Spoil Geant4 showers in one way each, and print which scores see it.

    python scripts/defects_table.py FILE.h5 [--showers 4000] [--fpd]

One half of the showers is the reference, the other is spoilt. Each cell is the excess over the
floor in errors, as the verdict counts it; beyond 3 the score sees the defect. The worth is in
showers of Geant4.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.metric import Options
from calo4pqvae.evaluation.metrics.registry import metric_classes

SHOWN = {
    "worth": "worth", "auc.trees": "trees", "structure.largest": "largest pull",
    "separation.e_tot": "total energy", "separation.e_layer": "layers",
    "separation.ec_r": "centre in r", "separation.width_r": "width in r",
    "separation.sparsity": "sparsity", "separation.voxel": "voxels", "auc.high": "network",
    "precision": "precision", "recall": "recall", "coverage": "coverage",
}  # fmt: skip

Spoil = Callable[[np.ndarray], np.ndarray]


def response(showers):
    return 1.02 * showers


def widths(showers):
    """Weight the rings, outer ones more, and keep each layer's energy; widths grow by 5 %."""
    ring = np.linspace(0, 1, showers.shape[-1])
    weighted = showers * (1 + 0.46 * ring)
    before = showers.sum(axis=(2, 3), keepdims=True)
    after = weighted.sum(axis=(2, 3), keepdims=True)
    return weighted * np.divide(before, after, out=np.ones_like(after), where=after > 0)


def dead_layer(showers):
    spoilt = showers.copy()
    spoilt[:, 10] = 0
    return spoilt


def swapped_axes(showers):
    n, layers, alpha, r = showers.shape
    return showers.reshape(n, layers, r, alpha).swapaxes(2, 3)


def mode_collapse(showers):
    few = len(showers) // 20
    return showers[np.arange(len(showers)) % few]


def no_threshold(showers):
    """Fill empty voxels with deposits below the threshold."""
    noise = np.random.default_rng(0).uniform(0, 0.015, showers.shape)
    return np.where(showers == 0, noise, showers)


SPOILERS: dict[str, Spoil | None] = {
    "none": None,
    "response +2 %": response,
    "widths +5 %": widths,
    "layer 10 dead": dead_layer,
    "alpha and r swapped": swapped_axes,
    "5 % of the showers, 20 times each": mode_collapse,
    "threshold missing": no_threshold,
}


def main():
    """Print one row per defect."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--showers", type=int, default=4000)
    parser.add_argument("--fpd", action="store_true", help="FPD and KPD too (minutes)")
    args = parser.parse_args()
    half = args.showers
    with ShowerFile(args.file) as file:
        geometry, rows = file.geometry, np.arange(half, 2 * half)
        reference = replace(Measured.from_file(file, np.arange(half)), file=None)
        e_inc, showers = file.e_inc(rows), file.showers(rows)
    showers = showers.reshape(-1, *geometry.shape)
    shown = ({"fpd": "FPD", "kpd": "KPD"} if args.fpd else {}) | SHOWN
    options = Options(batches=2)
    metrics = [
        made(reference, options)
        for made in metric_classes()
        if set(made.names(options)) & set(shown)
    ]
    print(f"| defect | {' | '.join(shown.values())} | voxels below threshold |")
    print(f"|---|{'--:|' * (len(shown) + 1)}")
    for name, spoil in SPOILERS.items():
        spoilt, energies = (showers if spoil is None else spoil(showers)), e_inc
        if spoil is mode_collapse:
            energies = e_inc[np.arange(len(e_inc)) % (len(e_inc) // 20)]
        flat = spoilt.reshape(len(spoilt), -1).astype(np.float32)
        sample = Measured.from_showers(energies, flat, geometry, like=reference)
        found = {k: v for metric in metrics for k, v in metric.of(sample).items()}
        worth = found["worth"]
        cells = [
            (f"{worth.value:,.0f}" if np.isfinite(worth.value) else worth.reason)
            if key == "worth" else f"{found[key].excess:+.1f}"
            for key in shown
        ]  # fmt: skip
        removed = sample.observables.below_threshold.sum() / spoilt.size
        print(f"| {name} | {' | '.join(cells)} | {removed:.1%} |", flush=True)


if __name__ == "__main__":
    main()
