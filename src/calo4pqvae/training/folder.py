"""A run as a folder: what it was made from, and whether another call may go on with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import calo4pqvae
from calo4pqvae._core.atomic import write_json
from calo4pqvae._core.intake import parsing, read_json
from calo4pqvae.config import CONFIG_SCHEMA, Config, differing_settings, migrate
from calo4pqvae.data.sample import sample_split
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.splits import PROTOCOLS, Split, make_split
from calo4pqvae.errors import CheckpointError, OutputError

__all__ = ["Run", "RunFolder", "identify", "read_run", "resolve_split"]


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


@dataclass(frozen=True)
class RunFolder:
    """The files of a run, and how far it has come.

    Arguments:
        path: the folder.
    """

    path: Path

    @property
    def description(self) -> Path:
        """What the run was made from; it is written when the run begins."""
        return self.path / "config.json"

    @property
    def split(self) -> Path:
        """Which showers are used for what."""
        return self.path / "split.json"

    @property
    def log(self) -> Path:
        """One record per epoch."""
        return self.path / "log.jsonl"

    @property
    def checkpoint(self) -> Path:
        """The last checkpoint."""
        return self.path / "checkpoints" / "last.pt"

    @property
    def model(self) -> Path:
        """The finished model."""
        return self.path / "model"

    @property
    def is_finished(self) -> bool:
        """Whether there is a model; its description is written last."""
        return (self.model / "config.json").is_file()

    def taken_up(self, run: Run) -> Split | None:
        """Find out whether a run like this one has begun here.

        Returns:
            its split, or None for a folder without a run.

        Raises:
            OutputError: the folder holds another run.
            CheckpointError: what is there cannot be gone on with.
        """
        if not self.description.exists():
            leftover = next((f for f in (self.checkpoint, self.log) if f.exists()), None)
            if leftover is not None:
                raise OutputError(
                    f"{leftover}: belongs to a run whose {self.description.name} is gone; "
                    "choose another folder"
                )
            return None
        stored = read_run(self.path)
        changed = differing_settings(run.config.to_dict(), stored.config.to_dict())
        if changed:
            raise OutputError(
                f"{self.path}: holds a run already, with other values of {', '.join(changed)}; "
                "continue it as it is, or choose another folder",
                remedy="resume",
            )
        if stored.fingerprint != run.fingerprint:
            raise CheckpointError(
                f"{self.path}: holds a run that was made with other showers; give the same "
                "files or choose another folder"
            )
        split = Split.load(self.split)
        self._check_checkpoint()
        return split

    def begin(self, run: Run, split: Split) -> None:
        """Write what a run is made from; the description comes last and makes it valid.

        Raises:
            OutputError: the disk is full.
        """
        split.save(self.split)
        description = {
            "schema": CONFIG_SCHEMA,
            "calo4pqvae": calo4pqvae.__version__,
            "config": run.config.to_dict(),
            "files": run.files,
        }
        write_json(self.description, description)

    def _check_checkpoint(self) -> None:
        """Tell a run that died before its first checkpoint from one that has lost it."""
        if not self.checkpoint.exists() and self.log.exists():
            raise CheckpointError(
                f"{self.checkpoint}: there is no checkpoint to resume from, though "
                f"{self.log.name} tells of epochs; put it back or remove the run"
            )


def read_run(folder: Path) -> Run:
    """Read ``config.json`` of a run folder.

    Raises:
        CheckpointError: it is missing, damaged or of another version.
    """
    path, what = folder / "config.json", "description of a training run"
    if not path.exists():
        raise CheckpointError(f"{folder}: no training run to resume here (no {path.name})")
    description = read_json(path, what, error=CheckpointError)
    with parsing(path, what, CheckpointError):
        version, values = description["schema"], description["config"]
        files = [
            {"name": str(f["name"]), "sha256": str(f["sha256"]), **f}
            for f in description["files"]
        ]
        return Run(Config.from_dict(migrate(values, version, folder)), files)


def resolve_split(config: Config, sizes: Sequence[int]) -> Split:
    """Make the split of that name, or read the manifest at that path.

    Raises:
        ConfigError: the manifest cannot be read, or the protocol does not fit the files.
    """
    name = config.data.split
    if name == "sample":
        return sample_split()
    if name in PROTOCOLS:
        return make_split(name, list(sizes), config.data.split_seed)
    return Split.load(name)


def identify(file: ShowerFile) -> dict[str, Any]:
    """Describe a shower file so that it is known again, wherever it lies then."""
    path = file.path
    return {
        "name": path.name,
        "path": str(path.resolve()),
        "showers": len(file),
        "sha256": file.sha256(),
    }
