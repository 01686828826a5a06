"""The log of a run: one JSON record per epoch and line."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calo4pqvae._core.atomic import write_text
from calo4pqvae._core.intake.json_files import read_json_lines
from calo4pqvae.errors import CheckpointError, OutputError, PhysicsWarning
from calo4pqvae.evaluation.plain_json import without_nan

__all__ = ["RunLog", "read_log"]


class RunLog:
    """Appends records to a file, and takes back those of epochs that are run again.

    Arguments:
        path: the file; made by the first record.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one record as one line; a number that is not finite becomes null.

        Raises:
            OutputError: it cannot be written, for example on a full disk.
        """
        line = json.dumps(without_nan(record), allow_nan=False) + "\n"
        try:
            with self.path.open("a", encoding="utf-8") as log:
                log.write(line)
        except OSError as error:
            raise OutputError(
                f"{self.path}: cannot be written ({error.strerror}); the checkpoints are kept, "
                "make room and give the same command again"
            ) from error

    def forget(self, epoch: int) -> None:
        """Drop the lines of this epoch and later ones, and what is torn or damaged.

        Warns:
            PhysicsWarning: naming lines that are damaged.
        """
        if not self.path.exists():
            return
        records, damaged = read_log(self.path)
        if damaged:
            warnings.warn(
                f"{self.path}: {_name(damaged)} damaged and passed over; the training itself "
                "does not depend on the log",
                PhysicsWarning,
                stacklevel=2,
            )
        kept = [record for record in records if record["epoch"] < epoch]
        lines = "".join(json.dumps(record, allow_nan=False) + "\n" for record in kept)
        write_text(self.path, lines)


def read_log(path: Path) -> tuple[list[dict[str, Any]], list[int]]:
    """Read the records of a log, and say which lines cannot be read.

    A last line without an end is what a run that died leaves, and is not counted as damaged.

    Returns:
        the records, and the numbers of damaged lines, counted from 1.

    Raises:
        CheckpointError: the log is far larger than that of any training.
    """
    records, damaged = [], []
    for number, record in read_json_lines(path, "log of a training", error=CheckpointError):
        if isinstance(record, dict) and type(record.get("epoch")) is int:
            records.append(record)
        else:
            damaged.append(number)
    return records, damaged


def _name(lines: list[int]) -> str:
    if len(lines) == 1:
        return f"line {lines[0]} is"
    listed = ", ".join(str(number) for number in lines[:8])
    return f"lines {listed}{' and more' if len(lines) > 8 else ''} are"
