"""Say what draws of a `cells` model miss, with its corrections and without them.

    python scripts/draws_table.py --model pretrained-cells --reference TRAIN.h5 [-n 4000]

Voxels are drawn for the layer energies of the first n showers of the reference, profiles for
their bits. Rows, beside those of Geant4: hits of the innermost ring in the last sector that is
drawn, in layers of 40 to 59 hits; pairs of opposite hits of the innermost ring in layers of
two, and of three or four hits; the spread of ln(last hit / mean hit) in layers of 5 to 15
hits; mean and spread of the roughness of profiles from 30 to 100 GeV.
"""

import argparse

import numpy as np
import torch
from steering_table import AT_ONCE

from calo4pqvae._core.rng import RowNoise, SharedNoise
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.models.autoregressive.sectors import shear_odd_rings
from calo4pqvae.models.cellwise.compiled import CompiledCells
from calo4pqvae.models.cellwise.corrections import DrawCorrections
from calo4pqvae.models.cellwise.remainder import last_hits, left_for
from calo4pqvae.models.cellwise.roughness import roughness, smoothed
from calo4pqvae.models.storage import load_model
from calo4pqvae.units import GeV


def main():
    """Draw, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="pretrained-cells")
    parser.add_argument("--reference", required=True)
    parser.add_argument("-n", type=int, default=4000)
    args = parser.parse_args()
    model = load_model(args.model).model
    with ShowerFile(args.reference, model.geometry) as file:
        parts = list(file.chunks(AT_ONCE, np.arange(min(args.n, len(file)))))
    e_inc, voxels = (torch.from_numpy(np.concatenate(x)) for x in zip(*parts, strict=True))
    real = model.read_out(voxels.view(-1, *model.geometry.shape))
    none = DrawCorrections(model.decoder.shape)
    found = [measured(model, e_inc, real, real.sum(dim=(2, 3)))]
    found += [drawn(model, e_inc, real, tables) for tables in (none, model.corrections)]
    print("| | Geant4 | not corrected | corrected |\n|---|--:|--:|--:|")
    for name in found[0]:
        values = " | ".join(f"{one[name]:.3g}" for one in found)
        print(f"| {name} | {values} |")


@torch.no_grad()
def drawn(model, e_inc, real, tables):
    """Draw voxels of real layers, and profiles of real bits, with these corrections."""
    t, layers, noise = model.scale(e_inc), real.sum(dim=(2, 3)), SharedNoise(5)
    lateral = model.law.lateral_of(layers, e_inc, t, noise)
    each = 2 + 2 * real[0, 0].numel()
    cells = CompiledCells(model.decoder, model.voxels.table, tables)
    made = cells(layers, lateral, t, noise.uniform(*layers.shape, each))
    bits = model.encode(real, e_inc, noise)
    profiles, _ = model.law.draw_shower(bits, e_inc, t, RowNoise(6, 0))
    return measured(model, e_inc, made, smoothed(profiles, tables.of_profiles(t)))


def measured(model, e_inc, showers, profiles):
    """Measure the rows of the table."""
    order = model.decoder.order
    voxels = order.lined_up(shear_odd_rings(showers)).flatten(end_dim=1)
    voxels = voxels[voxels.sum(dim=(1, 2)) > 0]
    hits = (voxels > 0).float()
    n = hits.sum(dim=(1, 2))
    full, some = (n >= 40) & (n < 60), (n >= 5) & (n < 16)
    inner = order.back(hits)[..., 0]
    opposite = (inner * inner.roll(inner.shape[1] // 2, dims=1)).sum(dim=1)
    left = left_for(voxels, last_hits(hits), voxels.sum(dim=(1, 2)))
    high = (e_inc[:, 0] >= 30 * GeV) & (e_inc[:, 0] < 100 * GeV)
    rough = roughness(profiles)[high]
    return {
        "innermost cell of the last sector, layers of 40 to 59 hits": hits[full, -1, 0].mean(),
        "opposite pairs in the innermost ring, layers of two hits": opposite[n == 2].mean() / 2,
        "the same, three or four hits": opposite[(n == 3) | (n == 4)].mean() / 2,
        "spread of ln(last hit / mean hit), 5 to 15 hits": left[some].std(),
        "roughness, 30 to 100 GeV": rough.mean(),
        "its spread": rough.std(),
    }


if __name__ == "__main__":
    main()
