"""The log of a run: one JSON record per epoch and line."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calo4pqvae._core.atomic import write_text

__all__ = ["RunLog"]


class RunLog:
    """Appends records to a file, and takes back those of epochs that are run again.

    Arguments:
        path: the file; made by the first record.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one record as one line."""
        with self.path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(record, allow_nan=False) + "\n")

    def forget(self, epoch: int) -> None:
        """Drop the lines of this epoch and later ones, and a line that was left torn."""
        if not self.path.exists():
            return
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        whole = (line for line in lines if line.endswith("\n"))
        kept = [line for line in whole if json.loads(line)["epoch"] < epoch]
        write_text(self.path, "".join(kept))
