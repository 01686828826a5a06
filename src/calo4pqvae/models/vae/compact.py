"""The paper's structure at a size that one core trains: convolutions on coarse cylinders.

Hierarchical encoder levels that see the shower and all earlier partitions, and a decoder of
cylindrical convolutions, both beginning with the mean shower. Any regular cylinder fits.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

from calo4pqvae._core.typing import Showers
from calo4pqvae.config import CompactConfig
from calo4pqvae.models.nn.cylindrical import SameCylindricalConv3d
from calo4pqvae.models.nn.norm import BatchNorm
from calo4pqvae.models.vae.depth import energy_features
from calo4pqvae.models.vae.global_bits import QUANTITIES, GlobalBits
from calo4pqvae.models.vae.mean_shower import START, MeanShower
from calo4pqvae.models.vae.sizes import Networks, Sizes

__all__ = ["CompactDecoder", "CompactLevel", "Residuals", "compact_networks"]

LOGIT_GAIN = 2.0
"""Gain of the normalised logits: with 1, most latents collapse within the first epochs."""

Size = tuple[int, int, int]
Levels = tuple[int, int, int, int]
Volume = Float[Tensor, "batch channel layer alpha r"]


class Residuals(nn.Module):
    r"""A shower as its difference from the mean shower: hits, and values of hits.

    $(h - p) / \sqrt{p (1 - p) + 0.01} / 2$ and $h (x - v) / 2$; the halves make both of order
    one. The mean shower is the decoder's and is not trained through the encoder.

    Arguments:
        mean: the decoder's mean shower.
        global_bits: what the mean shower is told beside the energy.
    """

    def __init__(self, mean: MeanShower, global_bits: GlobalBits | None = None) -> None:
        super().__init__()
        self._shared = (mean, global_bits)  # not registered a second time

    @torch.no_grad()
    def forward(
        self, x: Showers, t: Float[Tensor, "batch 1"], earlier: Float[Tensor, "batch earlier"]
    ) -> Volume:
        """Compute the two channels."""
        mean, global_bits = self._shared
        told = None if global_bits is None else global_bits.told(earlier)
        logit, value = mean(t, told).unbind(dim=1)
        p, hits = torch.sigmoid(logit), (x > 0).to(x.dtype)
        seen = (hits - p) / torch.sqrt(p * (1 - p) + 0.01)
        return torch.stack([seen, hits * (x - nn.functional.softplus(value))], dim=1) / 2


class CompactLevel(nn.Module):
    """One level of the encoder: three strided convolutions, then two dense layers.

    The earlier partitions enter as an image on the grid after the first convolution, and once
    more beside the flat features, with the energy.

    Arguments:
        shape: (layers, alpha, r) of the cylinder.
        residuals: the two channels that a shower becomes.
        n_earlier: bits of all earlier partitions.
        n_bits: bits of this level's partition.
        widths: channels of the convolutions, hidden units.
    """

    def __init__(
        self,
        shape: Size,
        residuals: Residuals,
        n_earlier: int,
        n_bits: int,
        widths: Levels = (15, 32, 64, 192),
    ) -> None:
        super().__init__()
        first, second, third, hidden = widths
        self.residuals = residuals
        around = 2 if shape[1] % 2 == 0 else 1
        strides = ((3, around, 2), (2, 2 if shape[1] % 4 == 0 else 1, 2), (2, 1, 1))
        self.first = SameCylindricalConv3d(2, first, (5, 3, 3), strides[0])
        self.second = SameCylindricalConv3d(first + 1, second, 3, strides[1])
        self.third = SameCylindricalConv3d(second, third, 3, strides[2])
        self.grid = _strided(shape, strides[0])
        last = _strided(_strided(self.grid, strides[1]), strides[2])
        self.image = nn.Linear(n_earlier, math.prod(self.grid))
        self.hidden = nn.Linear(third * math.prod(last) + 4 + n_earlier, hidden)
        self.logits = nn.Linear(hidden, n_bits, bias=False)
        self.norm = BatchNorm(n_bits)
        nn.init.constant_(self.norm.weight, LOGIT_GAIN)

    def forward(
        self, x: Showers, t: Float[Tensor, "batch 1"], earlier: Float[Tensor, "batch earlier"]
    ) -> Float[Tensor, "batch bits"]:
        """Compute the logits of this level's partition."""
        volume = silu(self.first(self.residuals(x, t, earlier)))
        seen = 2 * earlier.to(volume) - 1
        image = self.image(seen).view(-1, 1, *self.grid)
        volume = silu(self.second(torch.cat([volume, image.to(volume)], dim=1)))
        flat = silu(self.third(volume)).flatten(start_dim=1)
        known = torch.cat([flat, energy_features(t).to(flat), seen.to(flat)], dim=1)
        return self.norm(self.logits(silu(self.hidden(known))).float())


class CompactDecoder(nn.Module):
    """Decode bits and energy on a coarse cylinder, then in two sub-pixel steps on the full one.

    The outputs are differences from the mean shower, which is trained along.

    Arguments:
        shape: (layers, alpha, r) of the cylinder.
        n_nodes: bits of all partitions.
        mean: the mean shower.
        widths: dense units, channels of the coarse and of the finer volume.
        global_bits: what mean shower and dense layer are told beside the energy.
    """

    N_OUTPUTS = 2

    def __init__(
        self,
        shape: Size,
        n_nodes: int,
        mean: MeanShower,
        widths: tuple[int, int, int] = (256, 32, 16),
        global_bits: GlobalBits | None = None,
    ) -> None:
        super().__init__()
        dense, coarse, fine = widths
        turns = tuple(2 if shape[1] % k == 0 else 1 for k in (2, 4))
        self.shape, self.steps = shape, ((2, turns[1], 3), (2, turns[0], 1))
        self.coarse = tuple(
            -(-size // (a * b)) for size, a, b in zip(shape, *self.steps, strict=True)
        )
        self.mean = mean
        self._global_bits = (global_bits,)  # registered by the model
        n_told = 0 if global_bits is None else QUANTITIES
        self.dense = nn.Linear(n_nodes + 4 + n_told, dense)
        self.open = nn.Linear(dense, coarse * math.prod(self.coarse))
        self.blocks = nn.ModuleList(SameCylindricalConv3d(coarse, coarse, 3) for _ in range(2))
        self.grow = nn.Conv3d(coarse, fine * math.prod(self.steps[0]), 1)
        self.out = SameCylindricalConv3d(fine, self.N_OUTPUTS * math.prod(self.steps[1]), 3)
        for parameter in self.out.parameters():
            parameter.data.mul_(START)

    def forward(
        self, bits: Float[Tensor, "batch nodes"], t: Float[Tensor, "batch 1"]
    ) -> Float[Tensor, "batch outputs layer alpha r"]:
        """Compute logit and raw value of every voxel from bits (relaxed or exact) and t."""
        known, told = [2 * bits - 1, energy_features(t).to(bits)], None
        if self._global_bits[0] is not None:
            told = self._global_bits[0].told(bits)
            known.append(told.to(bits))
        volume = silu(self.open(silu(self.dense(torch.cat(known, dim=1)))))
        volume = volume.view(len(bits), -1, *self.coarse)
        for block in self.blocks:
            volume = volume + silu(block(volume))
        volume = silu(_spread(self.grow(volume), self.steps[0]))
        volume = _spread(self.out(volume), self.steps[1]).float()
        layer, alpha, r = self.shape
        return volume[:, :, :layer, :alpha, :r] + self.mean(t, told)


def compact_networks(config: CompactConfig, sizes: Sizes) -> Networks:
    """Make the networks of the kind ``compact``."""
    shape, global_bits = sizes.shape, None
    if sizes.n_global:
        global_bits = GlobalBits(config.global_bits, start=sizes.partitions[0])
    mean = MeanShower(shape, 0 if global_bits is None else QUANTITIES)
    residuals, widths = Residuals(mean, global_bits), config.encoder_widths
    return Networks(
        [CompactLevel(shape, residuals, *level, widths) for level in sizes.levels],
        CompactDecoder(shape, sizes.n_nodes, mean, config.decoder_widths, global_bits),
        global_bits,
    )


def _strided(shape: Size, stride: Size) -> Size:
    """Size of a volume after a convolution that keeps sizes but for its stride."""
    layer, alpha, r = (-(-n // s) for n, s in zip(shape, stride, strict=True))
    return layer, alpha, r


def _spread(x: Volume, factors: Size) -> Float[Tensor, "batch fewer deeper wider longer"]:
    """Turn channels into voxels: each cell becomes a block of `factors` cells."""
    batch, channels, *grid = x.shape
    a, b, c = factors
    x = x.view(batch, channels // (a * b * c), a, b, c, *grid)
    x = x.permute(0, 1, 5, 2, 6, 3, 7, 4)
    return x.reshape(batch, -1, grid[0] * a, grid[1] * b, grid[2] * c)
