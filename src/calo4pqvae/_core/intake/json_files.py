"""JSON from outside: bounded in size, memory and depth, finite numbers, no key twice."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from calo4pqvae._core.intake.files import read_bytes
from calo4pqvae._core.intake.parsing import one_line, parsing
from calo4pqvae.errors import Calo4pQVAEError, ConfigError

__all__ = ["JSON_LIMIT", "parse_json", "read_json", "read_json_lines"]

JSON_LIMIT = 2**25
"""Bytes of a JSON file (32 MiB): the split of 4 million showers, or a complete graph of 1,200
nodes."""

MEMORY_LIMIT = 3 * 2**27
"""Bytes that the parsed objects may take (384 MiB)."""

OBJECT, ARRAY, ITEM = 240, 88, 56
"""Bytes of a small dict, of a small list, and of one number with its place (CPython 3.11)."""

DEEPEST = 64
"""Levels of nesting; ours have at most six, and code that walks them has a bounded stack."""

LARGEST_WHOLE = 2**64
"""Larger whole numbers fit no array."""


def read_json(
    path: str | Path,
    what: str,
    limit: int = JSON_LIMIT,
    *,
    error: type[Calo4pQVAEError] = ConfigError,
) -> Any:
    """Read a JSON file.

    Arguments:
        path: the file.
        what: what it should hold, for the message.
        limit: largest size [bytes].
        error: class to raise.

    Raises:
        Calo4pQVAEError: of class `error`, whatever is wrong with the file.
    """
    return parse_json(read_bytes(path, what, limit, error=error), path, what, error=error)


def parse_json(
    text: bytes | str,
    where: str | Path,
    what: str,
    *,
    error: type[Calo4pQVAEError] = ConfigError,
) -> Any:
    """Parse JSON in UTF-8; `where` it stands is named in errors.

    Raises:
        Calo4pQVAEError: of class `error`: it is no JSON, is nested deeper than 64 levels,
            would take more than 384 MiB, names a key twice, or holds NaN, infinity or whole
            numbers of more than 64 bits.
    """
    with parsing(where, what, error):
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        _check_memory(text)
        found = json.loads(
            text,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_bounded,
            object_pairs_hook=_distinct,
        )
        _check_depth(found)
    return found


def read_json_lines(
    path: str | Path,
    what: str,
    limit: int = JSON_LIMIT,
    *,
    error: type[Calo4pQVAEError] = ConfigError,
) -> Iterator[tuple[int, Any]]:
    """Read a log of one JSON record per line, damaged lines among them.

    Yields:
        Number of the line, from 1, and its record; None for a line that cannot be read. A last
        line without its end is left out: its writer was stopped.
    """
    content = read_bytes(path, what, limit, error=error)
    whole = content[: content.rfind(b"\n") + 1]
    for number, line in enumerate(whole.split(b"\n")[:-1], 1):
        try:
            yield number, parse_json(line, f"{path}, line {number}", what, error=error)
        except error:
            yield number, None


def _check_memory(text: str) -> None:
    needed = OBJECT * text.count("{") + ARRAY * text.count("[") + ITEM * text.count(",")
    if needed > MEMORY_LIMIT:
        raise ValueError(f"its entries would take some {needed >> 20} MiB of memory")


def _check_depth(found: Any) -> None:
    level = [found]
    for _ in range(DEEPEST):
        level = [
            item
            for box in level
            if isinstance(box, dict | list)
            for item in (box.values() if isinstance(box, dict) else box)
            if isinstance(item, dict | list)
        ]
        if not level:
            return
    raise ValueError(f"it is nested deeper than {DEEPEST} levels")


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")


def _finite(word: str) -> float:
    value = float(word)
    if not math.isfinite(value):
        raise ValueError(f"the number {one_line(word)} is too large")
    return value


def _bounded(word: str) -> int:
    value = int(word) if len(word) <= 21 else LARGEST_WHOLE + 1
    if abs(value) > LARGEST_WHOLE:
        raise ValueError(f"the whole number {word[:24]}.. has more than 64 bits")
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {one_line(name)!r} occurs twice")
        found[name] = value
    return found
