"""Voxels of given layer energies, layer after layer and group after group of sectors."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from calo4pqvae._core.rng import RandomSource
from calo4pqvae._core.typing import Showers
from calo4pqvae.models.autoregressive.causal import CausalDecoder
from calo4pqvae.models.autoregressive.drawing.compiled import CompiledDraws
from calo4pqvae.models.autoregressive.drawing.draws import draw_voxels
from calo4pqvae.models.autoregressive.drawing.likelihood import calibration, losses
from calo4pqvae.models.voxels.shared import SharedVoxels

__all__ = ["CompiledDraws", "calibration", "draw_showers", "draw_voxels", "losses"]


@torch.no_grad()
def draw_showers(
    decoder: CausalDecoder,
    voxels: SharedVoxels,
    layers: Float[Tensor, "batch layer"],
    t: Float[Tensor, "batch 1"],
    noise: RandomSource,
) -> Showers:
    """Draw voxels [MeV] whose sums are the given layer energies [MeV].

    Compiled code and torch draw the same showers from the same numbers, up to rounding; the
    first is for CPUs, the other for any device.
    """
    each = 2 + 2 * math.prod(decoder.shape[1:])
    chances = noise.uniform(len(layers), len(layers[0]), each)
    if layers.device.type == "cpu":
        return CompiledDraws(decoder, voxels)(layers, t, chances)
    return draw_voxels(decoder, voxels, layers, t, chances)
