"""The normal distribution cut at zero: draws from a survival probability, and back."""

import torch
from torch import Tensor

__all__ = ["FAR_BOUND", "LEAST_UNIFORM", "logit_of_truncated_normal", "truncated_normal"]

LEAST_UNIFORM = 2.0**-24
"""Nearest that a probability in float32 comes to 0 and 1."""

FAR_BOUND = 10.0
"""Distance of the cut [standard deviations] from which on the leading term of the tail is
taken: it is good to 1 % there, and the quantile leaves the range of float32."""


def truncated_normal(mu: Tensor, sigma: Tensor, survival: Tensor) -> Tensor:
    """Solve P(Y > y | Y > 0) = survival for Y from N(mu, sigma).

    Where the cut lies over ten sigma out, ndtri leaves the range of float32; the leading
    term of the tail is then good to 1 %.
    """
    survival = survival.clamp(min=LEAST_UNIFORM)
    tail = (survival * torch.special.ndtr(mu / sigma)).clamp(1e-37, 1 - LEAST_UNIFORM)
    near = mu - sigma * torch.special.ndtri(tail)
    cut, drop = -mu / sigma, -2 * torch.log(survival)
    far = sigma * drop / (cut.clamp(min=1) + torch.sqrt(cut**2 + drop))
    return torch.where(cut > FAR_BOUND, far, near)


def logit_of_truncated_normal(y: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
    """Compute logit P(Y < y | Y > 0) for Y from N(mu, sigma)."""
    log_survival = torch.special.log_ndtr((mu - y) / sigma)
    log_survival = log_survival - torch.special.log_ndtr(mu / sigma)
    log_survival = log_survival.clamp(max=-LEAST_UNIFORM)
    return torch.log(-torch.expm1(log_survival)) - log_survival
