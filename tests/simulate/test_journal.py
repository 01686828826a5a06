"""Journals survive what can happen to them."""

import numpy as np
import pytest

from calo4pqvae.simulate.journal import JournalWriter, read_record, scan


@pytest.fixture
def showers(rng):
    return rng.exponential(1, (5, 40)).astype(np.float32)


@pytest.fixture
def journal(tmp_path, showers):
    with JournalWriter(tmp_path / "a.journal") as writer:
        for number, shower in zip([3, 0, 4, 1, 2], showers, strict=True):
            writer.append(number, shower, 0.5 + number)
    return tmp_path / "a.journal"


def test_round_trip(journal, showers):
    found = scan(journal.parent)
    assert list(found) == [3, 0, 4, 1, 2]
    assert found[4].cpu_seconds == 4.5
    np.testing.assert_array_equal(read_record(found[4]), showers[2])


def test_a_torn_end_at_any_byte(journal):
    whole = journal.read_bytes()
    last = max(record.offset for record in scan(journal.parent).values())
    for size in range(last - 30, len(whole)):
        journal.write_bytes(whole[:size])
        assert len(scan(journal.parent)) in {3, 4}
    assert list(scan(journal.parent)) == [3, 0, 4, 1]


def test_a_damaged_record_and_what_follows_are_passed_over(journal):
    whole = bytearray(journal.read_bytes())
    whole[scan(journal.parent)[4].offset + 5] ^= 1
    journal.write_bytes(whole)
    assert list(scan(journal.parent)) == [3, 0]


def test_several_journals_and_none(journal, showers, tmp_path):
    assert journal.parent == tmp_path
    with JournalWriter(tmp_path / "b.journal") as writer:
        writer.append(9, showers[0], 1.0)
    (tmp_path / "c.journal").touch()
    assert set(scan(tmp_path)) == {0, 1, 2, 3, 4, 9}
    assert scan(tmp_path / "nowhere") == {}


def test_a_journal_is_never_overwritten(journal):
    assert journal.exists()
    with pytest.raises(FileExistsError):
        JournalWriter(journal)
