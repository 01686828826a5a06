"""The model that comes with the package: preset ``best``, trained on Geant4 showers.

Its card is README.md in this folder.
"""

import json
from importlib.resources import files
from pathlib import Path

import numpy as np

from calo4pqvae.errors import CheckpointError

__all__ = ["PRETRAINED", "pretrained_path", "unseen_sample_rows"]

PRETRAINED = "pretrained"
"""What to give as a model's path to mean this one."""


def pretrained_path() -> Path:
    """Locate the model's folder.

    Raises:
        CheckpointError: the package was installed without it.
    """
    folder = Path(str(files("calo4pqvae.pretrained")))
    if not (folder / "model.safetensors").is_file():
        raise CheckpointError(
            f"{folder}: this installation lacks the pretrained model; install the package "
            "again, or train one with the preset 'best'"
        )
    return folder


def unseen_sample_rows() -> np.ndarray:
    """List the rows of the bundled sample that the model was not trained on."""
    text = (pretrained_path() / "unseen_sample_rows.json").read_text(encoding="utf-8")
    return np.array(json.loads(text), dtype=np.int64)
