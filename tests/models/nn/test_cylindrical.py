"""Convolutions on the cylinder against explicit loops, and exact rotation equivariance."""

from itertools import product

import pytest
import torch
from torch import nn

from calo4pqvae.errors import GeometryError
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.nn.cylindrical import (
    CylindricalConv3d,
    CylindricalConvTranspose3d,
    cross_axis,
    wrap_alpha,
)

TOLERANCE = 1e-12


def volume(generator, *shape):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def by_geometry(x, layer, alpha, ring):
    """The voxel at a place that may lie across the axis (negative rings) or past the wrap."""
    n = x.shape[3]
    if ring < 0:
        ring, alpha = -ring - 1, alpha + n // 2
    return x[:, :, layer, alpha % n, ring]


@pytest.mark.parametrize("rings", [1, 2, 3])
def test_the_neighbour_across_the_axis(rings, generator):
    x = volume(generator, 2, 1, 2, 6, 3)
    crossed = cross_axis(x, rings)
    assert crossed.shape[4] == 3 + rings
    for layer, alpha, ring in product(range(2), range(6), range(-rings, 3)):
        expected = by_geometry(x, layer, alpha, ring)
        assert torch.equal(crossed[:, :, layer, alpha, ring + rings], expected)


def test_the_neighbour_is_the_nearest_in_space():
    """In a real geometry, ring -1 continues the line of voxel centres through the axis."""
    geometry = CylindricalGeometry.regular(1, 8, [0.0, 1.0, 2.0])
    r, alpha = torch.from_numpy(geometry.r_of_voxel), torch.from_numpy(geometry.alpha_of_voxel)
    x, y = ((r * wave(alpha)).view(1, 1, 1, 8, 2) for wave in (torch.cos, torch.sin))
    for place in (x, y):
        crossed = cross_axis(place, 2)
        steps = crossed.diff(dim=4)
        torch.testing.assert_close(steps, steps[..., -1:].expand_as(steps), rtol=0, atol=1e-12)


def test_wrapped_azimuth_continues_periodically(generator):
    x = volume(generator, 1, 2, 1, 5, 2)
    wrapped = wrap_alpha(x, 2, 4)
    for place in range(11):
        assert torch.equal(wrapped[:, :, :, place], x[:, :, :, (place - 2) % 5])
    with pytest.raises(GeometryError, match="5 azimuth bins cannot be continued by 6"):
        wrap_alpha(x, 6, 0)


def test_half_a_turn_of_an_odd_azimuth_is_the_mean_of_two_bins(generator):
    x = volume(generator, 1, 1, 4, 5, 4)
    opposite = cross_axis(x, 1)[..., 0]
    for bin_ in range(5):
        beside = (x[:, :, :, (bin_ + 2) % 5, 0] + x[:, :, :, (bin_ + 3) % 5, 0]) / 2
        torch.testing.assert_close(opposite[:, :, :, bin_], beside)
    convolution = CylindricalConv3d(1, 1, 3).double()
    turned = convolution(x.roll(1, dims=3))
    torch.testing.assert_close(turned, convolution(x).roll(1, dims=3))
    assert torch.equal(cross_axis(x, 0), x)


@pytest.mark.parametrize(
    ("kernel", "stride"),
    [((3, 3, 3), (1, 1, 1)), ((2, 4, 3), (2, 2, 1)), ((1, 3, 5), (1, 1, 1))],
)
def test_convolution_against_a_loop(kernel, stride, generator):
    x = volume(generator, 1, 2, 5, 6, 5)
    convolution = CylindricalConv3d(2, 3, kernel, stride).double()
    made = convolution(x)
    before, inside = (kernel[1] - 1) // 2, (kernel[2] - 1) // 2
    expected = torch.zeros_like(made) + convolution.bias.view(-1, 1, 1, 1)
    for place in product(*map(range, made.shape[2:])):
        for tap in product(*map(range, kernel)):
            layer, alpha, ring = (p * s + k for p, s, k in zip(place, stride, tap, strict=True))
            voxels = by_geometry(x, layer, alpha - before, ring - inside)
            weight = convolution.weight[(slice(None), slice(None), *tap)]
            expected[(slice(None), slice(None), *place)] += voxels @ weight.T
    torch.testing.assert_close(made, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("kernel", "stride"),
    [((3, 3, 3), (2, 1, 1)), ((2, 3, 2), (2, 2, 1)), ((1, 4, 3), (1, 2, 2))],
)
def test_transposed_convolution_against_a_loop(kernel, stride, generator):
    """Each voxel, and each voxel across the axis, adds its kernel to what it grows into."""
    x = volume(generator, 1, 2, 2, 4, 3)
    convolution = CylindricalConvTranspose3d(2, 3, kernel, stride).double()
    made = convolution(x)
    assert made.shape[3] == 4 * stride[1]
    expected = torch.zeros_like(made) + convolution.bias.view(-1, 1, 1, 1)
    for layer, alpha, ring in product(range(2), range(4), range(-3, 3)):
        voxels = by_geometry(x, layer, alpha, ring)
        for tap in product(*map(range, kernel)):
            place = (
                layer * stride[0] + tap[0],
                alpha * stride[1] + tap[1],
                ring * stride[2] + tap[2],
            )
            if place[2] >= 0:
                weight = convolution.weight[(slice(None), slice(None), *tap)]
                place = (place[0], place[1] % made.shape[3], place[2])
                expected[(slice(None), slice(None), *place)] += voxels @ weight
    torch.testing.assert_close(made, expected, rtol=0, atol=TOLERANCE)


def rotation_error(network, x, turn_in, turn_out):
    """Largest difference between rotating before and after the network."""
    with torch.no_grad():
        before = network(x.roll(turn_in, dims=3))
        after = network(x).roll(turn_out, dims=3)
    return float((before - after).abs().max())


KERNELS = [(1, 1, 1), (3, 3, 3), (5, 3, 3), (3, 3, 2), (3, 5, 5), (2, 2, 4)]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("stride", [(1, 1, 1), (2, 2, 1), (1, 2, 2)])
def test_rotations_pass_through_convolutions(kernel, stride, generator):
    x = volume(generator, 2, 2, 6, 8, 5)
    down = CylindricalConv3d(2, 3, kernel, stride).double()
    up = CylindricalConvTranspose3d(2, 3, kernel, stride).double()
    for bins in range(1, 8):
        assert rotation_error(up, x, bins, bins * stride[1]) < TOLERANCE
        if bins % stride[1] == 0:
            assert rotation_error(down, x, bins, bins // stride[1]) < TOLERANCE


@pytest.mark.parametrize(
    "plain", [nn.Conv3d(2, 3, 3, padding=1), nn.ConvTranspose3d(2, 3, 3, padding=1)]
)
def test_zero_padding_fails_the_same_check(plain, generator):
    x = volume(generator, 2, 2, 6, 8, 5)
    assert rotation_error(plain.double(), x, 1, 1) > 1e-3


def test_wrapping_without_crossing_the_axis_misses_the_neighbours(generator):
    """Rotation alone cannot tell the axis; a voxel must feel the one opposite."""
    x = volume(generator, 1, 1, 3, 8, 4).requires_grad_()
    CylindricalConv3d(1, 1, 3).double()(x)[0, 0, 0, 1, 0].backward()
    assert sorted(set(x.grad[0, 0, :, :, 0].nonzero()[:, 1].tolist())) == [0, 1, 2, 4, 5, 6]
    x.grad = None
    CylindricalConvTranspose3d(1, 1, 3).double()(x)[0, 0, 1, 1, 0].backward()
    assert sorted(set(x.grad[0, 0, :, :, 0].nonzero()[:, 1].tolist())) == [0, 1, 3, 4, 5, 7]
