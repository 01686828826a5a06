"""A training run: begun, taken up or found finished, and its model left in the run's folder."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch

import calo4pqvae
from calo4pqvae._core.lock import output_lock
from calo4pqvae.config import Config
from calo4pqvae.data.batches import ShowerBatches
from calo4pqvae.data.checks import describe_faint_hits
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.splits import Split
from calo4pqvae.errors import Calo4pQVAEError, ConfigError, GeometryError, TrainingError
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.models.build import build_model
from calo4pqvae.models.storage import save_model
from calo4pqvae.training.arithmetic import describe_arithmetic
from calo4pqvae.training.energy_range import describe_range, with_energy_range
from calo4pqvae.training.folder import Run, RunFolder, identify, read_run, resolve_split
from calo4pqvae.training.loop import Step, Trainer
from calo4pqvae.training.processes import Processes
from calo4pqvae.training.rehearsal import rehearse

__all__ = ["Run", "common_geometry", "finish", "make_batches", "read_run", "train"]

GIB = 2**30


def train(
    config: Config,
    files: Sequence[ShowerFile],
    folder: str | Path,
    *,
    resume: bool = False,
    processes: Processes | None = None,
    on_step: Callable[[Step], None] | None = None,
    on_start: Callable[[Trainer], None] | None = None,
    on_note: Callable[[str], None] = lambda _: None,
) -> bool:
    """Train a model on shower files and leave it in ``folder/model``.

    A folder that holds an unfinished run of the same configuration and showers is taken up
    where it stands, whenever it was broken off; a finished one is left as it is. A new run
    begins with a rehearsal of all its steps on a few showers.

    Arguments:
        config: all choices; the range of energies is that of the showers unless given.
        files: open shower files of one regular geometry, in the order of the protocol.
        folder: run folder.
        resume: insist that there is a run to take up.
        processes: the processes that share the work; alone by default.
        on_step: called after every batch.
        on_start: receives the trainer before its first batch, to stop it from outside.
        on_note: called with sentences for the user: the range of energies, arithmetic that the
            processor lacks, the time to expect.

    Returns:
        whether the run is finished; False when it was stopped before.

    Raises:
        ConfigError: the split or an energy does not fit the configuration, or a step fails in
            the rehearsal.
        GeometryError: files of different geometry, or one that the network does not fit.
        OutputError: the folder holds another run, or is in use.
        CheckpointError: there is nothing to resume, or it belongs to something else.
        TrainingError: losses are not finite, or a fit after the last epoch failed.

    Example:
        >>> geometry = CylindricalGeometry.regular(3, 4, [0.0, 10.0, 20.0], threshold=0.1)
        >>> e_inc, rng = draw_energies(300, 1e3, 1e4, seed=1), np.random.default_rng(1)
        >>> with ShowerWriter("mine.h5", geometry) as writer:
        ...     writer.append(e_inc, e_inc / 24 * rng.exponential(1, (300, 24)))
        >>> settings = ["training.epochs=1", "prior.nodes_per_partition=12"]
        >>> with ShowerFile("mine.h5") as file:
        ...     train(load_config("quick", settings=settings), [file], "run")
        True
        >>> load_model("run").config.data.energy_gev  # that of the showers
        (1.0, 10.0)
    """
    place, processes = RunFolder(Path(folder)), processes or Processes()
    geometry = common_geometry(files)
    given = config.data.energy_gev is not None
    config = with_energy_range(config, files)
    run = Run(config, [identify(file) for file in files])
    with ExitStack() as stack:
        if resume:
            read_run(place.path)
        if processes.rank == 0:
            stack.enter_context(output_lock(place.path, "train", folder=True))
        split = _split(place, run)
        if place.is_finished:
            on_note(f"{place.path}: this run is finished; nothing is left to do")
            return True
        begun = place.checkpoint.exists()
        model = build_model(config, geometry)
        training, validation = make_batches(config, files, split)
        _meet_bad_input(model, training, files, split)
        if not begun:
            for file in files:
                first = file.showers(slice(0, 300))
                if odd := describe_faint_hits(str(file.path), first, geometry.threshold):
                    on_note(odd)
            on_note(describe_range(config, given, _energies(files, split.train)))
            if slow := describe_arithmetic(config.training.precision, processes.device):
                on_note(slow)
            on_note(str(rehearse(model, config, files, split.train, processes)))
            model.prepare(training)
        processes.wait()
        if processes.rank == 0 and not place.description.exists():
            place.begin(run, split)
        processes.wait()
        trainer = Trainer(
            model,
            config,
            training,
            folder=place.path,
            validation=validation,
            processes=processes,
            fingerprint=run.fingerprint,
            on_step=on_step,
        )
        if begun:
            trainer.resume()
        if on_start is not None:
            on_start(trainer)
        if not trainer.run():
            return False
        if processes.rank == 0:
            finish(model, run, split, training, place, {"arithmetic": trainer.arithmetic})
        processes.wait()
    return True


def finish(
    model: ShowerModel,
    run: Run,
    split: Split,
    training: ShowerBatches,
    place: RunFolder,
    more: Mapping[str, Any],
) -> None:
    """Fit what is left once the networks are trained, and write the model.

    Arguments:
        model: model with trained networks.
        run: choices and files.
        split: rows of the showers.
        training: showers to fit to.
        place: where the checkpoint lies and the model goes.
        more: what the provenance says beside data, versions and epochs: the arithmetic of the
            training, settings that the fit alone was repeated with.

    Raises:
        TrainingError: the fit fails; it says how to repeat it with other settings.
    """
    kept = (
        f"the trained networks are kept in {place.checkpoint}, and the fit can be repeated "
        f"with other values of {', '.join(sorted(model.FIT_SETTINGS))}"
    )
    try:
        model.fit(training, run.config.training)
    except Calo4pQVAEError as error:
        raise TrainingError(
            f"the fit after the last epoch failed ({error}); {kept}",
            remedy="refit",
            run=place.path,
        ) from error
    except Exception as error:
        error.add_note(kept)
        raise
    save_model(place.model, model, run.config, {**_provenance(run, split), **more})


def common_geometry(files: Sequence[ShowerFile]) -> CylindricalGeometry:
    """Give the geometry that all files share.

    Raises:
        GeometryError: they do not.
    """
    geometry = files[0].geometry
    if any(file.geometry != geometry for file in files):
        raise GeometryError(
            "the shower files have different geometries; train on one at a time"
        )
    return geometry


def make_batches(
    config: Config, files: Sequence[ShowerFile], split: Split
) -> tuple[ShowerBatches, ShowerBatches | None]:
    """Make batches to train on, and to validate on if there are showers for that."""
    settings = config.training
    bytes_each = 4 * files[0].geometry.n_voxels
    buffer = max(settings.batch_size, int(config.data.buffer_gib * GIB / bytes_each))
    training = ShowerBatches(files, split.train, settings.batch_size, settings.seed, buffer)
    size = min(settings.batch_size, len(split.validation))
    if size == 0:
        return training, None
    return training, ShowerBatches(files, split.validation, size, settings.seed, buffer)


def _split(place: RunFolder, run: Run) -> Split:
    """Take the split of the run that has begun here, or make that of the configuration."""
    sizes = [file["showers"] for file in run.files]
    kept = place.taken_up(run)
    if kept is None:
        return resolve_split(run.config, sizes)
    try:
        fresh = resolve_split(run.config, sizes)
    except ConfigError:
        return kept  # the user's manifest has gone; its rows are in the run
    if not fresh.has_rows_of(kept):
        raise ConfigError(
            f"{run.config.data.split}: has other rows than when the run in {place.path} began; "
            "put them back or choose another folder"
        )
    return kept


def _meet_bad_input(
    model: ShowerModel, training: ShowerBatches, files: Sequence[ShowerFile], split: Split
) -> None:
    """Check energies and read showers now, before anything is written."""
    used = np.concatenate([split.train, split.validation])
    model.scale.check(torch.from_numpy(_energies(files, used)))
    next(training.epoch(0))


def _energies(files: Sequence[ShowerFile], rows: np.ndarray) -> np.ndarray:
    return np.concatenate([file.e_inc() for file in files])[rows]


def _provenance(run: Run, split: Split) -> dict[str, Any]:
    data = [{key: file[key] for key in ("name", "showers", "sha256")} for file in run.files]
    return {
        "calo4pqvae": calo4pqvae.__version__,
        "torch": torch.__version__,
        "data": data,
        "split": {"protocol": split.protocol, "seed": split.seed, "train": len(split.train)},
        "epochs": run.config.training.epochs,
    }
