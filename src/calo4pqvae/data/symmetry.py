"""The exact symmetries of a shower at normal incidence: rotation and reflection in azimuth."""

import torch
from jaxtyping import Float
from torch import Tensor

from calo4pqvae._core.typing import Showers

__all__ = ["rotate_and_mirror"]


def rotate_and_mirror(showers: Showers, uniform: Float[Tensor, "batch 2"]) -> Showers:
    """Rotate each shower by a random number of bins and mirror it with probability 1/2.

    Arguments:
        showers: voxel energies.
        uniform: two random numbers in (0, 1) per shower.
    """
    n = showers.shape[2]
    shift = (uniform[:, :1] * n).long()
    sign = torch.where(uniform[:, 1:] < 0.5, 1, -1)
    source = (sign * torch.arange(n, device=showers.device) + shift) % n
    return showers.gather(2, source[:, None, :, None].expand_as(showers))
