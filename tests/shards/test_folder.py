"""A folder of shards: its plan, its manifest, and what counts as finished."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from stub_maker import StubMaker, stub

from calo4pqvae.errors import ConfigError, OutputError
from calo4pqvae.shards.folder import ShardFolder
from calo4pqvae.shards.ledger import Entry, Ledger
from calo4pqvae.shards.making import make_shard
from calo4pqvae.shards.plan import GRAIN, Plan


@pytest.mark.parametrize(
    ("first", "n", "count"), [(0, 1, 1), (5, 10, 3), (0, 7, 7), (3, 10**6, 20), (700, 9000, 2)]
)
def test_a_plan_covers_every_shower_once(first: int, n: int, count: int) -> None:
    shards = Plan(first, n, count).shards
    assert [shard.number for shard in shards] == list(range(count))
    assert shards[0].first == first
    for before, after in pairwise(shards):
        assert before.first + before.n == after.first
    assert sum(shard.n for shard in shards) == n
    sizes = [shard.n for shard in shards]
    assert max(sizes) - min(sizes) <= (2 * GRAIN if n > 8 * GRAIN else 1)


def test_long_shards_begin_where_blocks_do() -> None:
    assert all(shard.first % GRAIN == 0 for shard in Plan(0, 10**6, 20).shards)


@pytest.mark.parametrize(("first", "n", "count"), [(0, 3, 4), (0, 3, 0), (-1, 3, 1), (0, 0, 1)])
def test_a_plan_without_sense_is_refused(first: int, n: int, count: int) -> None:
    with pytest.raises(ConfigError, match="cannot be cut into"):
        Plan(first, n, count)


ENTRY = Entry(3, 30, 10, "seq", "ab" * 32, 999, "here", 1.5, 1.4, "2026-01-01T00:00:00+00:00")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A manifest of shards 3 and 4."""
    ledger = Ledger(tmp_path / "manifest.jsonl")
    ledger.append(ENTRY)
    ledger.append(Entry(4, *list(vars(ENTRY).values())[1:]))
    return ledger


def test_the_last_line_of_a_shard_counts_whatever_the_clock_says(ledger: Ledger) -> None:
    """Clocks of machines differ, and are set back."""
    earlier = Entry(**{**vars(ENTRY), "size": 5, "finished": "1999-01-01T00:00:00+00:00"})
    ledger.append(earlier)
    entries, damaged = ledger.read()
    assert (entries[3], sorted(entries), damaged) == (earlier, [3, 4], 0)


def test_a_line_that_was_cut_off_costs_itself_alone(ledger: Ledger) -> None:
    whole = ledger.path.read_bytes()
    for cut in range(2, len(whole) // 2, 37):
        ledger.path.write_bytes(whole[:-cut])
        assert sorted(ledger.read()[0]) == [3]
        ledger.append(Entry(**{**vars(ENTRY), "number": 5}))
        assert sorted(ledger.read()[0]) == [3, 5]


def test_no_damaged_byte_makes_another_entry(ledger: Ledger) -> None:
    whole, good = ledger.path.read_bytes(), set(ledger.read()[0].values())
    for place in range(0, len(whole), 3):
        for flip in (1, 16, 128):
            changed = bytearray(whole)
            changed[place] ^= flip
            ledger.path.write_bytes(changed)
            entries, _ = ledger.read()
            assert set(entries.values()) <= good


@pytest.fixture
def folder(tmp_path: Path) -> ShardFolder:
    """Four finished shards."""
    job, recipe = stub()
    folder = ShardFolder.begin(tmp_path / "all", job)
    for shard in job.plan.shards:
        make_shard(folder, recipe.build(), shard)
    return folder


def test_finished_shards_are_finished(folder: ShardFolder) -> None:
    state = folder.state()
    assert [entry.shard for entry in state.finished] == folder.job.plan.shards
    assert not state.missing
    assert not state.notes
    assert [e.first for e in state.finished] == [0, 160, 320, 480]


def test_an_altered_lost_or_foreign_shard_is_missing_again(folder: ShardFolder) -> None:
    one, two, three, _ = (folder.path / shard.name for shard in folder.job.plan.shards)
    whole = one.read_bytes()
    for place in (9, len(whole) // 2, len(whole) - 1):
        changed = bytearray(whole)
        changed[place] ^= 1
        one.write_bytes(changed)
        assert "shard-000000.h5 was altered after it was finished" in folder.state().notes
    two.unlink()
    three.write_bytes(folder.path.joinpath("shard-000003.h5").read_bytes())
    state = folder.state()
    assert [shard.number for shard in state.missing] == [0, 1, 2]
    assert "shard-000001.h5 is gone" in state.notes
    assert "shard-000002.h5 was altered after it was finished" in state.notes


def test_a_shard_without_its_line_is_made_again_the_same(folder: ShardFolder) -> None:
    """Its maker died between the two."""
    lines = folder.ledger.path.read_bytes().splitlines(keepends=True)
    folder.ledger.path.write_bytes(b"".join(lines[:-1]) + lines[-1][:40])
    path = folder.path / "shard-000003.h5"
    before, state = path.read_bytes(), folder.state()
    assert state.notes == ["shard-000003.h5 is in no line of the manifest"]
    make_shard(folder, StubMaker(), state.missing[0])
    assert path.read_bytes() == before
    assert folder.state().notes == ["1 damaged line of manifest.jsonl passed over"]


def test_a_shard_that_somebody_finished_meanwhile_is_not_made_twice(
    folder: ShardFolder,
) -> None:
    lines = folder.ledger.path.read_bytes()
    entry = make_shard(folder, StubMaker(), folder.job.plan.shards[2])
    assert entry == folder.ledger.read()[0][2]
    assert folder.ledger.path.read_bytes() == lines


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (stub(seed=1), "seed"),
        (stub(arithmetic="avx2"), "arithmetic"),
        (stub(count=5), "count"),
        (stub(first=1), "first"),
    ],
)
def test_another_job_is_refused(folder: ShardFolder, other: tuple, named: str) -> None:
    with pytest.raises(OutputError, match=rf"another job \(it differs in {named}\)"):
        ShardFolder.begin(folder.path, other[0])
    assert ShardFolder.begin(folder.path, stub()[0]).job == folder.job


def test_a_maker_of_other_showers_is_refused(folder: ShardFolder) -> None:
    with pytest.raises(OutputError, match="arithmetic: 'stub' there, 'avx2' here"):
        make_shard(folder, StubMaker(arithmetic="avx2"), folder.job.plan.shards[0])


def test_lines_of_another_job_do_not_count(folder: ShardFolder, tmp_path: Path) -> None:
    """Files and lines copied from the folder of another seed."""
    job, _ = stub(seed=1)
    other = ShardFolder.begin(tmp_path / "other", job)
    for path in [folder.ledger.path, *folder.path.glob("shard-*.h5")]:
        (other.path / path.name).write_bytes(path.read_bytes())
    state = other.state()
    assert len(state.missing) == 4
    assert all(
        note.endswith("is of another job by its line of the manifest") for note in state.notes
    )


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds other files"):
        ShardFolder.begin(tmp_path, stub()[0])
    with pytest.raises(OutputError, match="is no folder of shards"):
        ShardFolder(tmp_path)
    (tmp_path / "job.json").write_text(json.dumps({"schema": 99}))
    with pytest.raises(OutputError, match="another version"):
        ShardFolder(tmp_path)
