"""Legendre polynomials of a number in [0, 1]."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["legendre"]


def legendre(t: Float[Tensor, "batch 1"], order: int) -> Float[Tensor, "batch features"]:
    """Evaluate P_0 to P_order at 2t - 1.

    Example:
        >>> legendre(torch.tensor([[0.0], [0.5]]), 2)
        tensor([[ 1.0000, -1.0000,  1.0000],
                [ 1.0000,  0.0000, -0.5000]])
    """
    x = 2 * t - 1
    columns = [torch.ones_like(x), x]
    for k in range(1, order):
        columns.append(((2 * k + 1) * x * columns[k] - k * columns[k - 1]) / (k + 1))
    return torch.cat(columns[: order + 1], dim=1)
