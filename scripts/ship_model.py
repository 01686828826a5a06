"""Copy a model in half precision, and measure what that changes.

    python scripts/ship_model.py MODEL OUT --reference FILE.h5 [-n N]

Matrices and kernels of the networks are stored in half precision, in half the space. Printed:
bytes, the share of the encoder's bits that come out otherwise with the same random numbers, and
how far decoded point values, summed over a shower, move.
"""

import argparse

import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.models.storage import WEIGHTS, load_model, save_model


@torch.no_grad()
def main():
    """Copy, read back, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("out")
    parser.add_argument("--reference", required=True)
    parser.add_argument("-n", type=int, default=500)
    args = parser.parse_args()
    stored = load_model(args.model)
    save_model(args.out, stored.model, stored.config, stored.provenance, half=True)
    copied = load_model(args.out)
    sizes = [(one.folder / WEIGHTS).stat().st_size / 1e6 for one in (stored, copied)]
    print(f"{sizes[0]:.1f} MB before, {sizes[1]:.1f} MB now")
    geometry = stored.model.geometry
    with ShowerFile(args.reference, geometry) as file:
        rows = slice(0, min(args.n, len(file)))
        e_inc = torch.from_numpy(file.e_inc(rows))
        showers = torch.from_numpy(file.showers(rows)).view(-1, *geometry.shape)
    models = (stored.model, copied.model)
    bits = [model.encode(showers, e_inc, SharedNoise(1)) for model in models]
    flipped = float((bits[0] != bits[1]).float().mean())
    totals = []
    for model in models:
        model.choose_values("point")
        totals.append(model.decode(bits[0], e_inc, SharedNoise(2)).sum(dim=(1, 2, 3)))
    moved = (totals[1] / totals[0].clamp(min=1e-9) - 1).abs()
    print(f"{flipped:.1e} of the bits differ; totals move by {float(moved.mean()):.1e}")


if __name__ == "__main__":
    main()
