"""Sectors group by group: all of them once, each between known ones, none from the future."""

import pytest
import torch

from calo4pqvae.models.autoregressive.sectors import (
    SectorNetwork,
    binary_subdivision,
    shear_odd_rings,
    unshear_odd_rings,
)

N_ALPHA, N_R, HISTORY, WORLD = 8, 3, 5, 4


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 50])
def test_groups_hold_every_sector_once(n):
    order = [k for group in binary_subdivision(n) for k in range(n)[group.sectors]]
    assert sorted(order) == list(range(n))
    assert all(len(range(n)[g.sectors]) == g.count for g in binary_subdivision(n))


def test_sixteen_sectors_are_halved_three_times():
    groups = [list(range(16)[g.sectors]) for g in binary_subdivision(16)]
    assert groups == [[0, 8], [4, 12], [2, 6, 10, 14], list(range(1, 16, 2))]


@pytest.mark.parametrize("n", [2, 3, 4, 5, 7, 8, 12, 16])
def test_what_lies_beside_a_sector_is_known_and_nearest(n):
    number = torch.arange(n, dtype=torch.float32)[:, None]
    known = set()
    for group in binary_subdivision(n):
        mine = list(range(n)[group.sectors])
        if group.known:
            beside = group.beside(number).long().tolist()
            for sector, others in zip(mine, beside, strict=True):
                assert set(others) <= known
                gap = group.known // 2
                assert {(sector - gap) % n, (sector + gap) % n} <= set(others)
                assert len(set(others)) == len(others)
        known |= set(mine)


@pytest.mark.parametrize("n", [2, 3, 5, 7, 16])
def test_the_last_group_never_stands_alone(n):
    """Hits of other groups are drawn for themselves, which is what a table is learnt from."""
    assert len(binary_subdivision(n)) > 1


def test_seven_sectors_are_four_and_the_three_between_them():
    first, second = binary_subdivision(7)
    assert list(range(7)[first.sectors]) == [0, 2, 4, 6]
    beside = second.beside(torch.arange(7)[:, None].float()).long().tolist()
    assert beside == [[0, 2, 6, 4], [2, 4, 0, 6], [4, 6, 2, 0]]


def test_shearing_is_undone_and_puts_radial_neighbours_side_by_side(generator):
    layer = torch.rand(2, 5, N_ALPHA, N_R, generator=generator)
    assert torch.equal(unshear_odd_rings(shear_odd_rings(layer)), layer)
    sector = shear_odd_rings(torch.arange(N_ALPHA)[:, None].expand(N_ALPHA, N_R))
    assert sector[0].tolist() == [0, 1, 0]


@pytest.fixture
def network():
    torch.manual_seed(1)
    made = SectorNetwork(N_ALPHA, N_R, HISTORY, WORLD, (6, 7))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return made.double().requires_grad_(requires_grad=False)


@pytest.fixture
def layer(generator):
    def draw(*shape):
        return torch.rand(2, *shape, generator=generator, dtype=torch.float64)

    return {
        "history": draw(N_ALPHA, HISTORY),
        "world": draw(WORLD),
        "hits": (draw(N_ALPHA, N_R) > 0.5).double(),
        "seen": draw(N_ALPHA, 2 * N_R),
        "left": 10 * draw(),
    }


def outputs(network, layer):
    """Logits, means and widths of every group."""
    embedded = network.embed(layer["history"], layer["world"])
    left = layer["left"]
    found = [
        [network.hit_logits(embedded, k, layer["hits"], left, 24)]
        for k in range(len(network.groups))
    ]
    network.embed_hits(embedded, layer["hits"])
    return [
        (*logit, *network.value_parameters(embedded, k, layer["seen"], 5 * left, left))
        for k, logit in enumerate(found)
    ]


@pytest.mark.parametrize("changed", range(4))
def test_a_group_sees_earlier_groups_only(network, layer, changed):
    before = outputs(network, layer)
    group = network.groups[changed % len(network.groups)]
    place = network.groups.index(group)
    other = dict(layer, hits=layer["hits"].clone(), seen=layer["seen"].clone())
    other["hits"][:, group.sectors] = 1 - other["hits"][:, group.sectors]
    other["seen"][:, group.sectors] += 1
    after = outputs(network, other)
    for k in range(len(network.groups)):
        same = torch.equal(before[k][0], after[k][0])
        assert same if k <= place else True
    assert not torch.equal(before[-1][0], after[-1][0]) or place == len(network.groups) - 1
    # Energies may depend on all hits, but not on energies of their own group or later ones.
    other["hits"] = layer["hits"]
    after = outputs(network, other)
    for k in range(len(network.groups)):
        assert torch.equal(before[k][1], after[k][1]) == (k <= place)


def test_turning_by_half_turns_everything(network, layer):
    """The first group is two opposite sectors, so that half a turn keeps the groups."""
    half = N_ALPHA // 2
    turned = dict(layer)
    for name in ("history", "hits", "seen"):
        turned[name] = layer[name].roll(half, dims=-2)
    for mine, other in zip(outputs(network, layer), outputs(network, turned), strict=True):
        for a, b in zip(mine, other, strict=True):
            assert torch.allclose(a.roll(a.shape[-2] // 2, dims=-2), b)
