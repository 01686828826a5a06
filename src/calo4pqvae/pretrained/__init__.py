"""The models that come with the package, trained on Geant4 showers.

``pretrained`` is of the preset ``best``; ``pretrained-cells`` of ``cells``, slower and nearer
to Geant4 in single showers; ``pretrained-paper`` of ``paper-compact``, the paper's structure.
Their cards are the files README.md in this folder, in cells/ and in paper/.
"""

import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from calo4pqvae.errors import CheckpointError

if TYPE_CHECKING:  # the names alone are needed by commands that only show their help
    import numpy as np

__all__ = ["PRETRAINED", "PRETRAINED_PAPER", "SHIPPED", "pretrained_path", "unseen_sample_rows"]

PRETRAINED, PRETRAINED_PAPER = "pretrained", "pretrained-paper"

SHIPPED = {
    PRETRAINED: ("", "best"),
    "pretrained-cells": ("cells", "cells"),
    PRETRAINED_PAPER: ("paper", "paper-compact"),
}
"""What to give as a model's path to mean one of these; where each lies, and its preset."""


def pretrained_path(name: str = PRETRAINED) -> Path:
    """Locate the folder of a model that comes with the package.

    Raises:
        CheckpointError: there is none of this name, or the package was installed without it.
    """
    if name not in SHIPPED:
        raise CheckpointError(f"the package has the models {', '.join(SHIPPED)}, not {name!r}")
    below, preset = SHIPPED[name]
    folder = Path(str(files("calo4pqvae.pretrained"))) / below
    if not (folder / "model.safetensors").is_file():
        raise CheckpointError(
            f"{folder}: this installation lacks the pretrained model; install the package "
            f"again, or train one with the preset '{preset}'"
        )
    return folder


def unseen_sample_rows() -> "np.ndarray":
    """List the rows of the bundled sample that the model was not trained on."""
    import numpy as np

    table = files("calo4pqvae.pretrained") / "unseen_sample_rows.json"
    text = table.read_text(encoding="utf-8")
    return np.array(json.loads(text), dtype=np.int64)
