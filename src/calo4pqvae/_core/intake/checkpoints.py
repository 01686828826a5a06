"""Checkpoints from outside (torch's zip files), judged before torch reads them.

The records are checked against their CRC, which torch writes but does not read. What the pickle
declares is read by an unpickler that can call nothing: a tensor must lie inside its record.
"""

import io
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZIP_STORED, BadZipFile, ZipFile

from calo4pqvae._core.intake.files import regular_file
from calo4pqvae._core.intake.parsing import one_line, parsing
from calo4pqvae.errors import CheckpointError

__all__ = ["read_tensors"]

LONGEST_PICKLE = 2**24
"""Bytes of the part that is no tensor: names, counters, settings."""

WIDTH = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2,
    "LongStorage": 8, "IntStorage": 4, "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1,
    "BoolStorage": 1, "UntypedStorage": 1, "UInt64Storage": 8, "UInt32Storage": 4,
    "UInt16Storage": 2,
}  # fmt: skip
"""Bytes of a number in each kind of storage."""


class _Storage(NamedTuple):
    """What the pickle declares of a record."""

    width: int
    numbers: int


def read_tensors(path: Path) -> dict[str, Any]:
    """Read a dictionary of tensors and plain values, without running any code from it.

    Raises:
        CheckpointError: the file is missing, damaged, or holds anything else.
    """
    import torch

    size = regular_file(path, "checkpoint", CheckpointError).st_size
    advice = "put back a copy, or remove the run and start again"
    with parsing(path, "checkpoint", CheckpointError, advice):
        with ZipFile(path) as archive:
            _check_records(archive, size)
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, dict):
            raise TypeError("it holds no dictionary")
        for name, value in _tensors(state, ""):
            if value.is_floating_point() and not bool(torch.isfinite(value).all()):
                raise ValueError(f"{one_line(name)} holds numbers that are NaN or infinite")
    return state


def _tensors(found: Any, name: str) -> Iterator[tuple[str, Any]]:
    """All tensors in nested dictionaries and lists, with the keys that lead there."""
    if isinstance(found, Mapping):
        for key, value in found.items():
            yield from _tensors(value, f"{name}.{key}".lstrip("."))
    elif isinstance(found, list | tuple):
        for place, value in enumerate(found):
            yield from _tensors(value, f"{name}[{place}]")
    elif hasattr(found, "is_floating_point"):
        yield name, found


def _check_records(archive: ZipFile, size: int) -> None:
    """Compare all that is declared with the bytes that are there."""
    infos = archive.infolist()
    if any(info.compress_type != ZIP_STORED for info in infos):
        raise BadZipFile("a record is compressed, which torch does not write")
    if sum(info.file_size for info in infos) > size:
        raise BadZipFile("its records declare more bytes than the file has")
    sizes = {info.filename.partition("/")[2]: info.file_size for info in infos}
    if len(sizes) < len(infos):
        raise BadZipFile("two records have the same name")
    if sizes["data.pkl"] > LONGEST_PICKLE:
        raise BadZipFile(f"it declares {sizes['data.pkl']:,} bytes of settings")
    broken = archive.testzip()
    if broken is not None:
        raise BadZipFile(f"{broken} has changed")
    whole = next(info for info in infos if info.filename.partition("/")[2] == "data.pkl")
    content = archive.read(whole)
    _check_places(content)
    _Judge(content, sizes).load()


def _check_places(content: bytes) -> None:
    """Refuse a place of the memo beyond what the pickle can fill.

    The unpickler makes room for all places up to the one that is named, some bytes for each.
    """
    for code, argument, _ in pickletools.genops(content):
        if (
            code.name in {"PUT", "BINPUT", "LONG_BINPUT"}
            and argument is not None
            and argument >= len(content)
        ):
            raise pickle.UnpicklingError(f"it keeps a value at place {argument:,}")


class _Judge(pickle.Unpickler):
    """Walks a pickle without calling anything that it names.

    Arguments:
        content: the pickle.
        sizes: bytes of each record.
    """

    def __init__(self, content: bytes, sizes: dict[str, int]) -> None:
        super().__init__(io.BytesIO(content))
        self._sizes = sizes

    def find_class(self, module_name: str, global_name: str) -> Any:
        """Stand in for the few names that tensors and plain values need."""
        known: dict[tuple[str, str], Callable[..., Any]] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _check_tensor,
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
            ("torch", "Size"): tuple,
        }
        if (module_name, global_name) in known:
            return known[module_name, global_name]
        if module_name in {"torch", "torch.storage"} and global_name in WIDTH:
            return WIDTH[global_name]
        raise pickle.UnpicklingError(f"it names {module_name}.{global_name}")

    def persistent_load(self, pid: Any) -> _Storage:
        """Look at a record of a tensor's numbers."""
        kind, width, key, _, numbers = pid
        there = self._sizes[f"data/{key}"]
        if kind != "storage" or not 0 <= numbers * width <= there:
            raise pickle.UnpicklingError(f"the record {key} is shorter than it declares")
        return _Storage(width, numbers)


def _check_tensor(storage: _Storage, offset: int, shape: Any, strides: Any, *_: Any) -> None:
    """Refuse a tensor that reaches beyond its record, or repeats numbers of it."""
    last = sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    values = [offset, *shape, *strides]
    if min(values) < 0 or (prod(shape) and offset + last >= storage.numbers):
        raise pickle.UnpicklingError("a tensor reaches beyond its record")
    if prod(shape) > storage.numbers:
        raise pickle.UnpicklingError("a tensor declares more numbers than its record has")
