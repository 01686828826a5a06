"""The fit after the last epoch, repeated with other settings around the same networks."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from calo4pqvae._core.lock import output_lock
from calo4pqvae.config import Config, change_config, differing_settings, flat_settings
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.splits import Split
from calo4pqvae.errors import CheckpointError, ConfigError
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.models.build import build_model
from calo4pqvae.training.checkpoint import check_same, read_checkpoint
from calo4pqvae.training.folder import Run, RunFolder, identify, read_run
from calo4pqvae.training.run import common_geometry, finish, make_batches

__all__ = ["refit"]


def refit(
    folder: str | Path, files: Sequence[ShowerFile], settings: Sequence[str] = ()
) -> Config:
    """Fit a run's model anew around its trained networks, and replace ``folder/model``.

    The settings go on top of those of the training, whatever an earlier repetition had.

    Arguments:
        folder: folder of a run whose epochs are done.
        files: its shower files.
        settings: ``section.key=value`` of settings that only the fit depends on.

    Returns:
        the configuration of the new model.

    Raises:
        ConfigError: a setting that the networks were trained with.
        CheckpointError: the epochs are not done, or the showers are others.
        TrainingError: the fit fails.
        OutputError: the folder is in use, or the model cannot be written.
    """
    place = RunFolder(Path(folder))
    stored = read_run(place.path)
    with output_lock(place.path, "train", folder=True):
        state = read_checkpoint(place.checkpoint)
        run = Run(stored.config, [identify(file) for file in files])
        check_same(place.checkpoint, state, run.config, run.fingerprint)
        if state["epoch"] < run.config.training.epochs:
            raise CheckpointError(
                f"{place.checkpoint}: {state['epoch']} of {run.config.training.epochs} epochs "
                f"are done; finish them first",
                remedy="unfinished run",
                run=place.path,
            )
        config = change_config(run.config, settings)
        split = Split.load(place.split)
        model = build_model(config, common_geometry(files))
        changed = _check(run.config, config, model)
        model.take_networks(state["model"])
        training, _ = make_batches(config, files, split)
        told = {"refitted": changed, "arithmetic": state.get("arithmetic")}
        told = {name: value for name, value in told.items() if value}
        finish(model, replace(run, config=config), split, training, place, told)
    return config


def _check(before: Config, after: Config, model: ShowerModel) -> list[str]:
    """List changed settings with their values; refuse what the fit alone cannot change."""
    changed = differing_settings(after.to_dict(), before.to_dict())
    fixed = [name for name in changed if name not in model.FIT_SETTINGS]
    if fixed:
        raise ConfigError(
            f"{', '.join(fixed)}: the networks were trained with another value; a repeated fit "
            f"takes {', '.join(sorted(model.FIT_SETTINGS))}, for others train anew"
        )
    values = flat_settings(after.to_dict())
    return [f"{name}={values[name]}" for name in changed]
