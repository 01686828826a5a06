"""Weights from outside (safetensors): header judged against the file, every number finite."""

import os
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from calo4pqvae._core.intake.files import read_part, regular_file
from calo4pqvae._core.intake.json_files import parse_json
from calo4pqvae._core.intake.parsing import one_line, parsing
from calo4pqvae.errors import CheckpointError

__all__ = ["Declared", "read_header", "read_weights"]

LONGEST_HEADER = 2**23
"""Bytes of the header; 8 MiB describe some 50,000 tensors."""

WIDTH = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2,
    "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8,
}  # fmt: skip
"""Bytes of a number of each type."""


class Declared(NamedTuple):
    """What a file says of one tensor."""

    dtype: str
    shape: tuple[int, ...]


def read_header(path: Path) -> dict[str, Declared]:
    """Read names, types and shapes of all tensors, from the header alone.

    Raises:
        CheckpointError: the header is damaged, or declares other sizes than the file has.
    """
    size = regular_file(path, "file of weights", CheckpointError).st_size
    with parsing(path, "file of weights (safetensors)", CheckpointError):
        what, error = "header of weights", CheckpointError
        start = read_part(path, what, 8, error=error)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > min(size - 8, LONGEST_HEADER):
            raise ValueError(f"its header declares {length:,} bytes of {size:,}")
        text = read_part(path, what, 8 + length, error=error)[8:]
        content = parse_json(text, path, what, error=error)
        content.pop("__metadata__", None)
        found, ends = {}, []
        for name, entry in content.items():
            declared = Declared(str(entry["dtype"]), tuple(map(_whole, entry["shape"])))
            start, end = map(_whole, entry["data_offsets"])
            if end - start != prod(declared.shape) * WIDTH[declared.dtype]:
                raise ValueError(f"{one_line(name)} declares other sizes than its bytes have")
            ends.append((start, end))
            found[name] = declared
        ends.sort()
        places = [0, *(end for _, end in ends)]
        if [start for start, _ in ends] != places[:-1] or places[-1] != size - 8 - length:
            raise ValueError("its tensors do not fill the file, it is cut off or too long")
    return found


def read_weights(
    path: Path, wanted: Mapping[str, Any], later: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Read the tensors of a model and nothing else.

    Numbers that are stored in half precision where the model has float32 are widened.

    Arguments:
        path: the file.
        wanted: tensors as the model has them, such as its `state_dict`; on the device ``meta``,
            so that nothing is reserved for what a damaged description declares.
        later: beginnings of names of tensors that an earlier version did not write; a file
            may lack all of one beginning.

    Returns:
        The tensors by name, on the CPU.

    Raises:
        CheckpointError: naming the tensor that is missing, unknown, of another type or shape,
            or holds NaN or infinity.
    """
    import torch
    from safetensors.torch import load_file

    header = read_header(path)
    absent = tuple(b for b in later if not any(name.startswith(b) for name in header))
    wanted = {name: value for name, value in wanted.items() if not name.startswith(absent)}
    for name in sorted({*wanted, *header}):
        if name not in wanted or name not in header:
            what = "an unknown" if name in header else "no"
            raise CheckpointError(
                f"{path}: has {what} tensor {one_line(name)}; it belongs to another model"
            )
        there, mine = header[name], wanted[name]
        fits = _torch_name(there.dtype) == str(mine.dtype) or (
            there.dtype == "F16" and mine.dtype == torch.float32
        )
        if there.shape != tuple(mine.shape) or not fits:
            raise CheckpointError(
                f"{path}: its tensor {name} is {there.dtype} of shape {there.shape}, the model "
                f"needs {str(mine.dtype).removeprefix('torch.')} of shape {tuple(mine.shape)}; "
                "it belongs to another model"
            )
    with parsing(path, "file of weights (safetensors)", CheckpointError):
        found = load_file(os.fspath(path))
    for name, value in found.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            n_bad = int((~torch.isfinite(value)).sum())
            raise CheckpointError(
                f"{path}: its tensor {name} holds {n_bad} numbers that are NaN or infinite; "
                "copy the weights again or train again"
            )
    return {name: value.to(wanted[name].dtype) for name, value in found.items()}


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{one_line(repr(value))} is no size")
    return value


def _torch_name(dtype: str) -> str:
    kind = {"F": "float", "I": "int", "U": "uint"}.get(dtype[0], "")
    names = {"BOOL": "bool", "BF16": "bfloat16"}
    return f"torch.{names.get(dtype, kind + dtype[1:])}"
