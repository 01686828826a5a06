"""Convolutions on a cylinder: periodic in alpha, continued across the axis.

Tensors are (batch, channel, layer, alpha, r). Before each convolution the rings next to the
axis are replicated on its other side, half a turn away, and the azimuth is wrapped; depth
and the outer radius are left as they are. Rotating the input by whole bins then rotates the
output exactly. The wrap is written with `cat`, which exports to every ONNX version.

Source: seed paper, section 3 (padding strategy); scheme in the authors' `PeriodicConv3d`.
"""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from calo4pqvae.errors import GeometryError

__all__ = [
    "CylindricalConv3d",
    "CylindricalConvTranspose3d",
    "SameCylindricalConv3d",
    "cross_axis",
    "wrap_alpha",
]

Volume = Float[Tensor, "batch channel layer alpha r"]
NewVolume = Float[Tensor, "batch new_channel new_layer new_alpha new_r"]
Size = tuple[int, int, int]


def wrap_alpha(
    x: Volume, before: int, after: int
) -> Float[Tensor, "batch channel layer wider r"]:
    """Continue the azimuth periodically by some bins at each end."""
    n = x.shape[3]
    if max(before, after) > n:
        raise GeometryError(f"{n} azimuth bins cannot be continued by {max(before, after)}")
    return torch.cat([x[:, :, :, n - before :], x, x[:, :, :, :after]], dim=3)


def cross_axis(x: Volume, rings: int) -> Float[Tensor, "batch channel layer alpha deeper"]:
    """Prepend the innermost rings, mirrored and turned by half a turn.

    With an odd number of azimuth bins half a turn ends between two bins: their mean is taken.
    """
    if rings == 0:
        return x
    n, inner = x.shape[3], x[..., :rings].flip(4)
    opposite = inner.roll(n // 2, dims=3)
    if n % 2:
        opposite = (opposite + inner.roll(n // 2 + 1, dims=3)) / 2
    return torch.cat([opposite, x], dim=4)


class CylindricalConv3d(nn.Conv3d):
    """Convolve on the cylinder.

    The azimuth keeps its size divided by the stride; one ring per two kernel rings is added
    across the axis; depth and outer radius shrink as in a convolution without padding.
    """

    def forward(self, input: Volume) -> NewVolume:  # noqa: A002
        """Pad across the axis and around, then convolve."""
        _, k_alpha, k_r = cast(Size, self.kernel_size)
        padded = cross_axis(input, (k_r - 1) // 2)
        before = (k_alpha - 1) // 2
        return super().forward(wrap_alpha(padded, before, k_alpha - 1 - before))


class SameCylindricalConv3d(nn.Conv3d):
    """Convolve on the cylinder and keep all sizes, up to the stride.

    Beyond the first and the last layer and the outermost ring there are zeros: there is no
    calorimeter. Kernels have odd sizes.
    """

    def forward(self, input: Volume) -> NewVolume:  # noqa: A002
        """Pad on all sides, then convolve."""
        k_layer, k_alpha, k_r = (size // 2 for size in cast(Size, self.kernel_size))
        padded = wrap_alpha(cross_axis(input, min(k_r, input.shape[4])), k_alpha, k_alpha)
        return super().forward(nn.functional.pad(padded, (0, k_r, 0, 0, k_layer, k_layer)))


class CylindricalConvTranspose3d(nn.ConvTranspose3d):
    """Grow a volume on the cylinder, periodic and continued across the axis like the other.

    The azimuth grows by exactly its stride; depth and radius grow as in a transposed
    convolution. Contributions that reach over the ends of the azimuth come back at the other
    end, those that reach over the axis come in half a turn away.
    """

    def forward(self, input: Volume, output_size: list[int] | None = None) -> NewVolume:  # noqa: A002
        """Continue the input, convolve, and cut what belongs to the continuation."""
        _, k_alpha, k_r = cast(Size, self.kernel_size)
        _, s_alpha, s_r = cast(Size, self.stride)
        rings = min((k_r - 1) // s_r, input.shape[4])
        turns = -(-(k_alpha - 1) // s_alpha)
        continued = wrap_alpha(cross_axis(input, rings), turns, int(k_alpha < s_alpha))
        grown = super().forward(continued, output_size)
        start, length = turns * s_alpha, input.shape[3] * s_alpha
        return grown[:, :, :, start : start + length, rings * s_r :]
