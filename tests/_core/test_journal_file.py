"""A journal keeps what was written, whatever happens to the program or to the file."""

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from calo4pqvae._core.journal import Journal
from calo4pqvae._core.journal.pages import PAGE, Pages
from calo4pqvae._core.journal.rows import MAX_KEY, Row, pack, unpack
from calo4pqvae._core.journal.table import Table, write_new
from calo4pqvae.errors import JournalError, OutputError

KIND = "test"
ABOUT = {"solver": "emulator", "size": 3}
N = 12


def content(number: int) -> bytes:
    """Short and long ones, of up to three pages."""
    rng = np.random.default_rng(number)
    return rng.bytes(int(rng.integers(0, 12_000)))


def fill(path: Path, n: int = N) -> Path:
    with Journal(path, KIND, ABOUT) as journal:
        for number in range(n):
            journal.append(f"key {number}", {"energy": number / 3}, content(number))
    return path


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    return fill(tmp_path / "j.sqlite")


def whole(path: Path, **options: bool) -> dict[str, tuple[dict, bytes]]:
    """All records of a journal, each checked against what was written."""
    with Journal(path, KIND, create=False, **options) as journal:
        found = {record.key: (record.about, record.payload) for record in journal.records()}
        assert journal.about == ABOUT
    for key, (about, payload) in found.items():
        number = int(key.removeprefix("key "))
        assert about == {"energy": number / 3}
        assert payload == content(number)
    return found


def test_round_trip_and_going_on(filled: Path) -> None:
    with Journal(filled, KIND, {"other": 1}) as journal:
        assert not journal.new
        assert journal.about == ABOUT
        assert journal.damaged == []
        assert len(journal) == N
        assert "key 3" in journal
        assert journal.get("key 3") == ("key 3", {"energy": 1.0}, content(3))
        assert journal.get("key 99") is None
        journal.append(f"key {N}", {"energy": N / 3}, content(N))
        assert journal.keys == [f"key {number}" for number in range(N + 1)]
    assert len(whole(filled)) == N + 1
    assert [path.name for path in filled.parent.iterdir()] == ["j.sqlite"]


def test_a_later_record_counts_and_the_earlier_one_again_if_it_is_damaged(
    filled: Path,
) -> None:
    with Journal(filled, KIND) as journal:
        with pytest.raises(JournalError, match="a record 'key 5' is there already"):
            journal.append("key 5", {})
        journal.append("key 5", {"mark": "sent"}, replace=True)
        assert journal.keys[-1] == "key 5"
        assert len(journal) == N
    with Journal(filled, KIND) as journal:
        assert journal.get("key 5") == ("key 5", {"mark": "sent"}, b"")
    connection = sqlite3.connect(filled)
    with connection:
        connection.execute("UPDATE records SET about = '{}' WHERE number = ?", (N + 1,))
    connection.close()
    with Journal(filled, KIND) as journal:
        assert journal.damaged == [f"record {N + 1} is damaged and passed over"]
        assert journal.get("key 5") == ("key 5", {"energy": 5 / 3}, content(5))


@pytest.mark.parametrize("durable", [False, True])
def test_everything_that_was_acknowledged_survives_kill_9(
    tmp_path: Path, durable: bool
) -> None:
    """Records are told on stdout when `append` has returned; all of them must be there."""
    path = tmp_path / "killed.sqlite"
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from calo4pqvae._core.journal import Journal
from test_journal_file import ABOUT, KIND, content
with Journal({str(path)!r}, KIND, ABOUT, durable={durable}) as journal:
    for number in range(len(journal), 100_000):
        journal.append(f"key {{number}}", {{"energy": number / 3}}, content(number))
        print(number, flush=True)
"""
    rng = np.random.default_rng(5)
    acknowledged = -1
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, env={**os.environ}
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        lines = [line for line in process.stdout.read().splitlines() if line]
        process.wait()
        process.stdout.close()
        acknowledged = int(lines[-1]) if lines else acknowledged + 1
        found = whole(path)
        assert set(found) >= {f"key {number}" for number in range(acknowledged + 1)}
        assert len(found) <= acknowledged + 2
        acknowledged = len(found) - 1


def test_an_append_that_a_death_cuts_short_is_undone(tmp_path: Path) -> None:
    """The two files of an open transaction are copied: so they look after a kill."""
    path = fill(tmp_path / "live.sqlite", 3)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("BEGIN")
    for number in range(10, 60):
        row = pack(number, f"key {number}", {"energy": number / 3}, content(number))
        connection.execute(
            "INSERT INTO records VALUES (?, ?, ?, ?, ?)",
            (number, row.key.decode(), row.about.decode(), row.payload, row.crc),
        )
    copy = tmp_path / "copy.sqlite"
    shutil.copy(path, copy)
    shutil.copy(f"{path}-journal", f"{copy}-journal")
    connection.close()
    assert copy.stat().st_size > 50 * PAGE
    assert len(whole(copy, readonly=True)) >= 3  # cannot be undone there, and is read by pages
    assert set(whole(copy)) == {"key 0", "key 1", "key 2"}
    assert not Path(f"{copy}-journal").exists()


def test_rollback_of_an_older_file_is_not_applied_to_a_new_one(tmp_path: Path) -> None:
    """The older file is gone, but what would undo its last append is still there."""
    older, path = fill(tmp_path / "older.sqlite", 3), tmp_path / "j.sqlite"
    connection = sqlite3.connect(older, isolation_level=None)
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("BEGIN")
    connection.execute("UPDATE records SET about = 'x', payload = zeroblob(90000)")
    shutil.copy(f"{older}-journal", f"{path}-journal")
    connection.close()
    assert Path(f"{path}-journal").stat().st_size > PAGE
    fill(path)
    with Journal(path, KIND) as journal:
        assert journal.damaged == []
    assert len(whole(path)) == N


def pages_of(path: Path) -> dict[int, set[int]]:
    """Which records have bytes on each page, by reading it with the page inverted."""
    clean = path.read_bytes()
    lost = {}
    for page in range(len(clean) // PAGE):
        part = slice(page * PAGE, (page + 1) * PAGE)
        changed = bytearray(clean)
        changed[part] = bytes(byte ^ 0xFF for byte in clean[part])
        path.write_bytes(changed)
        lost[page] = set(range(N)) - {
            int(key.removeprefix("key ")) for key in whole(path, readonly=True)
        }
    path.write_bytes(clean)
    return lost


def test_a_damaged_page_costs_its_own_records_only(filled: Path) -> None:
    lost = pages_of(filled)
    assert max(map(len, lost.values())) <= 4  # of a leaf with short records
    assert lost[0] == lost[1] == set()  # the head of the file, and the first copy of the header
    assert set().union(*lost.values()) == set(range(N))


def test_any_changed_byte(filled: Path) -> None:
    """Nothing but whole records is ever read, and what is lost lay on the damaged page."""
    rng = np.random.default_rng(11)
    lost = pages_of(filled)
    clean = filled.read_bytes()
    places = [*range(110), *rng.integers(0, len(clean), 200).tolist()]
    missed = 0
    for place in places:
        changed = bytearray(clean)
        changed[place] ^= int(rng.integers(1, 256))
        filled.write_bytes(changed)
        with Journal(filled, KIND, readonly=True) as journal:
            gone = set(range(N)) - {int(key[4:]) for key in journal.keys}
            assert bool(journal.damaged) >= bool(gone)
            for record in journal.records():
                assert record.payload == content(int(record.key[4:]))
        assert gone <= lost[place // PAGE], place
        missed += bool(gone)
    assert 50 < missed < 250


def test_a_damaged_file_is_mended_and_kept(filled: Path) -> None:
    changed = bytearray(filled.read_bytes())
    changed[5 * PAGE : 6 * PAGE] = bytes(PAGE)
    changed[:20] = bytes(20)
    filled.write_bytes(changed)
    before = whole(filled, readonly=True)
    assert filled.read_bytes() == changed
    assert N - 5 <= len(before) < N
    with Journal(filled, KIND) as journal:
        assert journal.damaged[0] == "j.sqlite is damaged and was read page by page"
        assert journal.damaged[1] == "the damaged file is kept as j.sqlite.damaged"
        assert "damaged and passed over" in journal.damaged[2]
        lost = sorted({f"key {number}" for number in range(N)} - set(journal.keys))
        for key in lost:
            number = int(key[4:])
            journal.append(key, {"energy": number / 3}, content(number))
    assert filled.with_name("j.sqlite.damaged").read_bytes() == changed
    assert len(whole(filled)) == N
    with Table(filled, readonly=True)._connection as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == (b"ok",)
    connection.close()


def test_a_file_that_was_cut_off(filled: Path) -> None:
    clean = filled.read_bytes()
    rng = np.random.default_rng(3)
    counts = []
    for size in sorted(rng.integers(3 * PAGE + 1, len(clean), 40).tolist()):
        filled.write_bytes(clean[:size])
        counts.append(len(whole(filled, readonly=True)))
    assert counts[0] <= 2
    assert counts[-1] >= N - 2
    assert sorted(counts) == counts


@pytest.mark.parametrize(
    "damage", [b"", b"\0" * 9000, b"SQLite format 3\0", b"no journal at all\n" * 999]
)
def test_what_is_no_journal_is_left_alone(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(damage)
    for options in ({"create": False}, {"readonly": True}):
        with pytest.raises(JournalError, match="no journal"):
            Journal(path, KIND, **options)
    assert path.read_bytes() == damage
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_another_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE records (number INTEGER PRIMARY KEY, key TEXT)")
    connection.execute("INSERT INTO records VALUES (1, 'mine')")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="is no journal of calo4pqvae"):
        Journal(path, KIND)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["mine.db"]


def test_journals_of_other_kinds_and_versions(filled: Path, tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="is a journal of kind 'test', not 'other'"):
        Journal(filled, "other")
    newer = tmp_path / "newer"
    write_new(newer, [pack(0, "", {"schema": 2, "kind": KIND, "about": {}}, b"")])
    with pytest.raises(JournalError, match="of another version of calo4pqvae"):
        Journal(newer, KIND)


def test_places_that_hold_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(JournalError, match="is no file"):
            Journal(path, KIND)
    with pytest.raises((JournalError, OutputError)):
        Journal(tmp_path / "loop", KIND)
    for path in (tmp_path / ("x" * 300), tmp_path / "nul\0", tmp_path / "nowhere" / "j"):
        with pytest.raises((JournalError, OutputError)):
            Journal(path, KIND)
    with pytest.raises(JournalError, match="there is no journal"):
        Journal(tmp_path / "none", KIND, create=False)
    odd = tmp_path / "50% of #1?mode=memory.sqlite"
    fill(odd)
    assert len(whole(odd)) == N
    link = tmp_path / "link"
    link.symlink_to(odd)
    damaged = bytearray(odd.read_bytes())
    damaged[:8] = bytes(8)
    odd.write_bytes(damaged)
    assert len(whole(link)) == N
    assert link.is_symlink()
    assert odd.read_bytes()[:6] == b"SQLite"


def test_a_full_disk_loses_nothing(filled: Path) -> None:
    """The limit of a file's size stands for the disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(filled, KIND) as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (filled.stat().st_size, hard))
        try:
            for _ in range(3):
                with pytest.raises(OutputError, match=r"cannot be written|the disk is full"):
                    journal.append("long", {}, bytes(50_000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert len(journal) == N
        journal.append(f"key {N}", {"energy": N / 3}, content(N))
    assert len(whole(filled)) == N + 1


def test_limits(filled: Path) -> None:
    with Journal(filled, KIND) as journal:
        with pytest.raises(JournalError, match=f"takes {MAX_KEY} at most"):
            journal.append("x" * 300, {})
        with pytest.raises(JournalError, match="cannot be written to a journal"):
            journal.append("x", {"nan": float("nan")})
        with pytest.raises(JournalError, match="of a record has 67108865 bytes"):
            journal.append("x", {}, bytes((1 << 26) + 1))
        assert len(journal) == N
    with Journal(filled, KIND, readonly=True) as journal, pytest.raises(JournalError):
        journal.append("x", {})


@pytest.mark.parametrize(
    "about", [b"[1]", b'{"a": NaN}', b"[" * 100_000, b"\xff", b"{}" * 2, b'{"a": 1e999}']
)
def test_a_right_checksum_does_not_make_sense_of_nonsense(about: bytes) -> None:
    from calo4pqvae._core.journal import rows

    crc = rows._crc(1, b"key", about, b"")
    record = unpack(Row(1, b"key", about, b"", crc))
    assert record is None or record.about == {"a": float("inf")}


def test_pages_that_name_each_other_in_circles_end(tmp_path: Path) -> None:
    """A megabyte of leaves whose 100,000 rows all claim 61 MB on the same two pages."""
    n, cell, here = 400, 1000, 489
    size = here + 15_000 * (PAGE - 4)
    leaf = bytearray(PAGE)
    leaf[0] = 0x0D
    leaf[3:5] = n.to_bytes(2, "big")
    leaf[8 : 8 + 2 * n] = cell.to_bytes(2, "big") * n
    groups = [size >> 21 & 0x7F | 0x80, size >> 14 & 0x7F | 0x80, size >> 7 & 0x7F | 0x80]
    leaf[cell : cell + 5] = bytes([*groups, size & 0x7F, 5])
    leaf[cell + 5 + here : cell + 9 + here] = (2).to_bytes(4, "big")
    circle = [(number).to_bytes(4, "big").ljust(PAGE, b"x") for number in (0, 3, 2)]
    path = tmp_path / "circle"
    path.write_bytes(b"".join(circle) + bytes(leaf) * 253)
    pages = Pages(path)
    started = time.process_time()
    assert list(pages.rows()) == []
    assert time.process_time() - started < 5
    pages.close()


def test_what_sqlite_quotes_of_a_damaged_file_may_be_no_text(filled: Path) -> None:
    """Its message names the table, whose name has become bytes that are no UTF-8."""
    whole_file = filled.read_bytes()
    damaged = whole_file.replace(b"recordsrecords", b"\xc1ecordsrecords", 1)
    damaged = damaged.replace(b"CREATE TABLE records", b"CREATE TABXE records", 1)
    assert damaged != whole_file
    filled.write_bytes(damaged)
    with Journal(filled, KIND, create=False) as journal:
        assert len(list(journal.records())) > 0
        assert journal.damaged
