"""All readers of files from outside: what they are called, how to call them, what they raise.

`tests/test_readers.py` refuses a file that is opened anywhere else, and tries each reader on
damaged files; `scripts/mutate_inputs.py` does so for long.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from calo4pqvae.errors import (
    AnnealerError,
    Calo4pQVAEError,
    CheckpointError,
    ConfigError,
    GeometryError,
    JournalError,
    MissingExtraError,
    OutputError,
    ShowerFileError,
)

__all__ = ["READERS", "Reader"]


@dataclass(frozen=True)
class Reader:
    """A way by which a file from outside comes in.

    Attributes:
        entry: module and name of a function of the path that reads all of the file.
        errors: what it may raise.
        also: other modules that read parts of such a file.
    """

    entry: str
    errors: tuple[type[Calo4pQVAEError], ...]
    also: tuple[str, ...] = ()

    def read(self, path: Path) -> Any:
        """Read a file.

        Raises:
            Calo4pQVAEError: one of `errors`.
        """
        function: Callable[[Path], Any] = resolve_name(self.entry)
        return function(path)

    @property
    def modules(self) -> set[str]:
        """Modules that may call the gate for this kind of file."""
        return {self.entry.partition(":")[0], *self.also}


def read_showers(path: Path) -> int:
    """Read a shower file with its attributes, and count its showers."""
    from calo4pqvae.data.shower_file import ShowerFile

    with ShowerFile(path) as file:
        assert isinstance(file.attrs, dict)
        file.column("prior_energy")
        return sum(len(energies) for energies, _ in file.chunks(256))


def read_binning(path: Path) -> Any:
    """Read all particles of a binning XML."""
    from calo4pqvae.geometry import CylindricalGeometry, particles_of

    return [CylindricalGeometry.from_xml(path, name) for name in particles_of(path)]


def read_config(path: Path) -> Any:
    """Read a configuration on top of a preset."""
    from calo4pqvae.config import load_config

    return load_config("quick", path)


def read_stack(path: Path) -> Any:
    """Read a stack of slabs."""
    from calo4pqvae.simulation.stacks import load_stack

    return load_stack(str(path))


def read_metrics(path: Path) -> Any:
    """Read the metrics of an evaluation and make the page of them."""
    from calo4pqvae.evaluation.report.pages import render_report

    return render_report(path.parent)


def read_temperature(path: Path) -> Any:
    """Read a measured temperature, for an annealer and model that hardly any file is of."""
    from calo4pqvae.annealer.calibration.temperature_file import Purpose, read_temperature

    return read_temperature(path, Purpose("chip", "0123abcd", "4567", 20.0))


def read_shims(path: Path) -> Any:
    """Read a chip's lasting errors, as if they were wanted for the annealer `chip`."""
    from calo4pqvae.annealer.programs.shims import Shims

    return Shims.load(path, "chip", "0123abcd")


def read_journal(path: Path) -> int:
    """Read all records of a journal, which may be mended by that, and count them."""
    from calo4pqvae._core.journal import Journal

    with Journal(path, "simulation", create=False) as journal:
        return sum(1 for _ in journal.records())


def read_any_showers(path: Path) -> int:
    """Read showers in any format but the dense one, and put them into voxels."""
    from calo4pqvae.data.formats.convert import open_any

    with open_any(path) as source:
        voxels = source.geometry.n_voxels
        return sum(len(hits.dense(voxels)) for hits in source.chunks(64))


def read_shards(path: Path) -> Any:
    """Read the description of a folder of shards, and all its shards."""
    from calo4pqvae.shards.folder import ShardFolder

    return ShardFolder(path.parent).job.plan.shards


def read_manifest(path: Path) -> Any:
    """Read the manifest of a folder of shards."""
    from calo4pqvae.shards.ledger import Ledger

    return Ledger(path).read()


def inspect(path: Path) -> Any:
    """Describe whatever a file holds."""
    from calo4pqvae.cli.inspect import describe

    return describe(path)


_ALL = (ShowerFileError, GeometryError, ConfigError, CheckpointError)
_HERE = "calo4pqvae.cli.readers"
_FORMATS = "calo4pqvae.data.formats"
_INSPECT = "calo4pqvae.cli.inspect"

READERS: dict[str, Reader] = {
    "shower file": Reader(
        f"{_HERE}:read_showers",
        (ShowerFileError, GeometryError),
        ("calo4pqvae.data.opening", "calo4pqvae.data.shower_file", "calo4pqvae.data.layout"),
    ),
    "model folder": Reader("calo4pqvae.models.storage:load_model", (CheckpointError,)),
    "run folder": Reader("calo4pqvae.training.folder:read_run", (CheckpointError,)),
    "log of a run": Reader("calo4pqvae.training.log:read_log", (CheckpointError,)),
    "checkpoint": Reader("calo4pqvae.training.checkpoint:read_checkpoint", (CheckpointError,)),
    "split": Reader("calo4pqvae.data.splits:Split.load", (ConfigError,)),
    "binning": Reader(f"{_HERE}:read_binning", (GeometryError,), ("calo4pqvae.geometry",)),
    "configuration": Reader(
        f"{_HERE}:read_config", (ConfigError,), ("calo4pqvae.config.reading",)
    ),
    "stack": Reader(
        f"{_HERE}:read_stack",
        (ConfigError, GeometryError),
        ("calo4pqvae.simulation.stacks",),
    ),
    "metrics": Reader(
        f"{_HERE}:read_metrics",
        (ConfigError,),
        ("calo4pqvae.evaluation.metrics_file", "calo4pqvae.evaluation.report.pages"),
    ),
    "showers to display": Reader(
        "calo4pqvae.evaluation.report.events:read_events", (ConfigError,)
    ),
    "working graph": Reader(
        "calo4pqvae.annealer.chip.working_graph:WorkingGraph.load", (AnnealerError,)
    ),
    "measured temperature": Reader(
        f"{_HERE}:read_temperature",
        (AnnealerError,),
        ("calo4pqvae.annealer.calibration.temperature_file",),
    ),
    "shims of an annealer": Reader(
        f"{_HERE}:read_shims", (AnnealerError,), ("calo4pqvae.annealer.programs.shims",)
    ),
    "file of hits": Reader(
        f"{_HERE}:read_any_showers",
        (ShowerFileError, GeometryError),
        (f"{_FORMATS}.convert", f"{_FORMATS}.sparse"),
    ),
    "file of points": Reader(
        f"{_HERE}:read_any_showers", (ShowerFileError, GeometryError), (f"{_FORMATS}.points",)
    ),
    "ROOT file": Reader(
        f"{_HERE}:read_any_showers",
        (ShowerFileError, GeometryError, MissingExtraError),
        (f"{_FORMATS}.root",),
    ),
    "job of shards": Reader(
        f"{_HERE}:read_shards", (OutputError, ConfigError), ("calo4pqvae.shards.folder",)
    ),
    "manifest of shards": Reader(
        f"{_HERE}:read_manifest", (OutputError,), ("calo4pqvae.shards.ledger",)
    ),
    "journal": Reader(f"{_HERE}:read_journal", (JournalError, OutputError)),
    "anything to inspect": Reader(f"{_HERE}:inspect", (*_ALL,), (_INSPECT,)),
}
"""Every reader by the name of what it reads."""
