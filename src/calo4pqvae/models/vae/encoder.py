"""The approximating posterior: one level per latent partition, each seeing all before it."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from calo4pqvae._core.typing import Showers
from calo4pqvae.errors import GeometryError
from calo4pqvae.models.nn.cylindrical import CylindricalConv3d
from calo4pqvae.models.nn.norm import BatchNorm
from calo4pqvae.models.vae.relax import draw_bits, relaxed_bits

__all__ = ["ConvLevel", "HierarchicalEncoder"]

Earlier = Float[Tensor, "batch earlier"]


class HierarchicalEncoder(nn.Module):
    r"""Posterior $q(z|x,e) = \prod_l q(z_l \mid x, z_{<l}, e)$ over partitions 1 to 3.

    Each level sees the transformed shower and, concatenated, every earlier partition, the
    incident-energy bits of partition 0 included (Fig. 1 of the paper).

    Arguments:
        levels: networks called as ``level(x, t, earlier) -> logits``.
    """

    def __init__(self, levels: Sequence[nn.Module]) -> None:
        super().__init__()
        self.levels = nn.ModuleList(levels)

    def forward(
        self,
        x: Showers,
        t: Float[Tensor, "batch 1"],
        code: Float[Tensor, "batch clamped"],
        uniform: Float[Tensor, "batch latents"],
        sharpness: float | None,
    ) -> tuple[Float[Tensor, "batch latents"], Float[Tensor, "batch latents"]]:
        """Draw bits level by level.

        Arguments:
            x: showers transformed by eq. (1).
            t: scaled incident energy.
            code: state of the conditioning partition.
            uniform: random numbers in (0, 1), one per latent node.
            sharpness: inverse temperature of the relaxation; None draws exact bits.

        Returns:
            logits and bits (relaxed, or exact 0 and 1) of partitions 1 to 3, concatenated.
        """
        logits, seen, used = [], code, 0
        for level in self.levels:
            logit = level(x, t, seen)
            draw = uniform[:, used : used + logit.shape[1]]
            used += logit.shape[1]
            logits.append(logit)
            exact = sharpness is None
            bits = draw_bits(logit, draw) if exact else relaxed_bits(logit, draw, sharpness)
            seen = torch.cat([seen, bits.to(seen.dtype)], dim=1)
        return torch.cat(logits, dim=1), seen[:, code.shape[1] :]


class ConvLevel(nn.Module):
    """One level of the paper's encoder: four 3D convolutions and a dense layer.

    The earlier partitions enter as a second input channel, a learnt linear image of their
    bits, beside the shower; the scaled energy joins as a channel before the last
    convolution. Convolutions 1 to 3 are padded on the cylinder.

    Arguments:
        shape: (layers, alpha, r) of the cylinder.
        n_earlier: bits of all earlier partitions.
        n_bits: bits of this level's partition.
        widths: channels of the four convolutions.

    Raises:
        GeometryError: the cylinder is too small for the strides.

    Source: seed paper, section 3 and Fig. 1; sizes as in the authors' EncoderBlockPBH3Dv3.
    """

    STRIDES = ((2, 1, 1), (2, 1, 1), (1, 2, 1))

    def __init__(
        self,
        shape: tuple[int, int, int],
        n_earlier: int,
        n_bits: int,
        widths: tuple[int, int, int, int] = (32, 64, 128, 256),
    ) -> None:
        super().__init__()
        self.shape = shape
        self.image = nn.Linear(n_earlier, shape[0] * shape[1] * shape[2])
        channels = (2, *widths[:3])
        self.stem = nn.Sequential(
            *(
                _block(CylindricalConv3d(channels[i], channels[i + 1], 3, stride, bias=False))
                for i, stride in enumerate(self.STRIDES)
            )
        )
        self.neck = _block(nn.Conv3d(widths[2] + 1, widths[3], 3, (2, 2, 1), bias=False))
        self.logits = nn.Linear(widths[3] * _neck_voxels(shape), n_bits)

    def forward(
        self, x: Showers, t: Float[Tensor, "batch 1"], earlier: Earlier
    ) -> Float[Tensor, "batch bits"]:
        """Compute the logits of this level's partition."""
        image = self.image(2 * earlier - 1).view(x.shape)
        features = self.stem(torch.stack([x, image], dim=1))
        energy = t.view(-1, 1, 1, 1, 1).expand(-1, 1, *features.shape[2:])
        features = self.neck(torch.cat([features, energy.to(features.dtype)], dim=1))
        return self.logits(features.flatten(start_dim=1))


def _block(convolution: nn.Conv3d) -> nn.Sequential:
    channels = convolution.out_channels
    return nn.Sequential(convolution, BatchNorm(channels), nn.PReLU(channels, 0.02))


def _neck_voxels(shape: tuple[int, int, int]) -> int:
    layer, alpha, r = shape
    for _ in range(2):
        layer, r = (layer - 3) // 2 + 1, r - 1
    layer, alpha, r = layer - 2, alpha // 2, r - 1
    layer, alpha, r = (layer - 3) // 2 + 1, (alpha - 3) // 2 + 1, r - 2
    if min(layer, alpha, r) < 1 or shape[1] % 2:
        raise GeometryError(
            f"a cylinder of {shape} (layers, alpha, r) does not fit the 3D encoder, "
            "which needs at least 23 layers, 6 azimuth bins (an even number) and 6 rings"
        )
    return layer * alpha * r
