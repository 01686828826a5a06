"""A record of a journal as a row of its table: how it is laid out, checked and limited."""

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from calo4pqvae.errors import JournalError

__all__ = [
    "HEADER",
    "MAX_ABOUT",
    "MAX_KEY",
    "MAX_NUMBER",
    "MAX_PAYLOAD",
    "TABLES",
    "Record",
    "Row",
    "pack",
    "unpack",
]

_COLUMNS = "(number INTEGER PRIMARY KEY, key TEXT, about TEXT, payload BLOB, crc INTEGER)"
TABLES = {
    "header": f"CREATE TABLE header {_COLUMNS}",
    "records": f"CREATE TABLE records {_COLUMNS}",
}
"""The header is row 0 of both, so that it lies on two pages and one damage spares a copy."""

HEADER = 0
"""Number of the header; records count from 1."""

MAX_KEY, MAX_ABOUT, MAX_PAYLOAD = 200, 1 << 20, 1 << 26
"""Limits of a record [bytes]. The largest payload in use is a chip's answer to 10,000 reads of
5,000 qubits, 6 MB; a damaged length beyond the limit is never allocated."""

MAX_NUMBER = 1 << 40
"""No journal has so many records; a higher number is a damaged one."""

_LENGTHS = struct.Struct(">qII")


class Row(NamedTuple):
    """What a row holds, not yet checked."""

    number: int
    key: bytes
    about: bytes
    payload: bytes
    crc: int


class Record(NamedTuple):
    """A whole record of a journal.

    Attributes:
        key: its name.
        about: what is told about its payload.
        payload: its content.
    """

    key: str
    about: dict[str, Any]
    payload: bytes


def pack(number: int, key: str, about: Mapping[str, Any], payload: bytes) -> Row:
    """Lay out a record.

    Raises:
        JournalError: a part is longer than its limit, or cannot be written as text.
    """
    try:
        name = key.encode()
        text = json.dumps(dict(about), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise JournalError(
            f"a record {key!r} cannot be written to a journal: {error}"
        ) from error
    for what, size, limit in (
        ("key", len(name), MAX_KEY),
        ("description", len(text), MAX_ABOUT),
        ("content", len(payload), MAX_PAYLOAD),
    ):
        if size > limit:
            raise JournalError(
                f"the {what} of a record has {size} bytes; a journal takes {limit} at most"
            )
    return Row(number, name, text, payload, _crc(number, name, text, payload))


def unpack(row: Row) -> Record | None:
    """Check a row; None if it is not what `pack` has made."""
    if not 0 <= row.number <= MAX_NUMBER or row.crc != _crc(*row[:4]):
        return None
    try:
        about = json.loads(row.about, parse_constant=_refuse)
        key = row.key.decode()
    except (ValueError, RecursionError):
        return None
    return Record(key, about, row.payload) if isinstance(about, dict) else None


def _crc(number: int, key: bytes, about: bytes, payload: bytes) -> int:
    crc = zlib.crc32(_LENGTHS.pack(number, len(key), len(about)))
    for part in (key, about, payload):
        crc = zlib.crc32(part, crc)
    return crc


def _refuse(constant: str) -> float:
    raise ValueError(constant)
