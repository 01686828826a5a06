"""One file of many shards: a virtual one of some kilobytes that points to them, or a copy."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np

from calo4pqvae._core.atomic import check_target, replacing
from calo4pqvae._core.intake.hdf5_layout import MOST_ROWS, MOST_SOURCES
from calo4pqvae.data.opening import INCIDENT_ENERGIES, SHOWERS, sha256_of
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.errors import OutputError
from calo4pqvae.shards.folder import FIRST, SEQUENCE, ShardFolder
from calo4pqvae.shards.ledger import Entry
from calo4pqvae.shards.run import missing_ranges

__all__ = ["PROVENANCE", "Part", "find_parts", "merge"]

PROVENANCE = "shards"
"""Dataset of a merged file: which showers came from which shard, made where and how fast."""

_ROW = np.dtype(
    [
        ("first", "<i8"),
        ("n", "<i8"),
        ("sha256", "S64"),
        ("host", "S64"),
        ("seconds", "<f8"),
    ]
)
_COPIED = 1024


@dataclass(frozen=True)
class Part:
    """A file whose showers go into another.

    Attributes:
        path: the file.
        first, n: which showers it holds.
        sequence: digest of what they depend on.
        sha256: digest of the file.
        host: machine that made it, if that is known.
        seconds: time that it took there [s].
    """

    path: Path
    first: int
    n: int
    sequence: str
    sha256: str
    host: str = ""
    seconds: float = float("nan")


def find_parts(
    paths: Sequence[Path], on_part: Callable[[int], None] = lambda _: None
) -> list[Part]:
    """Find what is to be merged, each part the one that was finished, without a gap.

    Arguments:
        paths: a folder of shards, or shower files that tell which showers they hold.
        on_part: called with 1 for each part that was looked at.

    Raises:
        OutputError: a shard is missing or altered, or the files do not belong together.
    """
    if len(paths) == 1 and paths[0].is_dir():
        return _parts_of(ShardFolder(paths[0]), on_part)
    parts = []
    for path in paths:
        parts.append(_part(path))
        on_part(1)
    parts.sort(key=lambda part: part.first)
    for before, after in pairwise(parts):
        if before.sequence != after.sequence:
            raise OutputError(
                f"{after.path}: is of another sequence of showers than {before.path} (model, "
                "energies, sweeps, seed, program or machine differ); merge files of one"
            )
        if before.first + before.n != after.first:
            what = "overlap" if before.first + before.n > after.first else "have a gap between"
            raise OutputError(
                f"{before.path} and {after.path}: {what} their showers, {before.first} to "
                f"{before.first + before.n - 1} and {after.first} to "
                f"{after.first + after.n - 1}; name each shower's file once"
            )
    return parts


def merge(
    parts: Sequence[Part],
    target: Path,
    *,
    copy: bool = False,
    overwrite: bool = False,
    compression: str = "gzip",
    on_showers: Callable[[int], None] = lambda _: None,
) -> None:
    """Make one file of some, in order, with the provenance of all.

    Arguments:
        parts: see `find_parts`.
        target: the file.
        copy: whether the showers are copied; otherwise they stay where they are.
        overwrite: whether the file may be replaced.
        compression: of the copy.
        on_showers: called with the number of showers just merged.

    Raises:
        OutputError: the file cannot be written, would be larger than any that is read, or a
            part does not lie in its folder or below, so that nobody would follow it there.
    """
    check_target(target, overwrite)
    n = sum(part.n for part in parts)
    if n > MOST_ROWS:
        raise OutputError(
            f"{target}: {n:,} showers are more than a file may hold ({MOST_ROWS:,}); merge "
            "parts of them"
        )
    if copy:
        _copy(parts, target, overwrite, compression, on_showers)
    else:
        _point(parts, target)
        on_showers(n)
    with ShowerFile(target) as file:  # the gate follows all parts
        if len(file) != n:
            raise OutputError(f"{target}: holds {len(file)} showers in place of {n}")


def _parts_of(folder: ShardFolder, on_part: Callable[[int], None]) -> list[Part]:
    state = folder.state(on_part)
    if state.missing:
        numbers = [shard.number for shard in state.missing]
        raise OutputError(
            f"{folder.path}: {len(numbers)} of {folder.job.plan.count} shards are missing or "
            f"altered (number {missing_ranges(numbers)}); make them with the words that made "
            "the others"
        )
    return [_finished(folder, entry) for entry in state.finished]


def _finished(folder: ShardFolder, entry: Entry) -> Part:
    return Part(
        folder.shard_path(entry.shard),
        entry.first,
        entry.n,
        entry.sequence,
        entry.sha256,
        entry.host,
        entry.seconds,
    )


def _part(path: Path) -> Part:
    with ShowerFile(path) as file:
        attrs, n = file.attrs, len(file)
    first, sequence = attrs.get(FIRST), attrs.get(SEQUENCE)
    if not isinstance(first, int) or not isinstance(sequence, str):
        raise OutputError(
            f"{path}: does not say which showers of which sequence it holds (attributes "
            f"{FIRST} and {SEQUENCE}); only generated files and shards can be merged"
        )
    return Part(path, first, n, sequence, sha256_of(path))


def _point(parts: Sequence[Part], target: Path) -> None:
    """Write a file whose arrays lie in others."""
    if len(parts) > MOST_SOURCES:
        raise OutputError(
            f"{target}: {len(parts)} parts are more than a virtual file may have "
            f"({MOST_SOURCES}); copy their showers",
            remedy="copy",
        )
    home = Path(os.path.realpath(target)).parent
    names = []
    for part in parts:
        place = Path(os.path.realpath(part.path))
        if not place.is_relative_to(home):
            raise OutputError(
                f"{target}: {part.path} lies outside its folder, where a virtual file may not "
                "point; write it beside or above the shards, or copy their showers",
                remedy="copy",
            )
        names.append(str(place.relative_to(home)))
    n = sum(part.n for part in parts)
    with ShowerFile(parts[0].path) as first:
        geometry, attrs, columns = first.geometry, first.attrs, first.columns()
    rows = {
        INCIDENT_ENERGIES: (1,),
        SHOWERS: (geometry.n_voxels,),
        **dict.fromkeys(columns, ()),
    }
    with replacing(target) as file_path, h5py.File(file_path, "w", locking=False) as merged:
        merged.attrs.update({**attrs, "geometry": json.dumps(geometry.to_dict())})
        merged.create_dataset(PROVENANCE, data=_table(parts))
        for array, row in rows.items():
            layout, begin = h5py.VirtualLayout((n, *row), "f4"), 0
            for name, part in zip(names, parts, strict=True):
                source = h5py.VirtualSource(name, array, (part.n, *row), "f4")
                layout[begin : begin + part.n] = source
                begin += part.n
            merged.create_virtual_dataset(array, layout)


def _copy(
    parts: Sequence[Part],
    target: Path,
    overwrite: bool,
    compression: str,
    on_showers: Callable[[int], None],
) -> None:
    """Write a file that holds everything."""
    with ShowerFile(parts[0].path) as first:
        geometry, attrs = first.geometry, first.attrs
    with ShowerWriter(target, geometry, attrs, overwrite, compression) as writer:
        for part in parts:
            with ShowerFile(part.path, geometry) as file:
                names = file.columns()
                columns = {name: np.asarray(file.column(name)) for name in names}
                for start in range(0, len(file), _COPIED):
                    rows = slice(start, min(start + _COPIED, len(file)))
                    mine = {name: values[rows] for name, values in columns.items()}
                    writer.append(file.e_inc(rows), file.showers(rows), **mine)
                    on_showers(rows.stop - rows.start)
        writer.add_table(PROVENANCE, _table(parts))


def _table(parts: Sequence[Part]) -> np.ndarray:
    rows = [(p.first, p.n, p.sha256, p.host, p.seconds) for p in parts]
    return np.array(rows, dtype=_ROW)
