"""The order in which sectors are drawn."""

import pytest
import torch

from calo4pqvae.models.cellwise.order import SectorOrder


@pytest.mark.parametrize("n", [1, 2, 4, 5, 6, 12, 16])
def test_every_sector_is_drawn_once(n):
    order = SectorOrder(n)
    assert sorted(order.sectors.tolist()) == list(range(n))
    x = torch.arange(n)[:, None]
    assert torch.equal(order.back(order.lined_up(x)), x)


def test_the_last_half_lies_between_two_that_are_known():
    order = SectorOrder(16)
    assert order.sectors.tolist()[:8] == [0, 8, 4, 12, 2, 6, 10, 14]
    assert bool(order.known_beside()[order.sectors[8:]].all())
    assert not bool(order.known_beside()[order.sectors[:8]].any())
    last = order.stages[-1]
    beside = order.sectors[last.beside]
    for sector, near in zip(order.sectors[last.places].tolist(), beside.tolist(), strict=True):
        assert {(sector - 1) % 16, (sector + 1) % 16} <= set(near)


@pytest.mark.parametrize("n", [2, 5, 16])
def test_what_lies_beside_is_drawn_before(n):
    for stage in SectorOrder(n).stages:
        assert stage.beside.numel() == 0 or int(stage.beside.max()) < stage.first
