"""Choose how strongly the `cells` model holds drawn layers to their aims.

    python scripts/steering_table.py --model pretrained-cells --reference TRAIN.h5 [-n 4000]

Voxels are drawn for the layer energies of the first n showers of the reference, which must be
training showers: constants are chosen with this table. One row for each setting: FPD of the 362
features less that of two halves of Geant4, areas under the curve of trees, and the mean
distance of the axis over Geant4's.
"""

import argparse
from typing import NamedTuple

import numpy as np
import torch

from calo4pqvae._core.rng import RowNoise
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.classifiers.trees import separate
from calo4pqvae.evaluation.distances.comparable import scale_of
from calo4pqvae.evaluation.distances.frechet import Side, frechet_distance
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.trees import tree_rows
from calo4pqvae.models.cellwise import compiled
from calo4pqvae.models.cellwise.corrections import DrawCorrections
from calo4pqvae.models.cellwise.lateral import DRAWN, LEARNT
from calo4pqvae.models.storage import load_model

AT_ONCE = 512
SETTINGS = (
    (LEARNT, False),
    (DRAWN, False),
    (DRAWN, True),
)
"""How draws are steered, and whether with the corrections that were measured with `DRAWN`."""


class Sample(NamedTuple):
    """Showers and what is measured on them."""

    e_inc: np.ndarray
    voxels: np.ndarray
    measured: Measured


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="pretrained-cells")
    parser.add_argument("--reference", required=True)
    parser.add_argument("-n", type=int, default=4000)
    args = parser.parse_args()
    model = load_model(args.model).model
    with ShowerFile(args.reference, model.geometry) as file:
        chosen = np.arange(min(2 * args.n, len(file)))
        parts = list(file.chunks(AT_ONCE, chosen))
    e_inc, voxels = (np.concatenate(part) for part in zip(*parts, strict=True))
    voxels = np.where(voxels >= model.geometry.threshold, voxels, 0)
    real, other = (
        sample(model, e_inc[rows], voxels[rows])
        for rows in (slice(args.n), slice(args.n, None))
    )
    scale = scale_of(real.measured.features)
    floor = distance(real, other, scale)
    heads = ("fades", "reach", "corrected", "FPD [10⁻³]", "all trees", "structure")
    print(f"| {' | '.join(heads)} | features | axis |")
    print("|---|--:|---|--:|--:|--:|--:|--:|")
    fitted = model.corrections
    for steering, corrected in SETTINGS:
        compiled.DRAWN = steering
        nothing = DrawCorrections(model.geometry.shape)
        model.corrections = fitted if corrected else nothing
        made = sample(model, real.e_inc, drawn(model, real))
        excess = 1e3 * (distance(real, made, scale) - floor)
        areas = trees(real, made)
        axis = axis_of(model, made) / axis_of(model, real)
        print(
            f"| {steering.fades} | {steering.reach} | {corrected} | {excess:.1f} | "
            f"{areas['both']:.3f} | {areas['structure']:.3f} | {areas['features']:.3f} | "
            f"{axis:.3f} |",
            flush=True,
        )


def sample(model, e_inc, voxels):
    """Measure showers."""
    return Sample(e_inc, voxels, Measured.from_showers(e_inc, voxels, model.geometry))


@torch.no_grad()
def drawn(model, real):
    """Draw voxels of given layer energies."""
    made = []
    for start in range(0, len(real.e_inc), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        showers = torch.from_numpy(real.voxels[part]).view(-1, *model.geometry.shape)
        layers, e_inc = showers.sum(dim=(2, 3)), torch.from_numpy(real.e_inc[part])
        made.append(model.read_out(model.decode_layers(layers, e_inc, RowNoise(5, start))))
    return torch.cat(made).flatten(start_dim=1).numpy()


def distance(one, other, scale):
    """Take the squared Frechet distance of all showers."""
    sides = [Side(side.measured.features, scale) for side in (one, other)]
    return frechet_distance(*(s.redraw(np.ones(len(s.rows), np.int32)) for s in sides))


def trees(real, made):
    """Tell drawn showers from Geant4's."""
    rows = [tree_rows(side.measured) for side in (real, made)]
    energies = [side.e_inc[:, 0] for side in (real, made)]
    names = ("both", "structure", "features")
    return {k: separate(*(r[k] for r in rows), *energies).value for k in names}


def axis_of(model, side):
    """Measure the mean distance of the energy-weighted centre from the axis."""
    n_layers, n_alpha, n_r = model.geometry.shape
    angle = 2 * np.pi * (np.arange(n_alpha) + 0.5) / n_alpha
    radius = (np.arange(n_r) + 0.5) / n_r
    cells = side.voxels.reshape(-1, n_layers, n_alpha, n_r).sum(axis=1)
    total = cells.sum(axis=(1, 2))
    return np.hypot(
        *(np.einsum("nar,a,r->n", cells, f(angle), radius) / total for f in (np.cos, np.sin))
    ).mean()


if __name__ == "__main__":
    main()
