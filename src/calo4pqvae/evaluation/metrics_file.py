"""The file metrics.json: its version, how it is written, and how it is read again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calo4pqvae._core.atomic import write_json
from calo4pqvae._core.intake import read_json
from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.plain_json import without_nan

__all__ = ["SCHEMA", "read_metrics", "write_metrics"]

SCHEMA = 4
"""Version of metrics.json; metrics.schema.json describes it."""

_OLDER = {
    2: "whose verdicts followed another rule and whose separations stood twice",
    3: "whose separations stood twice, in two kinds of bins, and whose numbers had no labels",
}
"""What the files of earlier versions are."""


def read_metrics(path: Path) -> dict[str, Any]:
    """Read metrics.json.

    Raises:
        ConfigError: there is none, or it is not of this version; the sentence says what it is.
    """
    if not path.exists():
        raise ConfigError(f"{path}: not found; evaluate showers first")
    metrics = read_json(path, "set of metrics")
    schema = metrics.get("schema") if isinstance(metrics, dict) else None
    if schema == SCHEMA:
        return metrics
    older = _OLDER.get(schema) if isinstance(schema, int) else None
    if older is None:
        raise ConfigError(f"{path}: not metrics of schema {SCHEMA}; evaluate again")
    raise ConfigError(
        f"{path}: metrics of schema {schema}, {older}; evaluate again for those of schema "
        f"{SCHEMA}"
    )


def write_metrics(metrics: Mapping[str, Any], path: Path) -> None:
    """Write metrics.json, whole or not at all; a number that is not finite is written as null.

    Raises:
        OutputError: the disk does not take it.
    """
    write_json(path, without_nan(metrics))
