"""Fit what bits tell of a model of bits of layer energies anew; keep its networks.

    python scripts/refit_prior.py MODEL OUT --data FILE .. [--set prior.lattice=none ..]
    python scripts/refit_prior.py MODEL OUT --data FILE .. --draws

OUT is a model folder for `calo4pqvae generate`: the same decoder with another prior, or, with
--draws, the same `cells` model with corrections of its draws that are fitted anew.
"""

import argparse
from contextlib import ExitStack

from calo4pqvae._core.rng import derive_seed
from calo4pqvae.config import Config, change_config
from calo4pqvae.data.batches import ShowerBatches
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.models.autoregressive.fit import fit_longitudinal
from calo4pqvae.models.autoregressive.layer_bits import LayerBitsModel
from calo4pqvae.models.build import build_model
from calo4pqvae.models.cellwise.fit_corrections import fit_corrections
from calo4pqvae.models.cellwise.model import CellwiseQVAE
from calo4pqvae.models.storage import StoredModel, load_model, save_model
from calo4pqvae.training.folder import resolve_split


def main():
    """Read, fit and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("out")
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--set", nargs="+", default=[])
    parser.add_argument("--draws", action="store_true", help="fit what draws miss alone")
    args = parser.parse_args()
    stored = load_model(args.model)
    config = change_config(stored.config, args.set)
    with ExitStack() as stack:
        files = [stack.enter_context(ShowerFile(path)) for path in args.data]
        split = resolve_split(config, [len(file) for file in files])
        batches = ShowerBatches(files, split.train, 64, config.training.seed, 4096)
        if args.draws:
            model = stored.model
            fit_corrections(model, batches, derive_seed(config.training.seed, 3))
        else:
            model = refit(stored, config, batches)
    save_model(args.out, model, config, stored.provenance)


def refit(stored: StoredModel, config: Config, batches: ShowerBatches) -> LayerBitsModel:
    """Build the model of the settings around the trained networks, and fit the rest."""
    model = build_model(config, stored.model.geometry)
    for one in (model, stored.model):
        if not isinstance(one, LayerBitsModel):
            raise SystemExit("only models of the presets best and cells can be fitted anew")
    model.decoder.load_state_dict(stored.model.decoder.state_dict())
    model.voxels.load_state_dict(stored.model.voxels.state_dict())
    fit_longitudinal(model, batches, config.training)
    if isinstance(model, CellwiseQVAE):
        fit_corrections(model, batches, derive_seed(config.training.seed, 3))
    return model.eval()


if __name__ == "__main__":
    main()
