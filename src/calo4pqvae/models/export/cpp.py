"""A layered model as C++: one header, one file of weights, examples, and what they mean."""

import hashlib
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from calo4pqvae._core.atomic import replacing, write_json
from calo4pqvae._core.cpp import FLAGS
from calo4pqvae.models.autoregressive.core.binding import SOURCES
from calo4pqvae.models.autoregressive.packing import pack, to_bytes
from calo4pqvae.models.export.card import describe
from calo4pqvae.models.export.layered import layered
from calo4pqvae.models.storage import StoredModel

__all__ = ["CARD", "HEADER", "WEIGHTS", "core_header", "export_cpp"]

HEADER, WEIGHTS, CARD = "calo4pqvae.h", "model.c4pqvae", "model.json"

_INCLUDE = re.compile(r'#include "(.+)"\n')
_BUILD = "-march=native"


def export_cpp(
    stored: StoredModel,
    folder: str | Path,
    *,
    sweeps: np.ndarray,
    states: np.ndarray | None = None,
) -> list[Path]:
    """Write a folder that a C++ or C program needs nothing else beside.

    Arguments:
        stored: model to export.
        folder: where to write; made when missing.
        sweeps: Gibbs sweeps for a shower of each interval of the couplings.
        states: equilibrated states to start from (intervals, states, nodes); without any,
            chains start from random bits.

    Returns:
        the files written.

    Raises:
        ConfigError: the model is not a layered one, or has an energy code that the core does
            not know.
        OutputError: a file cannot be written.
    """
    model, folder = layered(stored.model), Path(folder)
    weights = to_bytes(pack(model, sweeps, states))
    texts = {HEADER: core_header()}
    for file in files("calo4pqvae.models.export").joinpath("files").iterdir():
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            texts[file.name] = text.replace("@FLAGS@", " ".join((*FLAGS[1:], _BUILD)))
    folder.mkdir(parents=True, exist_ok=True)
    contents = {name: text.encode() for name, text in texts.items()} | {WEIGHTS: weights}
    for name, content in contents.items():
        with replacing(folder / name) as aside:
            aside.write_bytes(content)
    write_json(folder / CARD, _card(stored, contents, sweeps, states))
    return sorted(folder / name for name in (*contents, CARD))


def core_header() -> str:
    """Join the headers of the core: the C interface, then what only C++ reads."""
    interface = (SOURCES / "interface.h").read_text(encoding="utf-8")
    seen: set[str] = {"interface.h"}
    body = "".join(_parts("calo4pqvae.hpp", seen))
    system = sorted({line for line in body.splitlines() if line.startswith("#include <")})
    body = re.sub(r"#include <.+>\n|#pragma once\n", "", body)
    body = re.sub(r"\n{3,}", "\n\n", body)
    top, end = interface.rsplit("#endif", 1)
    license_line = "/* calo4pqvae; Apache-2.0. */\n"
    cpp = "\n".join(["#ifdef __cplusplus", *system, "", body.strip(), "#endif"])
    return f"{license_line}{top}{cpp}\n\n#endif{end}"


def _parts(name: str, seen: set[str]) -> Iterator[str]:
    """Give the text of a header, those that it includes before it, each once."""
    text = (SOURCES / name).read_text(encoding="utf-8")
    for other in _INCLUDE.findall(text):
        if other not in seen:
            seen.add(other)
            yield from _parts(other, seen)
    yield _INCLUDE.sub("", text) + "\n"


def _card(
    stored: StoredModel,
    contents: dict[str, bytes],
    sweeps: np.ndarray,
    states: np.ndarray | None,
) -> dict[str, Any]:
    kept = 0 if states is None else states.shape[1]
    return describe(stored) | {
        "sweeps": sweeps.tolist(),
        "stored_states": kept,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()},
    }
