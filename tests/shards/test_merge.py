"""One file of many shards: the same showers, in order, from the right shards only."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from stub_maker import StubMaker, stub

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import OutputError
from calo4pqvae.shards.folder import ShardFolder
from calo4pqvae.shards.making import make_shard
from calo4pqvae.shards.merge import PROVENANCE, find_parts, merge
from calo4pqvae.shards.plan import Shard

N = 1500


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """1,500 showers from number 40 on, in four shards."""
    job, recipe = stub(first=40, n=N, count=4)
    folder = ShardFolder.begin(tmp_path / "all", job)
    for shard in reversed(job.plan.shards):
        make_shard(folder, recipe.build(), shard)
    return folder.path


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """The same showers made at once."""
    StubMaker().make(Shard(0, 40, N), tmp_path / "whole.h5")
    return tmp_path / "whole.h5"


def showers(path: Path) -> np.ndarray:
    with ShowerFile(path) as file:
        return np.hstack([file.e_inc(), file.showers(slice(None))])


@pytest.mark.parametrize("copy", [False, True])
def test_a_merged_folder_is_the_whole(folder: Path, whole: Path, copy: bool) -> None:
    target, counted = folder.parent / "merged.h5", []
    merge(find_parts([folder]), target, copy=copy, on_showers=counted.append)
    np.testing.assert_array_equal(showers(target), showers(whole))
    assert sum(counted) == N
    with h5py.File(target) as file:
        assert file["showers"].is_virtual != copy
        table = file[PROVENANCE][:]
    lines = ShardFolder(folder).ledger.read()[0]
    assert table["first"].tolist() == [lines[k].first for k in range(4)]
    assert table["n"].sum() == N
    assert [x.decode() for x in table["sha256"]] == [lines[k].sha256 for k in range(4)]


def test_copies_of_any_cut_are_the_same(whole: Path) -> None:
    StubMaker().make(Shard(0, 40, 7), whole.with_name("a.h5"))
    StubMaker().make(Shard(0, 47, N - 7), whole.with_name("b.h5"))
    both = [whole.with_name(f"{name}.h5") for name in "ba"]
    merge(find_parts(both), whole.with_name("c.h5"), copy=True)
    np.testing.assert_array_equal(showers(whole.with_name("c.h5")), showers(whole))


def test_what_was_merged_can_be_merged(folder: Path, whole: Path) -> None:
    merge(find_parts([folder]), folder.parent / "merged.h5")
    StubMaker().make(Shard(0, 40 + N, 5), whole.with_name("more.h5"))
    parts = find_parts([whole.with_name("more.h5"), folder.parent / "merged.h5"])
    merge(parts, folder.parent / "longer.h5")
    assert showers(folder.parent / "longer.h5").shape == (N + 5, 9)


@pytest.mark.parametrize("wrong", ["altered", "missing"])
def test_a_folder_that_is_not_whole_is_refused(folder: Path, wrong: str) -> None:
    path = folder / "shard-000002.h5"
    if wrong == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(OutputError, match=r"1 of 4 shards are missing or altered \(number 2\)"):
        find_parts([folder])


def test_files_that_do_not_follow_one_another_are_refused(folder: Path, whole: Path) -> None:
    shards = sorted(folder.glob("shard-*.h5"))
    with pytest.raises(OutputError, match="have a gap between their showers"):
        find_parts([shards[0], shards[2]])
    with pytest.raises(OutputError, match="overlap their showers"):
        find_parts([shards[0], whole])
    StubMaker(seed=2).make(Shard(0, 40 + N, 5), whole.with_name("other.h5"))
    with pytest.raises(OutputError, match="is of another sequence of showers"):
        find_parts([whole, whole.with_name("other.h5")])
    with h5py.File(whole, "a") as file:
        del file.attrs["sequence"]
    with pytest.raises(OutputError, match="does not say which showers"):
        find_parts([whole])


def test_a_virtual_file_points_downwards_only(folder: Path) -> None:
    below = folder / "below"
    below.mkdir()
    with pytest.raises(OutputError, match="lies outside its folder"):
        merge(find_parts([folder]), below / "merged.h5")
    assert not list(below.iterdir())
    merge(find_parts([folder]), below / "merged.h5", copy=True)
