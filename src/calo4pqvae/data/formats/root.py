"""ROOT files of hits, by uproot: a TTree, or an RNTuple for ROOT 6.34 and newer.

The object ``showers`` has ``incident_energy`` and the jagged ``hits`` with ``voxel`` and
``energy`` (branches ``hits_voxel`` and ``hits_energy`` of a tree); the string ``description``
says units, order and geometry.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np

from calo4pqvae._core.atomic import replacing
from calo4pqvae._core.intake import parsing, regular_file
from calo4pqvae._core.intake.child import in_child
from calo4pqvae._core.intake.hdf5_layout import MOST_ROWS
from calo4pqvae._core.optional import require
from calo4pqvae.data.formats.description import read_description, write_description
from calo4pqvae.data.formats.hits import Hits, Source
from calo4pqvae.errors import ShowerFileError

__all__ = ["KIND", "open_root", "write_root"]

KIND = "calo4pqvae hits in ROOT 1"
SHOWERS, DESCRIPTION, INCIDENT = "showers", "description", "incident_energy"
EXTRA = "root"

_AT_ONCE = 4096
"""Showers of a basket or cluster, some 20 MB of hits: ROOT reads few large ones fastest."""


def write_root(source: Source, path: Path, kind: Literal["ttree", "rntuple"]) -> None:
    """Write showers, whole or not at all, replacing what was there.

    Raises:
        MissingExtraError: uproot or awkward is not installed.
    """
    uproot, ak = require("uproot", EXTRA), require("awkward", EXTRA)
    with replacing(path) as part, uproot.recreate(part) as file:
        file[DESCRIPTION] = write_description(KIND, source.geometry, source.attrs)
        begun: list[Any] = []
        for hits in source.chunks(_AT_ONCE):
            rows = _rows(ak, hits)
            if kind == "ttree" and not begun:
                types = {name: rows[name].type.content for name in rows}
                begun.append(file.mktree(SHOWERS, types))
            given = rows if kind == "ttree" else ak.zip(rows, depth_limit=1)
            if begun:
                begun[0].extend(given)
            else:
                begun.append(file.mkrntuple(SHOWERS, given))


@contextmanager
def open_root(path: Path) -> Iterator[Source]:
    """Open such a file.

    Raises:
        ShowerFileError: it is none, or damaged.
        MissingExtraError: uproot or awkward is not installed.
    """
    uproot, ak = require("uproot", EXTRA), require("awkward", EXTRA)
    regular_file(path, "ROOT file", ShowerFileError)
    # What a damaged file makes of its reader happens to a child first.
    in_child(lambda: _look(uproot, ak, path), str(path), ShowerFileError)
    with parsing(path, "ROOT file of showers", ShowerFileError), uproot.open(path) as file:
        n, names, text = _head(path, file)
        geometry, attrs = read_description(path, text, KIND)

        def chunks(size: int) -> Iterator[Hits]:
            for start in range(0, n, size):
                with parsing(path, "ROOT file of showers", ShowerFileError):
                    hits = _read(ak, file, names, start, min(start + size, n))
                yield hits

        yield Source(geometry, attrs, n, names, chunks)


def _rows(ak: Any, hits: Hits) -> dict[str, Any]:
    """Showers as awkward arrays; the numbers are not copied."""
    ends = ak.index.Index64(np.concatenate([[0], np.cumsum(hits.counts)]))
    parts = [ak.contents.NumpyArray(part) for part in (hits.voxel, hits.energy)]
    records = ak.contents.RecordArray(parts, ["voxel", "energy"])
    jagged = ak.Array(ak.contents.ListOffsetArray(ends, records))
    columns = {name: ak.Array(values) for name, values in hits.columns.items()}
    return {INCIDENT: ak.Array(hits.e_inc[:, 0]), "hits": jagged, **columns}


def _head(path: Path, file: Any) -> tuple[int, tuple[str, ...], str]:
    """Number of showers, names of columns, description."""
    showers = file[SHOWERS]
    if showers.num_entries > MOST_ROWS:
        raise ShowerFileError(f"{path}: has more than {MOST_ROWS:,} showers; write several")
    known = {INCIDENT, "nhits", "hits", "hits_voxel", "hits_energy"}
    names = tuple(
        k for k in list(showers.keys()) if k not in known and not k.startswith("hits.")
    )
    return int(showers.num_entries), names, str(file[DESCRIPTION])


def _read(ak: Any, file: Any, names: tuple[str, ...], start: int, stop: int) -> Hits:
    """Read some showers."""
    showers = file[SHOWERS]
    tree = "hits_voxel" in set(showers.keys())
    wanted = ["hits_voxel", "hits_energy"] if tree else ["hits"]
    found = showers.arrays([INCIDENT, *wanted, *names], entry_start=start, entry_stop=stop)
    voxel, energy = (
        found[f"hits_{part}"] if tree else found["hits"][part] for part in ("voxel", "energy")
    )
    counts = ak.to_numpy(ak.num(voxel)).astype(np.int64)
    if (counts != ak.to_numpy(ak.num(energy))).any():
        raise ValueError("a shower has other numbers of voxels and energies")
    return Hits(
        np.asarray(ak.to_numpy(found[INCIDENT]), np.float32)[:, None],
        counts,
        ak.to_numpy(ak.flatten(voxel)),
        np.asarray(ak.to_numpy(ak.flatten(energy)), np.float32),
        {name: np.asarray(ak.to_numpy(found[name]), np.float32) for name in names},
    )


def _look(uproot: Any, ak: Any, path: Path) -> int:
    with uproot.open(path) as file:
        n, names, _ = _head(path, file)
        _read(ak, file, names, 0, min(n, 8))
        return n
