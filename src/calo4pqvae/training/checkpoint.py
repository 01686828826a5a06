"""Checkpoints: everything needed to go on bit for bit, written whole or not at all."""

from pathlib import Path
from typing import Any

import torch

from calo4pqvae._core.atomic import replacing
from calo4pqvae._core.intake import parse_json, parsing
from calo4pqvae._core.intake.checkpoints import read_tensors
from calo4pqvae.config import CONFIG_SCHEMA, Config, differing_settings, migrate
from calo4pqvae.errors import CheckpointError, OutputError

__all__ = ["check_same", "read_checkpoint", "write_checkpoint"]

SHORT_WRITE = "the disk, the quota or the largest file size is full"


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values; an older checkpoint stays until the new one is whole.

    Raises:
        OutputError: it cannot be written, for example on a full disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as aside:
        try:
            torch.save({"schema": CONFIG_SCHEMA, **state}, aside)
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or SHORT_WRITE  # torch counts bytes only
            raise OutputError(
                f"{path}: cannot be written ({reason}); an older checkpoint is kept, make room "
                "and give the same command again"
            ) from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint without running any code from it.

    Raises:
        CheckpointError: it is missing, damaged, or of another version.
    """
    if not path.exists():
        raise CheckpointError(f"{path}: there is no checkpoint to resume from")
    state = read_tensors(path)
    with parsing(path, "checkpoint", CheckpointError):
        text = state.get("config", "{}")
        settings = parse_json(text, path, "checkpoint", error=CheckpointError)
        config = Config.from_dict(migrate(settings, state["schema"], path))
        return {**state, "config": config}


def check_same(path: Path, state: dict[str, Any], config: Config, fingerprint: str) -> None:
    """Compare what a checkpoint was made with to what goes on with it.

    Raises:
        CheckpointError: naming the settings that differ, or that the showers do.
    """
    changed = differing_settings(config.to_dict(), state["config"].to_dict())
    if changed:
        raise CheckpointError(
            f"{path}: was made with other values of {', '.join(changed)}; "
            "resume with the run's own configuration or start a new run"
        )
    if state["fingerprint"] != fingerprint:
        raise CheckpointError(
            f"{path}: was made with other showers; resume with the same files"
        )
