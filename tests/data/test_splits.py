import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calo4pqvae.data.splits import Split, make_split, official_split, paper_split
from calo4pqvae.errors import ConfigError, OutputError


def rows_of(split):
    return np.concatenate([split.train, split.validation, split.test])


@settings(deadline=None, derandomize=True)
@given(n=st.integers(10, 3000), seed=st.integers(0, 2**32))
def test_paper_split_takes_every_row_once_in_the_stated_shares(n, seed):
    split = paper_split(n, seed)
    np.testing.assert_array_equal(np.sort(rows_of(split)), np.arange(n))
    assert len(split.validation) == len(split.test) == n // 10
    assert (split.protocol, split.seed) == ("paper", seed)


def test_paper_split_depends_on_its_seed_only():
    one, same, other = paper_split(1000, 3), paper_split(1000, 3), paper_split(1000, 4)
    np.testing.assert_array_equal(rows_of(one), rows_of(same))
    assert (one.test != other.test).any()


def test_paper_split_is_shuffled():
    """The mean test row of 10^4 has sigma 2887 / sqrt(1000) = 91; 5 sigma: 6e-7."""
    test = paper_split(10_000).test
    assert abs(test.mean() - 4999.5) < 5 * 91


def test_official_split_by_hand():
    split = official_split(20, 5)
    np.testing.assert_array_equal(split.train, np.arange(18))
    np.testing.assert_array_equal(split.validation, [18, 19])
    np.testing.assert_array_equal(split.test, np.arange(20, 25))
    assert (split.protocol, split.seed) == ("official", None)


@pytest.mark.parametrize("sizes", [(5, 5), (20, 0)])
def test_official_split_never_leaves_a_set_empty(sizes):
    with pytest.raises(ConfigError, match="leaves a set empty"):
        official_split(*sizes)


def test_protocols_by_name():
    np.testing.assert_array_equal(
        make_split("paper", [60, 40], 7).test, paper_split(100, 7).test
    )
    assert len(make_split("official", [60, 40]).test) == 40
    with pytest.raises(ConfigError, match=r"unknown split protocol 'half'.*paper"):
        make_split("half", [60, 40])
    with pytest.raises(ConfigError, match="needs two files"):
        make_split("official", [100])
    with pytest.raises(ConfigError, match="at least ten showers, not 9"):
        make_split("paper", [4, 5])


@settings(deadline=None, derandomize=True)
@given(st.permutations(range(30)), st.sampled_from([None, 0, 2**40]))
def test_round_trip_through_a_file(tmp_path_factory, rows, seed):
    path = tmp_path_factory.mktemp("split") / "split.json"
    parts = (np.array(part, np.int64) for part in (rows[:20], rows[20:25], rows[25:]))
    split = Split(*parts, "own", seed)
    split.save(path)
    loaded = Split.load(path)
    for name in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(split, name))
        assert getattr(loaded, name).dtype == np.int64
    assert (loaded.protocol, loaded.seed) == ("own", seed)
    assert [p.name for p in path.parent.iterdir()] == ["split.json"]


def test_overlapping_repeated_or_negative_rows_are_refused():
    def split(*parts):
        return Split(*(np.array(part, np.int64) for part in parts), "own")

    with pytest.raises(ConfigError, match=r"1 rows .* both train and test, the first is 2"):
        split([0, 2], [1], [2, 3])
    with pytest.raises(ConfigError, match="the validation rows"):
        split([0], [1, 1], [2])
    with pytest.raises(ConfigError, match="the train rows"):
        split([-1], [1], [2])


@pytest.mark.parametrize(
    "content",
    [
        "no json",
        "[]",
        json.dumps({"train": [0], "validation": [1], "protocol": "x"}),
        json.dumps({"train": [0.5], "validation": [1], "test": [2], "protocol": "x"}),
        json.dumps({"train": [[0]], "validation": [1], "test": [2], "protocol": "x"}),
        json.dumps({"train": "abc", "validation": [1], "test": [2], "protocol": "x"}),
    ],
)
def test_files_that_are_no_split(tmp_path, content):
    (tmp_path / "split.json").write_text(content)
    with pytest.raises(ConfigError, match=r"split\.json: is no readable split"):
        Split.load(tmp_path / "split.json")


def test_split_that_cannot_be_read_or_written(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.json: no such file"):
        Split.load(tmp_path / "absent.json")
    with pytest.raises(OutputError, match=r"split\.json: cannot be written"):
        paper_split(10).save(tmp_path / "absent" / "split.json")
