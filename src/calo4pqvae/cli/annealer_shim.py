"""`calo4pqvae annealer shim`: what a chip makes of zeros."""

import argparse
from pathlib import Path

from calo4pqvae.cli.annealer_setup import make_sampler

__all__ = ["add_shim_options", "shim_chip"]


def add_shim_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FILE.json", help="file to write"
    )


def shim_chip(args: argparse.Namespace) -> int:
    """Measure lasting errors where the model lies, and write them."""
    import numpy as np

    from calo4pqvae.annealer.calibration.shimming import measure_shims
    from calo4pqvae.models.storage import load_model

    args.beta = args.holding_field = None
    sampler = make_sampler(args, load_model(args.model).model.prior, args.out)
    shims = measure_shims(sampler)
    field, coupling = (float(np.std(x)) for x in (shims.field, shims.coupling))
    print(
        f"{len(shims.qubits)} fields of {field:.2g} and {len(shims.couplers)} couplings of "
        f"{coupling:.2g} (standard deviations), in {shims.seconds:.3g} s of the annealer"
    )
    shims.save(args.out)
    print(f"wrote {args.out}")
    return 0
