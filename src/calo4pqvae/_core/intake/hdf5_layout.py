"""Judge how a dataset of HDF5 is stored, before a number of it is read.

HDF5 gives zeros in silence for what was never written and for sources that are gone, and
reserves memory for whatever size a file declares.
"""

from contextlib import ExitStack, suppress
from importlib import import_module
from itertools import product
from math import ceil, prod
from pathlib import Path

import h5py

from calo4pqvae._core.intake.child import allow
from calo4pqvae._core.intake.files import regular_file
from calo4pqvae._core.intake.hdf5_file import find_item, inside, open_file
from calo4pqvae._core.intake.parsing import one_line
from calo4pqvae.errors import ShowerFileError

__all__ = ["FILTER_LIBRARY", "LARGEST_CHUNK", "MOST_ROWS", "check_layout"]

MOST_ROWS = 2**24
"""Showers of one file; all their incident energies are kept in memory (64 MiB of float32)."""

LARGEST_CHUNK = 2**27
"""Bytes of a decompressed chunk (128 MiB), read as a whole; h5py's own choice is 1 MiB."""

MOST_SOURCES = 4096
"""Sources of a virtual dataset, each a file to open."""

SECONDS_OF_A_SOURCE = 0.01
"""Computing time that a source may take; it takes some milliseconds."""

DEEPEST = 4
"""Virtual datasets made of virtual datasets."""

FILTERS = {
    307: "bzip2", 32000: "LZF", 32001: "Blosc", 32004: "LZ4", 32008: "bitshuffle", 32013: "ZFP",
    32015: "Zstandard", 32017: "SZ", 32026: "Blosc2", 32024: "SZ3", 32028: "SPERR",
}  # fmt: skip
"""Numbers that the HDF Group gave to compression filters."""


FILTER_LIBRARY = "hdf5plugin"
"""Brings the filters of others, once it is imported."""


def check_layout(dataset: h5py.Dataset, folders: tuple[Path, ...], depth: int = 0) -> bool:
    """Refuse a dataset that declares more than it holds, or whose parts are not there.

    Arguments:
        dataset: rows of numbers.
        folders: folders in which files may lie that it takes data from.
        depth: how many virtual datasets lead here.

    Returns:
        Whether all its numbers lie in its own file.

    Raises:
        ShowerFileError: it holds no array of numbers, too many rows, chunks that are too large,
            compressed with an unknown filter, damaged or never written, or sources that are
            missing, too short, or outside the folders.
    """
    where = _where(dataset)
    if dataset.shape is None or dataset.ndim == 0 or dataset.dtype.kind not in "fiu":
        raise ShowerFileError(
            f"{where} holds {one_line(dataset.dtype)} of shape {dataset.shape}; store an array "
            "of numbers, float32 for choice"
        )
    if dataset.shape[0] > MOST_ROWS:
        raise ShowerFileError(
            f"{where} declares {dataset.shape[0]:,} rows; a file has at most {MOST_ROWS:,}, "
            "write several"
        )
    plan = dataset.id.get_create_plist()
    layout = plan.get_layout()
    if layout == h5py.h5d.VIRTUAL:
        _check_sources(dataset, folders, depth)
        return False
    if plan.get_external_count():
        _check_raw_files(dataset, folders)
        return False
    if layout == h5py.h5d.CHUNKED:
        _check_filters(dataset)
        _check_chunks(dataset)
    elif layout == h5py.h5d.CONTIGUOUS and dataset.size:
        if dataset.id.get_offset() is None:
            raise ShowerFileError(f"{where} was laid out but never written; write it again")
        _check_end(dataset, dataset.id.get_offset(), dataset.nbytes)
    return True


def _where(dataset: h5py.Dataset) -> str:
    return f"{one_line(dataset.file.filename)}: {one_line(dataset.name)}"


def _check_end(dataset: h5py.Dataset, offset: int, size: int) -> None:
    """Refuse bytes beyond the end of the file, before memory is taken for them."""
    end = Path(dataset.file.filename).stat().st_size
    if offset + size > end:
        raise ShowerFileError(
            f"{_where(dataset)} declares {size:,} bytes from byte {offset:,} on, and the file "
            f"has {end:,}; it is damaged, copy or write it again"
        )


def _check_filters(dataset: h5py.Dataset) -> None:
    plan = dataset.id.get_create_plist()
    for number in range(plan.get_nfilters()):
        code, _, _, name = plan.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            with suppress(Exception):  # brings its filters along where it is installed
                import_module(FILTER_LIBRARY)
        if not h5py.h5z.filter_avail(code):
            known = FILTERS.get(code) or one_line(name.decode(errors="replace")) or "unknown"
            raise ShowerFileError(
                f"{_where(dataset)} is compressed with filter {code} ({known}), which is not "
                "here; install it with 'pip install hdf5plugin'"
            )


def _check_chunks(dataset: h5py.Dataset) -> None:
    """Refuse chunks that are too large, beyond the file's end, or were never written."""
    shape, chunks, where = dataset.shape, dataset.chunks or (), _where(dataset)
    n_bytes = prod(chunks) * dataset.dtype.itemsize
    if n_bytes > LARGEST_CHUNK:
        raise ShowerFileError(
            f"{where} is stored in chunks of {n_bytes:,} bytes; write it again with chunks of "
            f"at most {LARGEST_CHUNK:,}, such as 256 showers (h5repack -l CHUNK)"
        )
    counts = [ceil(n / m) for n, m in zip(shape, chunks, strict=True)]
    present: list[tuple[int, ...]] = []
    worst: list[tuple[int, int]] = []

    def enter(info: h5py.h5d.StoreInfo) -> None:
        present.append(info.chunk_offset)
        end = (info.byte_offset + info.size, info.size)
        if not worst or end > worst[0]:
            worst[:] = [end]

    if prod(counts) > Path(dataset.file.filename).stat().st_size:
        raise ShowerFileError(
            f"{where} declares {prod(counts):,} chunks, more than the file has bytes; its rows "
            "were reserved but never written, write it again with the rows that exist"
        )
    if prod(counts) and dataset.id.get_num_chunks():
        dataset.id.chunk_iter(enter)
    if worst:
        _check_end(dataset, worst[0][0] - worst[0][1], worst[0][1])
    inside_shape = {c for c in present if all(a < n for a, n in zip(c, shape, strict=True))}
    if len(inside_shape) < prod(counts):
        starts = product(*(range(0, n, m) for n, m in zip(shape, chunks, strict=True)))
        first = next(start[0] for start in starts if start not in inside_shape)
        lost = prod(counts) - len(inside_shape)
        raise ShowerFileError(
            f"{where}: {lost} of {prod(counts)} chunks, the first from row {first} on, were "
            "reserved but never written and would read as zeros; write it again with the rows "
            "that exist"
        )


def _check_raw_files(dataset: h5py.Dataset, folders: tuple[Path, ...]) -> None:
    """See that the files with a dataset's numbers are there and long enough."""
    plan, owner, held = dataset.id.get_create_plist(), Path(dataset.file.filename), 0
    for number in range(plan.get_external_count()):
        name, offset, size = plan.get_external(number)
        place = inside(name.decode(errors="replace"), owner, folders, one_line(dataset.name))
        there = regular_file(place, "raw data", ShowerFileError).st_size
        held += max(0, min(size, there - offset))
    if held < dataset.nbytes:
        raise ShowerFileError(
            f"{_where(dataset)} needs {dataset.nbytes:,} bytes of raw files, which hold "
            f"{held:,}; copy them again, what is missing would read as zeros"
        )


def _holds(source: h5py.Dataset, wanted: h5py.h5s.SpaceID, n_wanted: int) -> bool:
    """Whether a source has the numbers that are taken from it."""
    if wanted.get_select_type() == h5py.h5s.SEL_ALL:
        return prod(source.shape) >= n_wanted
    last = wanted.get_select_bounds()[1]
    return len(last) == source.ndim and all(
        place < n for place, n in zip(last, source.shape, strict=True)
    )


def _check_sources(dataset: h5py.Dataset, folders: tuple[Path, ...], depth: int) -> None:
    """See that the sources of a virtual dataset are there, large enough, and fill it."""
    where, owner = _where(dataset), Path(dataset.file.filename)
    sources = dataset.virtual_sources()
    if depth == DEEPEST or len(sources) > MOST_SOURCES:
        raise ShowerFileError(
            f"{where} is made of more than {DEEPEST} levels or {MOST_SOURCES} sources; write "
            "one file that holds everything (h5repack)"
        )
    if depth == 0:
        allow(SECONDS_OF_A_SOURCE * len(sources))
    filled = 0
    for vspace, file_name, name, wanted in sources:
        if "%" in file_name:
            raise ShowerFileError(f"{where} has an open number of sources; write one file")
        with ExitStack() as opened:
            file = dataset.file
            if file_name != ".":
                file = opened.enter_context(open_file(inside(file_name, owner, folders, name)))
            source = find_item(file, name, folders, opened)
            if not isinstance(source, h5py.Dataset):
                raise ShowerFileError(
                    f"{where} takes rows from {one_line(name)} of {one_line(file_name)}, which "
                    "is not there; copy the right file there, the rows would read as zeros"
                )
            check_layout(source, folders, depth + 1)
            if not _holds(source, wanted, vspace.get_select_npoints()):
                raise ShowerFileError(
                    f"{where} takes more from {one_line(file_name)} than its {source.shape}; "
                    "what is missing would read as zeros, make the virtual dataset again"
                )
        filled += vspace.get_select_npoints()
    if filled < prod(dataset.shape):
        raise ShowerFileError(
            f"{where}: its sources fill {filled:,} of {prod(dataset.shape):,} numbers, the "
            "rest would read as zeros; make the virtual dataset again with the rows that exist"
        )
