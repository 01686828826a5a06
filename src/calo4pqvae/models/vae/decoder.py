"""The paper's decoder: transposed 3D convolutions on the cylinder, one head per output."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from calo4pqvae.config import Conv3dConfig
from calo4pqvae.errors import GeometryError
from calo4pqvae.models.nn.cylindrical import CylindricalConvTranspose3d
from calo4pqvae.models.nn.norm import BatchNorm
from calo4pqvae.models.vae.encoder import ConvLevel
from calo4pqvae.models.vae.global_bits import QUANTITIES, GlobalBits
from calo4pqvae.models.vae.mean_shower import START, MeanShower
from calo4pqvae.models.vae.sizes import Networks, Sizes

__all__ = ["ConvDecoder", "conv3d_networks"]

NORMALISED = 0.1
"""Further factor of `START`: what batch normalisation lets through is of order one whatever the
bits say. With 0.1 alone it cost a mean shower 50 nats that steps had to win back."""

Size = tuple[int, int, int]
Step = tuple[Size, Size, Size]
Heads = Float[Tensor, "batch outputs layer alpha r"]


class ConvDecoder(nn.Module):
    """Decode the bits of all four partitions and the energy into per-voxel parameters.

    A dense layer makes a coarse volume, four transposed convolutions per head bring it to
    the cylinder: azimuth by strides of two where it divides, depth and radius from inside
    out. Every convolution is periodic in alpha and continued across the axis.

    Arguments:
        shape: (layers, alpha, r) of the cylinder.
        n_nodes: bits of all partitions.
        n_outputs: numbers wanted per voxel (hit logit and value: 2).
        widths: channels of the coarse volume, the trunk, and the two hidden stages of a head.
        mean: give differences from the mean shower, which is trained along; the heads
            then begin small.
        global_bits: what the mean shower is told beside the energy.

    Raises:
        GeometryError: the cylinder is too small for the kernels.

    Source: seed paper, section 3; sizes after the authors' DecoderCNNPB3Dv3.
    """

    def __init__(
        self,
        shape: Size,
        n_nodes: int,
        n_outputs: int,
        widths: tuple[int, int, int, int] = (512, 128, 64, 32),
        mean: MeanShower | None = None,
        global_bits: GlobalBits | None = None,
    ) -> None:
        super().__init__()
        self.mean = mean
        self._global_bits = (global_bits,)  # registered by the model
        self.coarse, steps = _plan(shape)
        self.widths = widths
        self.dense = nn.Linear(
            n_nodes, widths[0] * self.coarse[0] * self.coarse[1] * self.coarse[2]
        )
        self.open = nn.Sequential(BatchNorm(widths[0]), nn.PReLU(widths[0], 0.02))
        self.trunk = _Grow(widths[0], widths[1], steps[0])
        self.heads = nn.ModuleList(
            nn.Sequential(
                _Grow(widths[1] + 1, widths[2], steps[1]),
                _Grow(widths[2], widths[3], steps[2]),
                _Grow(widths[3], 1, steps[3], last=True),
            )
            for _ in range(n_outputs)
        )
        if mean is not None:
            for parameter in (p for head in self.heads for p in head[-1].parameters()):  # pyright: ignore[reportIndexIssue]
                parameter.data.mul_(START * NORMALISED)

    def forward(self, bits: Float[Tensor, "batch nodes"], t: Float[Tensor, "batch 1"]) -> Heads:
        """Compute the outputs of every voxel from bits (relaxed or exact) and scaled energy."""
        volume = self.dense(2 * bits - 1).view(-1, self.widths[0], *self.coarse)
        volume = self.trunk(self.open(volume))
        energy = t.view(-1, 1, 1, 1, 1).expand(-1, 1, *volume.shape[2:])
        volume = torch.cat([volume, energy.to(volume.dtype)], dim=1)
        outputs = torch.cat([head(volume) for head in self.heads], dim=1).float()
        if self.mean is None:
            return outputs
        (global_bits,) = self._global_bits
        return outputs + self.mean(t, None if global_bits is None else global_bits.told(bits))


def conv3d_networks(config: Conv3dConfig, sizes: Sizes) -> Networks:
    """Make the networks of the kind ``conv3d``."""
    shape, widths = sizes.shape, config.decoder_widths
    global_bits, mean = None, None
    if sizes.n_global:
        global_bits = GlobalBits(config.global_bits, start=sizes.partitions[0])
    if config.mean_shower:
        mean = MeanShower(shape, 0 if global_bits is None else QUANTITIES)
    return Networks(
        [ConvLevel(shape, *level, config.encoder_widths) for level in sizes.levels],
        ConvDecoder(shape, sizes.n_nodes, sizes.n_outputs, widths, mean, global_bits),
        global_bits,
    )


class _Grow(nn.Module):
    """A transposed convolution cut to the planned size, normalised and bent unless last."""

    def __init__(self, n_in: int, n_out: int, step: Step, last: bool = False) -> None:
        super().__init__()
        kernel, stride, self.size = step
        self.convolution = CylindricalConvTranspose3d(n_in, n_out, kernel, stride, bias=last)
        bend = nn.Sequential(BatchNorm(n_out), nn.PReLU(n_out, 0.02))
        self.bend = nn.Identity() if last else bend

    def forward(self, x: Tensor) -> Tensor:
        layer, _, r = self.size
        return self.bend(self.convolution(x)[:, :, :layer, :, :r])


def _plan(shape: Size) -> tuple[Size, list[Step]]:
    """Work the sizes out backwards: coarse size, then (kernel, stride, size) of each step."""
    layer, alpha, r = shape
    steps: list[Step] = []
    for kernel, stride in (((5, 3, 3), 1), ((5, 3, 3), 2), ((3, 3, 2), 2), ((5, 3, 3), 2)):
        turns = _alpha_stride(alpha) if len(steps) in {1, 3} else 1
        wide = (kernel[0], max(kernel[1], turns), kernel[2])
        steps.append((wide, (stride, turns, 1), (layer, alpha, r)))
        layer = -(-(layer - kernel[0]) // stride) + 1
        alpha, r = alpha // turns, r - kernel[2] + 1
    if min(layer, alpha - 1, r) < 1 or shape[1] % 2:
        raise GeometryError(
            f"a cylinder of {shape} (layers, alpha, r) does not fit the 3D decoder, "
            "which needs at least 22 layers, 2 azimuth bins (an even number) and 8 rings"
        )
    return (layer, alpha, r), steps[::-1]


def _alpha_stride(alpha: int) -> int:
    """Smallest stride that divides the azimuth and leaves an even number of bins, else 1."""
    fitting = (s for s in range(2, 8) if alpha % s == 0 and (alpha // s) % 2 == 0)
    return next(fitting, 1)
