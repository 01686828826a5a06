"""The distribution of single deposits: a density, and draws from it."""

import pytest
import torch

from calo4pqvae.models.cellwise.deposits import Deposits

V0 = 0.05


@pytest.fixture
def distribution(generator):
    made = Deposits(V0)
    with torch.no_grad():
        made.spectra += 0.5 * torch.randn(made.spectra.shape, generator=generator)
    return made


CASES = [
    ([0.0, 0.0, 0.0, 5.5, -1.0], 5.9, 1.0),
    ([1.0, -2.0, 0.5, 6.5, 0.5], 7.0, 3.0),
    ([-3.0, -3.0, -3.0, 9.0, -1.5], 30.0, 40.0),
]


def density(distribution, outputs, room, later, n=40_000):
    end = min(room, 14.0)
    y = (torch.arange(n) + 0.5) / n * end
    rows = torch.tensor(outputs).expand(n, -1)
    nll = distribution.loss(rows, y, torch.full((n,), room), torch.full((n,), later))
    return y, torch.exp(-nll.detach()) * end / n


@pytest.mark.parametrize(("outputs", "room", "later"), CASES)
def test_it_is_normalised(distribution, outputs, room, later):
    _, p = density(distribution, outputs, room, later)
    # Rooms of the spectra are tabulated 0.1 apart and rounded upwards.
    assert abs(float(p.sum()) - 1) < 0.03


@pytest.mark.parametrize(("outputs", "room", "later"), CASES)
def test_draws_follow_it(distribution, outputs, room, later, generator):
    n, bins = 40_000, 40
    # Where the spectra are tabulated, nothing is lost between two rooms.
    room = (
        float(distribution.rooms[torch.searchsorted(distribution.rooms, room)])
        if room < 8
        else room
    )
    y, p = density(distribution, outputs, room, later)
    p = p / p.sum()
    edges = y[torch.searchsorted(p.cumsum(0), torch.arange(1, bins) / bins)]
    expected = torch.zeros(bins).index_add(0, torch.bucketize(y, edges), p) * n
    rows, uniform = torch.tensor(outputs).expand(n, -1), torch.rand(n, generator=generator)

    def chi_square(room_of_draw):
        with torch.no_grad():
            rooms = torch.full((n,), room_of_draw)
            drawn = distribution.draw(rows, rooms, torch.full((n,), later), uniform)
        assert float(drawn.min()) >= 0
        assert float(drawn.max()) <= room_of_draw + 1e-4
        found = torch.bincount(torch.bucketize(drawn, edges), minlength=bins)
        return float(((found - expected) ** 2 / expected).sum())

    # 39 degrees of freedom: 80 is exceeded once in 10^4.
    assert chi_square(room) < 80
    if room < 10:
        assert chi_square(room - 0.5) > 200
