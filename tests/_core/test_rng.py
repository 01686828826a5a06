"""Shared noise: the same numbers however many processes share a batch."""

import numpy as np
import pytest
import torch

from calo4pqvae._core.rng import Recorder, Replay, RowNoise, SharedNoise, derive_seed
from calo4pqvae.errors import SamplerError


def test_two_ranks_joined_equal_one_process():
    alone = SharedNoise(5)
    ranks = [SharedNoise(5, rank=r, world_size=2) for r in (0, 1)]
    for shape in ((3, 4), (1, 2, 2), (5,)):
        joined = torch.cat([noise.uniform(*shape) for noise in ranks])
        assert torch.equal(joined, alone.uniform(2 * shape[0], *shape[1:]))


def test_other_seeds_give_other_numbers():
    assert not torch.equal(SharedNoise(1).uniform(8, 8), SharedNoise(2).uniform(8, 8))


def test_numbers_are_never_zero_or_one(monkeypatch):
    ends = torch.tensor([[0.0], [1.0 - 2.0**-24], [1.0]])
    monkeypatch.setattr(torch, "rand", lambda *_, **__: ends.clone())
    draw = SharedNoise(0).uniform(3, 1)
    assert torch.isfinite(torch.logit(draw)).all()
    assert float(draw.min()) > 0
    assert float(draw.max()) < 1


def test_numbers_are_uniform():
    draw = SharedNoise(3).uniform(100_000, 1).double()[:, 0].sort().values
    steps = torch.arange(1, len(draw) + 1) / len(draw)
    # Kolmogorov's distance; 2.2 / sqrt(n) is exceeded with probability 1.3e-4.
    assert float((draw - steps).abs().max()) < 2.2 / len(draw) ** 0.5


def test_a_stored_state_continues_the_stream():
    noise = SharedNoise(7, rank=1, world_size=2)
    noise.uniform(4, 3)
    state = noise.state()
    expected = noise.uniform(4, 3)
    other = SharedNoise(99, rank=1, world_size=2)
    other.restore(state)
    assert torch.equal(other.uniform(4, 3), expected)


def test_rows_do_not_notice_which_rows_are_drawn_with_them():
    whole, again = RowNoise(3, 0), RowNoise(3, 0)
    first = whole.uniform(200, 5)
    assert torch.equal(again.uniform(130, 5), first[:130])
    for start, rows in ((0, 1), (63, 2), (64, 64), (100, 100)):
        part = RowNoise(3, start)
        assert torch.equal(part.uniform(rows, 5), first[start : start + rows])
        second = part.uniform(rows, 5)
        assert torch.isin(second, first).float().mean() < 0.01
    assert torch.equal(whole.uniform(200, 5)[100:], second)
    assert torch.isin(RowNoise(4, 0).uniform(200, 5), first).float().mean() < 0.01


def test_rows_are_streams_of_numpys_philox():
    seed, first, used = 2**62 + 7, 11, 0
    noise = RowNoise(seed, first)
    for n in (1, 5, 8, 3, 0, 130):
        drawn = noise.uniform(3, n).numpy()
        for row in range(3):
            block, skip = divmod(used, 8)
            generator = np.random.Philox(key=[seed, first + row], counter=[block, 0, 0, 0])
            words = generator.random_raw(skip + n).astype("<u8").view("<u4")[skip : skip + n]
            wanted = np.maximum((words >> 8) * np.float32(2**-24), np.float32(2**-25))
            np.testing.assert_array_equal(drawn[row], wanted)
        used += n


def test_keys_are_equal_on_all_processes_and_new_at_each_call():
    one, other = SharedNoise(3, rank=0, world_size=2), SharedNoise(3, rank=1, world_size=2)
    keys = [one.key() for _ in range(100)]
    assert keys == [other.key() for _ in range(100)]
    assert len(set(keys)) == 100
    assert all(0 <= key < 2**62 for key in keys)


def test_derived_seeds_differ_for_each_order_of_their_numbers():
    seeds = [derive_seed(*numbers) for numbers in ((1, 2), (2, 1), (1, 2, 0), (1,), (2,))]
    assert len(set(seeds)) == len(seeds)
    assert derive_seed(1, 2) == seeds[0]


def test_what_was_recorded_is_replayed_though_it_was_changed_in_place():
    recorder = Recorder(SharedNoise(7))
    drawn = [recorder.uniform(2, 3), recorder.uniform(4)]
    wanted = [numbers.clone() for numbers in drawn]
    for numbers in drawn:
        numbers.zero_()
    for _ in range(2):
        replay = Replay(recorder.draws)
        for numbers in wanted:
            again = replay.uniform(*numbers.shape)
            assert torch.equal(again, numbers)
            again.zero_()


@pytest.mark.parametrize("asked", [(4,), (2, 4), (1, 3)])
def test_more_or_other_numbers_than_recorded_are_refused(asked):
    replay = Replay([torch.full((2, 3), 0.5)])
    with pytest.raises(SamplerError, match="for the same model and as many showers"):
        replay.uniform(*asked)
    replay.uniform(2, 3)
    with pytest.raises(SamplerError, match="are asked for, none come next"):
        replay.uniform(2, 3)
