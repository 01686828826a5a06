"""Spoil Geant4 showers in one way each, and print which scores see it.

    python scripts/defects_table.py FILE.h5 [--showers 4000] [--fpd]

One half of the showers is the reference, the other is spoilt. Each cell is the excess over the
floor in errors, as the verdict counts it; beyond 3 the score sees the defect.
"""

import argparse
from collections.abc import Callable

import numpy as np

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.features.high_level import Features
from calo4pqvae.evaluation.features.measured import Measured
from calo4pqvae.evaluation.features.observables import apply_threshold
from calo4pqvae.evaluation.scores import Scores
from calo4pqvae.evaluation.separation.bins import VoxelSpectrum, voxel_edges

SHOWN = (
    "separation.e_tot", "separation.e_layer", "separation.ec_r", "separation.width_r",
    "separation.sparsity", "separation.voxel", "auc.high", "precision", "recall", "coverage",
)  # fmt: skip

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


def measure(showers, e_inc, geometry, edges):
    flat = showers.reshape(len(showers), -1).astype(np.float32)
    spectrum = VoxelSpectrum.from_showers(flat, edges, geometry.threshold)
    return Measured(Features.from_showers(e_inc, flat, geometry), spectrum)


def main():
    """Print one row per defect."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--showers", type=int, default=4000)
    parser.add_argument("--fpd", action="store_true", help="FPD and KPD too (minutes)")
    args = parser.parse_args()
    with ShowerFile(args.file) as file:
        geometry, half = file.geometry, args.showers
        reference = Measured.reference(file, np.arange(half))
        edges = voxel_edges(file, np.arange(half))
        rows = np.arange(half, 2 * half)
        e_inc, showers = file.e_inc(rows), file.showers(rows)
    showers = showers.reshape(-1, *geometry.shape)
    scores = Scores(reference, batches=2)
    shown = (("fpd", "kpd") if args.fpd else ()) + SHOWN
    print(f"| defect | {' | '.join(shown)} | voxels below threshold |")
    print(f"|---|{'--:|' * (len(shown) + 1)}")
    for name, spoil in SPOILERS.items():
        spoilt = showers if spoil is None else spoil(showers)
        energies = e_inc
        if spoil is mode_collapse:
            energies = e_inc[np.arange(len(e_inc)) % (len(e_inc) // 20)]
        sample = measure(spoilt, energies, geometry, edges)
        entries = scores.of(sample) if args.fpd else scores.without_distances(sample)
        _, removed = apply_threshold(
            spoilt.reshape(len(spoilt), -1).astype(np.float64), geometry.threshold
        )
        cells = [f"{entries[key]['excess']:+.1f}" for key in shown]
        print(
            f"| {name} | {' | '.join(cells)} | {removed.sum() / spoilt.size:.1%} |", flush=True
        )


if __name__ == "__main__":
    main()
