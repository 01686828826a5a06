import numpy as np
import pytest

from calo4pqvae.data.batches import ShowerBatches
from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile, ShowerWriter
from calo4pqvae.errors import ConfigError, GeometryError

SIZES = (700, 1, 600)
IN_MEMORY, STREAMED = 5000, 300


@pytest.fixture(scope="module")
def files(tmp_path_factory, toy_geometry):
    """Three files whose shower in row i (counted over all) has i + 1 in each voxel."""
    folder = tmp_path_factory.mktemp("showers")
    values = np.arange(1, sum(SIZES) + 1, dtype=np.float32)[:, None]
    opened, start = [], 0
    for number, size in enumerate(SIZES):
        mine = values[start : start + size]
        with ShowerWriter(folder / f"{number}.h5", toy_geometry) as writer:
            writer.append(2e5 + mine, np.repeat(mine, 72, axis=1))
        opened.append(ShowerFile(folder / f"{number}.h5"))
        start += size
    yield opened
    for file in opened:
        file.close()


@pytest.fixture(params=[IN_MEMORY, STREAMED])
def batches(request, files, rng):
    rows = rng.permutation(sum(SIZES))[:1200]
    return ShowerBatches(files, rows, 50, seed=3, buffer=request.param)


def order(epoch):
    return np.concatenate([batch.rows for batch in epoch])


def test_every_row_once_and_with_its_own_shower(batches):
    found = list(batches.epoch(0))
    assert len(found) == batches.n_batches == 24
    for batch in found:
        assert batch.showers.shape == (50, 72)
        assert batch.showers.dtype == batch.e_inc.dtype == np.float32
        np.testing.assert_array_equal(batch.showers[:, 5], batch.rows + 1)
        np.testing.assert_array_equal(batch.e_inc[:, 0], batch.rows + 200_001)
    rows = order(found)
    assert len(np.unique(rows)) == len(rows) == 1200


def test_incomplete_batch_is_left_out(files):
    batches = ShowerBatches(files, np.arange(130), 50, seed=0)
    rows = order(batches.epoch(0))
    assert batches.n_batches == 2
    assert len(np.unique(rows)) == len(rows) == 100


def test_order_depends_on_seed_and_epoch(files, batches):
    first = order(batches.epoch(0))
    np.testing.assert_array_equal(order(batches.epoch(0)), first)
    assert (order(batches.epoch(1)) != first).any()
    rows = np.sort(first)
    other = ShowerBatches(files, rows, 50, seed=4)
    assert (order(other.epoch(0)) != order(ShowerBatches(files, rows, 50, 3).epoch(0))).any()


def test_order_does_not_depend_on_the_order_of_the_rows_given(files, rng):
    rows = np.arange(400)
    one = ShowerBatches(files, rows, 50, seed=3)
    other = ShowerBatches(files, rng.permutation(rows), 50, seed=3)
    np.testing.assert_array_equal(order(one.epoch(2)), order(other.epoch(2)))


@pytest.mark.parametrize("start", [0, 1, 5, 6, 7, 23, 24])
def test_resuming_gives_the_same_remaining_batches(batches, start):
    whole = list(batches.epoch(2))
    resumed = list(batches.epoch(2, start=start))
    assert len(resumed) == 24 - start
    for one, other in zip(whole[start:], resumed, strict=True):
        np.testing.assert_array_equal(one.rows, other.rows)
        np.testing.assert_array_equal(one.showers, other.showers)


@pytest.mark.parametrize("start", [0, 8])
def test_slices_of_the_ranks_join_to_the_batch(batches, start):
    whole = batches.epoch(1, start)
    ranks = [batches.epoch(1, start, rank, world_size=5) for rank in range(5)]
    for batch, *parts in zip(whole, *ranks, strict=True):
        np.testing.assert_array_equal(batch.rows, np.concatenate([p.rows for p in parts]))
        np.testing.assert_array_equal(batch.showers, np.concatenate([p.showers for p in parts]))


def test_streamed_rows_are_mixed_across_the_dataset(files):
    """A buffer of 300 holds rows of two blocks at least: its rows span more than a block."""
    batches = ShowerBatches(files, np.arange(1300), 50, seed=0, buffer=STREAMED)
    found = order(batches.epoch(0))
    for first in range(0, 1300, 300):
        rows = found[first : first + 300]
        assert (np.diff(rows) != 1).mean() > 0.9
    assert np.abs(np.corrcoef(found, np.arange(1300))[0, 1]) < 0.9


def test_memory_path_reads_the_files_once(files):
    with ShowerFile(files[0].path) as file:
        batches = ShowerBatches([file], np.arange(700), 100, seed=0)
        first = order(batches.epoch(0))
    np.testing.assert_array_equal(order(batches.epoch(0)), first)


def test_skipped_buffers_are_not_read(tmp_path, toy_geometry):
    with ShowerWriter(tmp_path / "toy.h5", toy_geometry) as writer:
        writer.append(np.full((600, 1), 5e3), np.full((600, 72), 50.0))
    with ShowerFile(tmp_path / "toy.h5") as file:
        batches = ShowerBatches([file], np.arange(600), 100, seed=0, buffer=200)
        epoch = batches.epoch(0, start=6)
    assert list(epoch) == []


def test_real_showers_come_out_unchanged():
    with ShowerFile(sample_path()) as sample:
        batches = ShowerBatches([sample], np.arange(300), 128, seed=1, buffer=200)
        for batch in batches.epoch(0):
            np.testing.assert_array_equal(batch.showers, sample.showers(batch.rows))


def test_impossible_batches_are_refused(files):
    with pytest.raises(ConfigError, match="40 showers do not fill one batch of 50"):
        ShowerBatches(files, np.arange(40), 50, seed=0)
    with pytest.raises(ConfigError, match="one batch of 0"):
        ShowerBatches(files, np.arange(40), 0, seed=0)
    with pytest.raises(ConfigError, match="outside the 1301 showers"):
        ShowerBatches(files, np.arange(1302), 50, seed=0)
    with pytest.raises(ConfigError, match="repeated"):
        ShowerBatches(files, np.zeros(60, np.int64), 50, seed=0)
    with pytest.raises(ConfigError, match="divisible by 3"):
        ShowerBatches(files, np.arange(100), 50, seed=0).epoch(0, world_size=3)


def test_files_of_different_geometries_are_refused(files):
    with (
        ShowerFile(sample_path()) as sample,
        pytest.raises(GeometryError, match=r"\[72, 6480\] voxels"),
    ):
        ShowerBatches([files[0], sample], np.arange(100), 50, seed=0)
