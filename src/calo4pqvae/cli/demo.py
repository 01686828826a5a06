"""`calo4pqvae demo`: the whole way on the bundled Geant4 showers, in minutes."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from calo4pqvae.cli.inputs import add_preset, add_settings
from calo4pqvae.cli.options import Rule

if TYPE_CHECKING:
    import numpy as np

    from calo4pqvae.config import Config
    from calo4pqvae.data.shower_file import ShowerFile
    from calo4pqvae.models.storage import StoredModel

__all__ = ["HELP", "add_arguments", "run"]

HELP = "generate, evaluate and report on the bundled Geant4 showers"

RULES = (
    Rule(
        ("preset", "set"),
        lambda args: args.train,
        "without a training, which they change; add --train",
    ),
)

PER_TEST_SHOWER = 5
WINDOWS_GEV = ((1, 3), (5, 10), (20, 40), (40, 100))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `demo`."""
    parser.add_argument("-o", "--out", type=Path, default=Path("demo"), metavar="DIR")
    parser.add_argument(
        "--train",
        action="store_true",
        help="train a small model first, instead of taking the pretrained one",
    )
    add_preset(parser, default="quick")
    add_settings(parser)


def run(args: argparse.Namespace) -> int:
    """Take the pretrained model, or train one, then show what it makes."""
    from calo4pqvae._core.lock import output_lock
    from calo4pqvae._core.optional import installed
    from calo4pqvae.cli.evaluate import print_metrics
    from calo4pqvae.data.sample import sample_path, sample_split
    from calo4pqvae.data.shower_file import ShowerFile
    from calo4pqvae.models.storage import load_pretrained
    from calo4pqvae.pretrained import unseen_sample_rows

    for module in ("matplotlib", "jinja2"):
        installed(module, "report")
    with output_lock(args.out, "demo", folder=True), ShowerFile(sample_path()) as sample:
        if args.train:
            stored, rows = (
                _trained(_config(args), sample, args.out / "run"),
                sample_split().test,
            )
        else:
            stored, rows = load_pretrained(), unseen_sample_rows()
        _make_showers(stored, sample, rows, args.out)
        metrics = _evaluate(sample, rows, args.out)
    print_metrics(metrics)
    for name in ("generated.h5", "metrics.json", "report.html"):
        if (args.out / name).exists():
            print(f"wrote {args.out / name}")
    return 0


def _config(args: argparse.Namespace) -> "Config":
    from calo4pqvae.config import load_config

    sample = ["data.split=sample", "data.energy_gev=[1, 100]"]
    return load_config(args.preset or "quick", settings=[*sample, *args.set])


def _trained(config: "Config", sample: "ShowerFile", folder: Path) -> "StoredModel":
    """Train, go on, or take the finished model of the same configuration."""
    from calo4pqvae.cli.console import say
    from calo4pqvae.cli.train import show_training, stop_on_signal
    from calo4pqvae.models.storage import load_model
    from calo4pqvae.training.run import train

    with show_training(config) as show, stop_on_signal() as start:
        done = train(config, [sample], folder, on_step=show, on_start=start, on_note=say)
    if not done:
        raise KeyboardInterrupt
    return load_model(folder)


def _make_showers(
    stored: "StoredModel", sample: "ShowerFile", rows: "np.ndarray", folder: Path
) -> None:
    """Generate at the energies of showers the model has not seen, and reconstruct these."""
    import numpy as np

    from calo4pqvae.cli.console import progress
    from calo4pqvae.data.shower_writer import ShowerWriter
    from calo4pqvae.generation.bulk import generate, reconstruct
    from calo4pqvae.generation.maker import provenance

    model = stored.model
    e_inc = np.tile(sample.e_inc(rows), (PER_TEST_SHOWER, 1))
    sweeps = stored.config.prior.burn_in
    attrs = provenance(stored.provenance, "block Gibbs", sweeps=sweeps, seed=0)
    with (
        ShowerWriter(folder / "generated.h5", model.geometry, attrs, overwrite=True) as writer,
        progress(len(e_inc), "showers") as bar,
    ):
        generate(model, e_inc, writer, sweeps=sweeps, on_batch=bar.advance)
    attrs |= {"sampler": "none: encoded from Geant4 showers", "sweeps": 0}
    path = folder / "reconstructed.h5"
    with ShowerWriter(path, model.geometry, attrs, overwrite=True) as writer:
        reconstruct(model, sample, writer, rows=rows)


def _evaluate(sample: "ShowerFile", rows: "np.ndarray", folder: Path) -> dict:
    from calo4pqvae.data.shower_file import ShowerFile
    from calo4pqvae.evaluation.metrics.metric import Options
    from calo4pqvae.evaluation.report.folder import evaluate_to_folder
    from calo4pqvae.evaluation.report.lost import losing
    from calo4pqvae.evaluation.report.pages import build_report
    from calo4pqvae.units import GeV

    with (
        ShowerFile(folder / "generated.h5") as generated,
        ShowerFile(folder / "reconstructed.h5") as reconstructed,
    ):
        windows = [(low * GeV, high * GeV) for low, high in WINDOWS_GEV]
        options = Options(windows=windows)
        metrics = evaluate_to_folder(generated, sample, folder, reconstructed, rows, options)
    with losing(folder / "metrics.json") as lost, lost.part(folder / "report.html"):
        build_report(folder, folder / "report.html")
    return metrics
