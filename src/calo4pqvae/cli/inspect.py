"""`calo4pqvae inspect`: tell what is in a file or folder that the package reads or writes."""

import argparse
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calo4pqvae.cli.inputs import RULES_OF_GEOMETRY, add_geometry, read_geometry
from calo4pqvae.cli.options import Rule
from calo4pqvae.errors import Calo4pQVAEError, ConfigError

if TYPE_CHECKING:
    from calo4pqvae.data.shower_file import ShowerFile
    from calo4pqvae.geometry import CylindricalGeometry

__all__ = ["HELP", "add_arguments", "run"]

HELP = "tell what is in a shower file, a split, a binning, a run or a model"

Facts = Iterator[tuple[str, object]]

KINDS = (
    "a shower file (HDF5), a split manifest or metrics (JSON), a binning (XML), weights "
    "(safetensors), a run folder or a model folder"
)

SHOWER_SUFFIXES = {".h5", ".hdf5"}
OTHER_SUFFIXES = {".json", ".jsonl", ".xml", ".safetensors"}

RULES = (
    *RULES_OF_GEOMETRY,
    Rule(
        ("binning", "particle", "threshold_kev"),
        lambda args: not args.file.is_dir() and args.file.suffix.lower() not in OTHER_SUFFIXES,
        "for what holds no showers; leave it out",
    ),
)
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `inspect`."""
    parser.add_argument("file", type=Path, metavar="FILE", help=f"one of: {KINDS}")
    add_geometry(parser)


def run(args: argparse.Namespace) -> int:
    """Print what the file holds, one fact a line."""
    from calo4pqvae._core.intake import printable

    for name, value in describe(args.file, read_geometry(args)):
        print(f"{printable(name) + ':':<26} {printable(value)}")
    return 0


def describe(
    path: Path, geometry: "CylindricalGeometry | None" = None
) -> list[tuple[str, object]]:
    """Find out what a file or folder holds.

    Arguments:
        path: the file or folder.
        geometry: cylinder of a shower file that does not describe its own.

    Raises:
        Calo4pQVAEError: it is damaged, or of no kind that is known here.
    """
    from calo4pqvae._core.intake import parsing

    with parsing(path, "file to inspect", Calo4pQVAEError):
        return list(_describe(path, geometry))


def _describe(path: Path, geometry: "CylindricalGeometry | None") -> Facts:
    """Find out what kind of thing the path is, and describe that."""
    from calo4pqvae._core.intake import read_part

    if path.is_dir():
        return _describe_folder(path)
    suffix, start = path.suffix.lower(), b""
    if suffix not in SHOWER_SUFFIXES:
        start = read_part(path, "file to inspect", 4096).lstrip()
    if suffix in SHOWER_SUFFIXES or start.startswith(HDF5_SIGNATURE):
        return _describe_showers(path, geometry)
    if suffix == ".safetensors":
        return _describe_weights(path)
    if start.startswith(b"<"):
        return _describe_binning(path)
    if start.startswith(b"{"):
        return _describe_json(path)
    raise _unknown(path)


def _unknown(path: Path) -> ConfigError:
    return ConfigError(f"{path}: not known here; give {KINDS}")


def _describe_folder(folder: Path) -> Facts:
    """A run (settings, log, checkpoints, model) or a model (settings, weights)."""
    if not (folder / "config.json").is_file():
        raise _unknown(folder)
    is_run = (folder / "log.jsonl").exists() or (folder / "checkpoints").is_dir()
    if not is_run and not (folder / "model.safetensors").is_file():
        raise _unknown(folder)
    yield "kind", "run folder" if is_run else "model folder"
    yield from _describe_description(_read_json(folder / "config.json"))
    for weights in (folder / "model.safetensors", folder / "model" / "model.safetensors"):
        if weights.is_file():
            yield from _describe_weights(weights)
    if is_run:
        yield from _describe_progress(folder)


def _describe_description(content: dict[str, Any]) -> Facts:
    """What ``config.json`` of a run or model says, the long parts in a line each."""
    settings, graph = content.pop("config", {}), content.pop("graph", None)
    geometry, files = content.pop("geometry", None), content.pop("files", [])
    with suppress(KeyError, TypeError):
        if graph is not None:
            nodes = " + ".join(map(str, graph["sizes"]))
            yield "graph", f"{graph['lattice']}, {nodes} nodes, {len(graph['edges'])} couplers"
    with suppress(KeyError, TypeError):
        if geometry is not None:
            from calo4pqvae.geometry import CylindricalGeometry

            yield "geometry", _sketch(CylindricalGeometry.from_dict(geometry))
    with suppress(KeyError, TypeError):
        for file in files:
            yield "showers", f"{file['name']}, {file['showers']} of them"
    yield from _leaves({**content, **settings})


def _describe_progress(run: Path) -> Facts:
    """How far a run has come: its checkpoints and the last record of its log."""
    from calo4pqvae.training.log import read_log

    checkpoints = sorted(entry.name for entry in (run / "checkpoints").glob("*"))
    yield "checkpoints", ", ".join(checkpoints) or "none"
    log = run / "log.jsonl"
    records, damaged = read_log(log) if log.is_file() else ([], [])
    yield from _leaves({"last record": records[-1] if records else "none"})
    if damaged:
        yield "damaged lines of the log", ", ".join(map(str, damaged))


def _describe_weights(path: Path) -> Facts:
    """Count the numbers in a safetensors file from its header alone."""
    from calo4pqvae._core.intake.weights import read_header

    tensors = read_header(path).values()
    sizes = [math.prod(t.shape) for t in tensors if t.dtype.startswith(("F", "BF"))]
    megabytes = path.stat().st_size / 1e6
    yield "weights", f"{sum(sizes):,} parameters in {len(sizes)} tensors, {megabytes:.1f} MB"


def _describe_json(path: Path) -> Facts:
    content = _read_json(path)
    if {"protocol", "train", "validation", "test"} <= content.keys():
        return _describe_split(path)
    if "schema" in content and ({"reference", "n_reference"} & content.keys()):
        return _describe_metrics(path)
    raise _unknown(path)


def _describe_split(path: Path) -> Facts:
    from calo4pqvae.data.splits import Split

    split = Split.load(path)
    yield "kind", "split manifest"
    yield "protocol", split.protocol
    yield "seed", split.seed
    for name in ("train", "validation", "test"):
        yield name, f"{len(getattr(split, name))} showers"


def _describe_metrics(path: Path) -> Facts:
    """The numbers of an evaluation or a comparison with their errors, those that have one."""
    from calo4pqvae._core.intake import parsing
    from calo4pqvae.evaluation.metrics_file import read_metrics

    content = read_metrics(path)
    with parsing(path, "set of metrics", ConfigError):
        blocks = content.get("systems", {"": content.get("generated")})
        yield "kind", "metrics"
        for name, block in blocks.items():
            sizes = f"{block['n']} generated, {content['reference']['n']} reference"
            yield f"showers {name}".strip(), sizes
            for key, entry in block["metrics"].items():
                if entry["value"] is not None:
                    verdict = entry["verdict"] or ""
                    words = f"{entry['value']:.4g} +- {entry['error'] or 0:.2g}  {verdict}"
                    yield f"{key} {name}".strip(), words


def _read_json(path: Path) -> dict[str, Any]:
    from calo4pqvae._core.intake import read_json

    content = read_json(path, "description")
    if not isinstance(content, dict):
        raise _unknown(path)
    return content


def _leaves(content: Mapping[str, Any], prefix: str = "") -> Facts:
    """Flatten nested settings to dotted names; long lists are only counted."""
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{name}.")
        elif isinstance(value, list) and len(str(value)) > 60:
            yield name, f"<{len(value)} entries>"
        else:
            yield name, value


def _describe_binning(path: Path) -> Facts:
    """The challenge's binning XML: one calorimeter per particle."""
    from calo4pqvae.geometry import CylindricalGeometry, particles_of

    particles = particles_of(path)
    yield "kind", "binning"
    for particle in particles:
        yield f"geometry of {particle}", _sketch(CylindricalGeometry.from_xml(path, particle))


def _sketch(geometry: "CylindricalGeometry") -> str:
    """The calorimeter in one line."""
    if geometry.is_regular:
        layers, n_alpha, n_r = geometry.shape
        cells = f"{layers} layers x {n_alpha} alpha x {n_r} r = {geometry.n_voxels} voxels"
    else:
        cells = f"{geometry.n_layers} unlike layers, {geometry.n_voxels} voxels"
    radius = max(layer.r_edges[-1] for layer in geometry.layers)
    return f"{cells}, radius {radius:g} mm"


def _describe_showers(path: Path, geometry: "CylindricalGeometry | None") -> Facts:
    """Contents of a shower file; the energies are read once, in chunks."""
    from calo4pqvae.data.shower_file import ShowerFile
    from calo4pqvae.units import keV

    with ShowerFile(path, geometry) as showers:
        yield "kind", "shower file"
        yield "showers", len(showers)
        yield "geometry", _sketch(showers.geometry)
        yield "readout threshold", f"{showers.geometry.threshold / keV:.4g} keV"
        yield from _measure(showers)
        for name, value in showers.attrs.items():
            yield f"attribute {name}", value


def _measure(file: "ShowerFile") -> Facts:
    """Range of the incident energies and the plainest means over all showers."""
    from calo4pqvae.cli.console import progress
    from calo4pqvae.data.summary import summarise
    from calo4pqvae.units import GeV, keV

    with progress(len(file), "showers read") as bar:
        found = summarise(file, bar.advance)
    yield "incident energy", f"{found.lowest / GeV:.4g} to {found.highest / GeV:.4g} GeV"
    yield "mean response", f"{found.response:.4f}"
    yield "mean sparsity", f"{found.sparsity:.4f}"
    if found.hits:
        yield "smallest hit", f"{found.smallest / keV:.4g} keV"
    yield "hits below threshold", f"{found.faint} of {found.hits}"
