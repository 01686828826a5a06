"""Models from a hub: ``hf://OWNER/NAME``, with ``@REVISION`` for a branch, tag or commit."""

import re
from pathlib import Path

from calo4pqvae._core.intake import one_line
from calo4pqvae._core.optional import require
from calo4pqvae.errors import CheckpointError

__all__ = ["fetch_model", "names_a_hub"]

_NAME = re.compile(r"hf:/{1,2}(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
"""One slash is what is left of two in a `pathlib.Path`."""

WANTED = ("config.json", "model.safetensors", "README.md")
"""Files that a model consists of; whatever else a repository holds is not fetched."""


def names_a_hub(path: str | Path) -> bool:
    """Whether a model's path means one on the hub."""
    return str(path).startswith("hf:/")


def fetch_model(name: str | Path) -> Path:
    """Fetch a model into the hub's cache, unless it is there; return its folder.

    Arguments:
        name: ``hf://OWNER/NAME`` or ``hf://OWNER/NAME@REVISION``.

    Raises:
        CheckpointError: there is no such model, or the hub cannot be reached.
        MissingExtraError: huggingface_hub is not installed.
    """
    found = _NAME.fullmatch(str(name))
    if found is None:
        raise CheckpointError(
            f"{one_line(name)}: a model of the hub is written hf://OWNER/NAME, or "
            "hf://OWNER/NAME@REVISION"
        )
    hub = require("huggingface_hub", "hub")
    try:
        folder = hub.snapshot_download(
            found["repository"], revision=found["revision"], allow_patterns=list(WANTED)
        )
    except (hub.errors.HfHubHTTPError, OSError, ValueError) as error:
        raise CheckpointError(
            f"hf://{found['repository']}: could not be fetched ({one_line(error)})"
        ) from error
    return Path(folder)
