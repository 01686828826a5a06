"""Make a model of the mean shower alone: what the paper's model is without its latents.

    python scripts/no_latents.py OUT --data FILE .. [--preset paper-compact]

OUT is a model folder for `calo4pqvae generate`. Mean shower and distributions of draws are
fitted to the training showers as in any training; no network is trained, and the decoder gives
the mean shower whatever the bits are; there are no global bits. What latents gain is to be said
against this row.
"""

import argparse
from contextlib import ExitStack

import torch

from calo4pqvae.config import load_config
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.models.build import build_model
from calo4pqvae.models.storage import save_model
from calo4pqvae.training.energy_range import with_energy_range
from calo4pqvae.training.folder import resolve_split
from calo4pqvae.training.run import common_geometry, make_batches


def main():
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--preset", default="paper-compact")
    parser.add_argument("--set", nargs="+", default=[])
    args = parser.parse_args()
    with ExitStack() as stack:
        files = [stack.enter_context(ShowerFile(path)) for path in args.data]
        settings = ["model.global_bits=[0,0,0]", *args.set]
        config = with_energy_range(load_config(args.preset, settings=settings), files)
        split = resolve_split(config, [len(file) for file in files])
        training, _ = make_batches(config, files, split)
        model = build_model(config, common_geometry(files))
        with torch.no_grad():
            for parameter in model.decoder.out.parameters():
                parameter.zero_()
        model.prepare(training)
        model.fit(training, config.training)
    save_model(args.out, model.eval(), config, {"networks": "none: the mean shower alone"})


if __name__ == "__main__":
    main()
