"""The rows of a damaged journal, read from the pages of its file without sqlite.

Sqlite gives up at the first page that it cannot make sense of, though the rows on all others
are whole. Here each page is looked at alone: a leaf of a table says itself which rows it holds
and where their ends lie. What is found is as good as its checksum; damage costs the rows that
have a byte on a damaged page, and no others. The format is https://sqlite.org/fileformat2.html.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from calo4pqvae._core.journal.rows import MAX_ABOUT, MAX_KEY, MAX_PAYLOAD, Row, unpack
from calo4pqvae.errors import JournalError

__all__ = ["MAX_FILE", "PAGE", "Pages"]

PAGE = 4096
"""Bytes of a page; journals are written with no other size."""

MAX_FILE = (1 << 24) * PAGE
"""Largest file [bytes], 69 GB. Up to there a page that goes on with a row begins with a zero,
the high byte of the next page's number, and cannot be taken for a leaf."""

_LEAF = 0x0D
_ROOM = PAGE - 35
"""Bytes of a row that stay on its leaf when it has no further pages."""
_LEAST = (PAGE - 12) * 32 // 255 - 23
"""Bytes that stay at least when it has."""

_LONGEST = MAX_KEY + MAX_ABOUT + MAX_PAYLOAD + 64
_PATIENCE = 4
"""How often the bytes of the file may be read in all: pages that name each other in circles
must not keep us."""


class Pages:
    """The rows that can be found in a file.

    Arguments:
        path: the file.

    Raises:
        JournalError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY)
            self._n_pages = os.fstat(self._descriptor).st_size // PAGE
        except OSError as error:
            raise JournalError(f"{path}: cannot be read ({error.strerror})") from error
        self._left = 0
        self._places: dict[int, tuple[int, int]] = {}

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def rows(self) -> Iterator[Row]:
        """All whole rows, in the order of the pages; where they lie is remembered."""
        self._left = _PATIENCE * (self._n_pages + 1) * PAGE
        for number in range(1, self._n_pages + 1):
            page = self._page(number)
            for byte in _cells(page, 100 if number == 1 else 0):
                row = self._row(page, byte)
                if row is not None and unpack(row) is not None:
                    self._places[row.number] = (number, byte)
                    yield row

    def read(self, number: int) -> Row | None:
        """One of the whole rows again."""
        page, byte = self._places[number]
        self._left = (self._n_pages + 2) * PAGE
        return self._row(self._page(page), byte)

    def _page(self, number: int) -> bytes:
        self._left -= PAGE
        if self._left < 0 or not 1 <= number <= self._n_pages:
            return b""
        try:
            return os.pread(self._descriptor, PAGE, (number - 1) * PAGE)
        except OSError:  # a bad block of the disk costs its own page
            return b""

    def _row(self, page: bytes, byte: int) -> Row | None:
        """Put together the row that begins at a byte of a leaf."""
        try:
            size, at = _varint(page, byte)
            number, at = _varint(page, at)
            return _columns(number, self._content(page, at, size)) if size <= _LONGEST else None
        except (IndexError, ValueError):
            return None

    def _content(self, page: bytes, at: int, size: int) -> bytes:
        """Collect the bytes of a row from its leaf and the pages that go on with it."""
        if size <= _ROOM:
            return page[at : at + size]
        here = _LEAST + (size - _LEAST) % (PAGE - 4)
        here = here if here <= _ROOM else _LEAST
        parts, left = [page[at : at + here]], size - here
        following = int.from_bytes(page[at + here : at + here + 4], "big")
        while left > 0:
            page = self._page(following)
            if not page:
                raise ValueError
            parts.append(page[4 : 4 + left])
            left -= PAGE - 4
            following = int.from_bytes(page[:4], "big")
        return b"".join(parts)


def _cells(page: bytes, start: int) -> list[int]:
    """Where the rows of a page begin; none if it is no leaf of a table."""
    if len(page) < PAGE or page[start] != _LEAF:
        return []
    n = min(int.from_bytes(page[start + 3 : start + 5], "big"), (PAGE - start - 8) // 2)
    starts = (page[start + 8 + 2 * i : start + 10 + 2 * i] for i in range(n))
    return [int.from_bytes(two, "big") for two in starts]


def _columns(number: int, content: bytes) -> Row | None:
    """Take a row apart: the types of its columns, then the columns."""
    end, at = _varint(content, 0)
    types = []
    while at < end:
        kind, at = _varint(content, at)
        types.append(kind)
    if len(types) != 5 or types[0] != 0:
        return None
    columns = []
    for kind in types[1:]:
        size = (kind - 12) // 2 if kind >= 12 else (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)[kind]
        columns.append(content[at : at + size])
        at += size
    key, about, payload, crc = columns
    value = types[4] - 8 if types[4] in {8, 9} else int.from_bytes(crc, "big", signed=True)
    return Row(number, key, about, payload, value) if at == len(content) else None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read an integer of one to nine bytes; return it and where it ends."""
    value = 0
    for n in range(8):
        byte = data[at + n]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + n + 1
    return value << 8 | data[at + 8], at + 9
