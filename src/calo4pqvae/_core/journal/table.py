"""The file of a journal as sqlite sees it: two tables, and no locks."""

import os
import sqlite3
import urllib.parse
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from calo4pqvae._core.journal.pages import PAGE
from calo4pqvae._core.journal.rows import HEADER, MAX_ABOUT, MAX_PAYLOAD, TABLES, Row

__all__ = ["SQLITE_ERRORS", "Table", "is_sqlite", "rollback_file", "write_new"]

_ALIKE = (
    (0, b"SQLite format 3\0"),
    (16, PAGE.to_bytes(2, "big") + bytes([1, 1, 0, 64, 32, 32])),
    (44, (4).to_bytes(4, "big")),
    (56, (1).to_bytes(4, "big")),
)
"""Bytes at the head of every journal: no write-ahead log, tables of format 4, text in UTF-8."""


SQLITE_ERRORS = (sqlite3.Error, UnicodeError)
"""What sqlite raises on damaged files: its own words may quote bytes that are no UTF-8."""


class Table:
    """An existing file, opened by sqlite.

    Arguments:
        path: the file.
        readonly: whether nothing is written, not even what a killed writer left half done.
        durable: whether a row survives a loss of power.

    Raises:
        sqlite3.Error: it cannot be opened.
    """

    def __init__(self, path: Path, *, readonly: bool = False, durable: bool = False) -> None:
        self._connection = _connect(path, "ro" if readonly else "rw")
        # Without durable, the system still has every row when the process dies.
        self._connection.execute(f"PRAGMA synchronous = {'EXTRA' if durable else 'OFF'}")

    def is_sound(self) -> bool:
        """Whether it holds the two tables of a journal and nothing else, in good order."""
        found = self._connection.execute("SELECT name, sql FROM sqlite_master").fetchall()
        wanted = [(name.encode(), sql.encode()) for name, sql in TABLES.items()]
        if found != wanted:
            return False
        return self._connection.execute("PRAGMA quick_check(1)").fetchone() == (b"ok",)

    def rows(self) -> Iterator[Row]:
        """All rows, in order of their numbers."""
        for columns in self._connection.execute("SELECT * FROM records ORDER BY number"):
            yield _typed(columns)

    def read(self, number: int) -> Row | None:
        """One row."""
        query = "SELECT * FROM records WHERE number = ?"
        columns = self._connection.execute(query, (number,)).fetchone()
        return None if columns is None else _typed(columns)

    def insert(self, row: Row) -> None:
        """Add a row; when this returns, it is safe."""
        _insert(self._connection, "records", row)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def is_sqlite(path: Path) -> bool:
    """Whether the head of a file is that of a journal; sqlite opens no other one."""
    with path.open("rb") as file:
        head = file.read(100)
    return all(head[at : at + len(wanted)] == wanted for at, wanted in _ALIKE)


def write_new(path: Path, rows: Iterable[Row]) -> None:
    """Write a file with these rows, whole on the disk.

    Raises:
        sqlite3.Error, OSError: it cannot be written.
    """
    for name in (path, rollback_file(path)):
        name.unlink(missing_ok=True)
    with closing(_connect(path, "rwc")) as connection:
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute(f"PRAGMA page_size = {PAGE}")
        connection.execute("BEGIN")
        for statement in TABLES.values():
            connection.execute(statement)
        for row in rows:
            if row.number == HEADER:
                _insert(connection, "header", row)
            _insert(connection, "records", row)
        connection.execute("COMMIT")


def rollback_file(path: Path) -> Path:
    """Where sqlite keeps what undoes an append that a death cuts short."""
    return path.with_name(f"{path.name}-journal")


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open a file of sqlite without its locks, which many network file systems refuse."""
    name = urllib.parse.quote(os.fsencode(path.absolute()))
    uri = f"file:{name}?mode={mode}&nolock=1"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    # A damaged length is refused before it is allocated, and text is looked at by us.
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_ABOUT + MAX_PAYLOAD + PAGE)
    connection.text_factory = bytes
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _insert(connection: sqlite3.Connection, table: str, row: Row) -> None:
    text = (row.key.decode(), row.about.decode())
    values = (row.number, *text, row.payload, row.crc)
    connection.execute(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?)", values)


def _typed(columns: tuple[object, ...]) -> Row:
    """Read columns whose types damage may have changed; such a row fails its checksum."""
    number, *parts, crc = columns
    key, about, payload = (part if isinstance(part, bytes) else b"" for part in parts)
    value = crc if isinstance(crc, int) else -1
    return Row(number if isinstance(number, int) else -1, key, about, payload, value)
