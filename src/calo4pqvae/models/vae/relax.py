r"""Binary concrete ("Gumbel") relaxation of bits, so that gradients pass through them.

With u uniform in (0, 1), $z = \sigma\big(\lambda\,[l + \ln\frac{u}{1-u}]\big)$ tends to a
Bernoulli($\sigma(l)$) bit as the sharpness $\lambda$ grows; thresholding it at 1/2 gives
exactly that bit at any sharpness.

Source: Maddison, Mnih and Teh, arXiv 1611.00712; seed paper, section 3.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["draw_bits", "entropy", "relaxed_bits"]


def relaxed_bits(
    logits: Float[Tensor, "*shape"], uniform: Float[Tensor, "*shape"], sharpness: float
) -> Float[Tensor, "*shape"]:
    """Draw relaxed bits in (0, 1) with gradients to the logits."""
    return torch.sigmoid(sharpness * (logits + torch.logit(uniform)))


def draw_bits(
    logits: Float[Tensor, "*shape"], uniform: Float[Tensor, "*shape"]
) -> Bool[Tensor, "*shape"]:
    """Draw exact bits; with the same numbers, the relaxed bits thresholded at 1/2."""
    return logits + torch.logit(uniform) > 0


def entropy(logits: Float[Tensor, "batch bits"]) -> Float[Tensor, " batch"]:
    """Sum the entropies of independent Bernoulli bits [nats]."""
    p = torch.sigmoid(logits)
    return (torch.nn.functional.softplus(logits) - p * logits).sum(dim=1)
