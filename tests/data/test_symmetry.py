"""Rotations and reflections in azimuth: what they keep, and that all are drawn alike."""

import pytest
import torch
from scipy.stats import chisquare

from calo4pqvae.data.symmetry import rotate_and_mirror


@pytest.fixture
def showers(generator):
    return torch.rand(64, 3, 6, 2, generator=generator)


def images(shower):
    """All rotations of a shower and of its mirror image, built with roll and flip."""
    turned = [shower.roll(k, dims=1) for k in range(shower.shape[1])]
    return torch.stack(turned + [s.flip(1) for s in turned])


def test_energy_per_layer_and_ring_is_kept(showers, generator):
    moved = rotate_and_mirror(showers, torch.rand(64, 2, generator=generator))
    assert torch.allclose(moved.sum(dim=2), showers.sum(dim=2), rtol=1e-6)
    assert not torch.equal(moved, showers)


def test_every_result_is_an_image_of_its_shower(showers, generator):
    moved = rotate_and_mirror(showers, torch.rand(64, 2, generator=generator))
    for before, after in zip(showers, moved, strict=True):
        assert (images(before) == after).flatten(start_dim=1).all(dim=1).sum() == 1


def test_small_numbers_rotate_and_mirror_as_said(showers):
    def move(shift, mirror):
        return rotate_and_mirror(showers, torch.tensor([[shift, mirror]]).expand(64, 2))

    assert torch.equal(move(0.01, 0.4), showers)
    assert torch.equal(move(2.5 / 6, 0.4), showers.roll(-2, dims=2))
    assert torch.equal(move(0.01, 0.6), showers.flip(2).roll(1, dims=2))


def test_numbers_next_to_one_are_allowed(showers):
    edge = torch.full((64, 2), 1 - 2.0**-24)
    assert torch.isfinite(rotate_and_mirror(showers, edge)).all()


def test_all_images_are_equally_frequent(generator):
    n, draws = 6, 12_000
    shower = torch.rand(1, 1, n, 1, generator=generator)
    uniform = torch.rand(draws, 2, generator=generator)
    moved = rotate_and_mirror(shower.expand(draws, -1, -1, -1), uniform)
    same = (moved[:, None] == images(shower[0])[None]).flatten(start_dim=2).all(dim=2)
    # False alarms: one in ten thousand seeds.
    assert chisquare(same.sum(dim=0).numpy()).pvalue > 1e-4
