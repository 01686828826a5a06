"""A training run as a folder: what it was made from, its log, checkpoints and model."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import calo4pqvae
from calo4pqvae._core.atomic import write_json
from calo4pqvae.config import CONFIG_SCHEMA, Config
from calo4pqvae.data.batches import ShowerBatches
from calo4pqvae.data.sample import sample_split
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.splits import PROTOCOLS, Split, make_split
from calo4pqvae.errors import CheckpointError, GeometryError, OutputError
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.autoregressive.fit import fit_longitudinal
from calo4pqvae.models.autoregressive.model import LayeredQVAE
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.models.build import build_model
from calo4pqvae.models.calibration import calibrate_voxels
from calo4pqvae.models.storage import save_model
from calo4pqvae.training.loop import Step, Trainer
from calo4pqvae.training.processes import Processes

__all__ = ["Run", "read_run", "resolve_split", "train"]

GIB = 2**30
SPLIT = "split.json"


@dataclass(frozen=True)
class Run:
    """What a run folder says of itself.

    Attributes:
        config: all choices.
        files: name, path, number of showers and SHA-256 of each shower file.
    """

    config: Config
    files: list[dict[str, Any]]

    @property
    def fingerprint(self) -> str:
        """Identity of the data."""
        return " ".join(file["sha256"] for file in self.files)


def read_run(folder: Path) -> Run:
    """Read ``config.json`` of a run folder.

    Raises:
        CheckpointError: it is missing, damaged or of another version.
    """
    try:
        description = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        version, values = description["schema"], description["config"]
        files = description["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{folder}: no training run to resume here ({error})") from error
    if version != CONFIG_SCHEMA:
        raise CheckpointError(
            f"{folder}: a run of version {version}, this program continues version "
            f"{CONFIG_SCHEMA}; use the matching release or start anew"
        )
    return Run(Config.from_dict(values), files)


def train(
    config: Config,
    files: Sequence[ShowerFile],
    folder: str | Path,
    *,
    resume: bool = False,
    processes: Processes | None = None,
    on_step: Callable[[Step], None] | None = None,
    on_start: Callable[[Trainer], None] | None = None,
) -> bool:
    """Train a model on shower files and leave it in ``folder/model``.

    Arguments:
        config: all choices.
        files: open shower files of one regular geometry, in the order of the protocol.
        folder: run folder.
        resume: continue from the last checkpoint instead of starting.
        processes: the processes that share the work; alone by default.
        on_step: called after every batch.
        on_start: receives the trainer before its first batch, to stop it from outside.

    Returns:
        whether the run is finished; False when it was stopped before.

    Raises:
        ConfigError: the split or an energy does not fit the configuration.
        GeometryError: files of different geometry, or one that the network does not fit.
        OutputError: the folder holds a run already.
        CheckpointError: there is nothing to resume, or it belongs to something else.
    """
    folder, processes = Path(folder), processes or Processes()
    model = build_model(config, _common_geometry(files))
    sizes = [len(file) for file in files]
    split = Split.load(folder / SPLIT) if resume else resolve_split(config, sizes)
    training, validation = _batches(config, files, split)
    _meet_bad_input(model, training, files, split)
    run = Run(config, [_identify(file) for file in files])
    if processes.rank == 0 and not resume:
        _open_folder(folder, run, split)
    processes.wait()
    trainer = Trainer(
        model,
        config,
        training,
        folder=folder,
        validation=validation,
        processes=processes,
        fingerprint=run.fingerprint,
        on_step=on_step,
    )
    if resume:
        trainer.resume()
    if on_start is not None:
        on_start(trainer)
    if not trainer.run():
        return False
    if processes.rank == 0:
        calibrate_voxels(model, training, config.training.seed)
        if isinstance(model, LayeredQVAE):
            fit_longitudinal(model, training, config.training)
        save_model(folder / "model", model, config, _provenance(run, split))
    processes.wait()
    return True


def resolve_split(config: Config, sizes: list[int]) -> Split:
    """Make the split of that name, or read the manifest at that path.

    Raises:
        ConfigError: the manifest cannot be read, or the protocol does not fit the files.
    """
    name = config.data.split
    if name == "sample":
        return sample_split()
    if name in PROTOCOLS:
        return make_split(name, sizes, config.data.split_seed)
    return Split.load(name)


def _common_geometry(files: Sequence[ShowerFile]) -> CylindricalGeometry:
    geometry = files[0].geometry
    if any(file.geometry != geometry for file in files):
        raise GeometryError(
            "the shower files have different geometries; train on one at a time"
        )
    return geometry


def _meet_bad_input(
    model: ShowerModel, training: ShowerBatches, files: Sequence[ShowerFile], split: Split
) -> None:
    """Check energies and read showers now, before the run folder exists."""
    used = np.concatenate([split.train, split.validation])
    e_inc = np.concatenate([file.e_inc() for file in files])
    model.scale.check(torch.from_numpy(e_inc[used]))
    next(training.epoch(0))


def _batches(
    config: Config, files: Sequence[ShowerFile], split: Split
) -> tuple[ShowerBatches, ShowerBatches | None]:
    settings = config.training
    bytes_each = 4 * files[0].geometry.n_voxels
    buffer = max(settings.batch_size, int(config.data.buffer_gib * GIB / bytes_each))
    training = ShowerBatches(files, split.train, settings.batch_size, settings.seed, buffer)
    size = min(settings.batch_size, len(split.validation))
    if size == 0:
        return training, None
    return training, ShowerBatches(files, split.validation, size, settings.seed, buffer)


def _identify(file: ShowerFile) -> dict[str, Any]:
    path = file.path
    return {
        "name": path.name,
        "path": str(path.resolve()),
        "showers": len(file),
        "sha256": file.sha256(),
    }


def _open_folder(folder: Path, run: Run, split: Split) -> None:
    if (folder / "config.json").exists():
        raise OutputError(
            f"{folder}: holds a run already; continue it with --resume or choose another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    split.save(folder / SPLIT)
    description = {
        "schema": CONFIG_SCHEMA,
        "calo4pqvae": calo4pqvae.__version__,
        "config": run.config.to_dict(),
        "files": run.files,
    }
    write_json(folder / "config.json", description)


def _provenance(run: Run, split: Split) -> dict[str, Any]:
    data = [{key: file[key] for key in ("name", "showers", "sha256")} for file in run.files]
    return {
        "calo4pqvae": calo4pqvae.__version__,
        "torch": torch.__version__,
        "data": data,
        "split": {"protocol": split.protocol, "seed": split.seed, "train": len(split.train)},
        "epochs": run.config.training.epochs,
    }
