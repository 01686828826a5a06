"""Which records of a journal are whole, where they are, and which are lost."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from calo4pqvae._core.journal.rows import HEADER, MAX_NUMBER, Row, pack, unpack
from calo4pqvae.errors import JournalError

__all__ = ["Index", "header_row"]

_SCHEMA = 1


class Index:
    """Whole records by name, and the header.

    Arguments:
        path: the journal, for messages.
        kind: what it must be a journal of.

    Attributes:
        about: description in the header; None as long as none was found.
        numbers: number of the latest whole record of each name.
        whole: numbers of all whole rows.
        last: highest number of a row, whole or not.
    """

    def __init__(self, path: Path, kind: str) -> None:
        self._path, self._kind = path, kind
        self.about: dict[str, Any] | None = None
        self.numbers: dict[str, int] = {}
        self.whole: set[int] = set()
        self.last = HEADER

    def count(self, rows: Iterable[Row]) -> bool:
        """Enter rows that are whole, in any order; whether a header is known then.

        Raises:
            JournalError: the header is that of another kind or version.
        """
        for row in rows:
            self.last = max(self.last, min(row.number, MAX_NUMBER))
            record = unpack(row)
            if record is None:
                continue
            self.whole.add(row.number)
            if row.number == HEADER:
                self._read_header(record.about)
            elif row.number > self.numbers.get(record.key, HEADER):
                self.numbers[record.key] = row.number
        self.numbers = dict(sorted(self.numbers.items(), key=lambda item: item[1]))
        return self.about is not None

    def enter(self, key: str, number: int) -> None:
        """Enter a record that was appended."""
        self.numbers.pop(key, None)
        self.last = self.numbers[key] = number

    def gaps(self) -> list[str]:
        """Say which rows up to the last one are not whole."""
        numbers = sorted(self.whole | {HEADER, self.last + 1})
        runs = [(a + 1, b - 1) for a, b in pairwise(numbers) if b > a + 1]
        return [
            f"record {first} is damaged and passed over"
            if first == final
            else f"records {first} to {final} are damaged and passed over"
            for first, final in runs
        ]

    def _read_header(self, header: Mapping[str, Any]) -> None:
        about, kind = header.get("about"), header.get("kind")
        if header.get("schema") != _SCHEMA or not isinstance(about, dict):
            raise JournalError(
                f"{self._path}: is a journal of another version of calo4pqvae; finish it "
                "there, or choose another name"
            )
        if kind != self._kind:
            raise JournalError(
                f"{self._path}: is a journal of kind {kind!r}, not {self._kind!r}; choose "
                "another name"
            )
        self.about = about


def header_row(kind: str, about: Mapping[str, Any]) -> Row:
    """Make the first row of a journal."""
    return pack(HEADER, "", {"schema": _SCHEMA, "kind": kind, "about": dict(about)}, b"")
