"""Weights of the showers around an energy: wide enough to hold showers, wherever they are."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["NEGLIGIBLE", "effective_number", "window"]

NEGLIGIBLE = 1e-4
"""Weights up to this share of a full one are left out."""

_WIDEST = 1.0
"""Scaled energies lie in [0, 1]: a wider window would only even out the weights further."""


def window(
    gap: Float[Tensor, " showers"], bandwidth: float, fewest: float
) -> Float[Tensor, " showers"]:
    """Weigh showers by a Gaussian in their distance from an energy.

    The width is the bandwidth, or the distance of the nearest shower where there is none so
    near (an energy that no shower has is estimated from a stretch as long as the distance to
    it), and is doubled until `fewest` showers have a say.

    Arguments:
        gap: distance of each shower's scaled energy from the wanted one.
        bandwidth: least standard deviation of the Gaussian.
        fewest: least effective number of showers, where there are so many.
    """
    width = max(bandwidth, float(gap.abs().min()))
    while True:
        weight = torch.exp(-((gap / width) ** 2) / 2)
        if effective_number(weight) > fewest or width > _WIDEST:
            return weight
        width *= 2


def effective_number(weight: Float[Tensor, " showers"]) -> float:
    """Give the number of equally weighted showers with the same statistical error."""
    return float(weight.sum() ** 2 / (weight**2).sum())
