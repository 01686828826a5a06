"""Profiles bent smoothly until their mean layer and their spread are those wanted."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["profile_moments", "tilt"]

Profile = Float[Tensor, "batch layer"]
PerShower = Float[Tensor, "batch 1"]

_STEPS = 12
_LARGEST = (0.15, 0.01)


def profile_moments(layers: Profile) -> tuple[PerShower, PerShower]:
    """Mean layer, counted from 0, and variance around it, weighted with energy."""
    weight = layers.double() / layers.double().sum(dim=1, keepdim=True).clamp(min=1e-30)
    number = _numbers(layers)
    mean = (weight * number).sum(dim=1, keepdim=True)
    return mean, (weight * (number - mean) ** 2).sum(dim=1, keepdim=True)


def tilt(layers: Profile, mean: PerShower, variance: PerShower) -> Profile:
    r"""Multiply energies with $e^{b (l - \bar l) + c (l - \bar l)^2}$, to the wanted moments.

    b and c are found by Newton's method, bounded by 0.15 and 0.01 per step and ten times that
    in all. A shower of fewer than three layers with energy is left as it is, and so are its
    moments; the sum changes and is the caller's to set.

    Arguments:
        layers: energies of the layers.
        mean: wanted mean layer.
        variance: wanted variance around it.
    """
    x = _numbers(layers) - mean
    b, c = torch.zeros_like(mean), torch.zeros_like(mean)
    for _ in range(_STEPS):
        weight = _bent(layers, x, b, c)
        m1, m2, m3, m4 = ((weight * x**k).sum(dim=1, keepdim=True) for k in range(1, 5))
        # Jacobian of (m1, m2) in (b, c): covariances of x and x^2.
        v11, v12, v22 = m2 - m1**2, m3 - m1 * m2, m4 - m2**2
        free = v11 * v22 - v12**2
        free = free + 1e-3 * v11 * v22 + 1e-9
        gap1, gap2 = -m1, variance - m2
        step_b = (v22 * gap1 - v12 * gap2) / free
        step_c = (v11 * gap2 - v12 * gap1) / free
        b = (b + step_b.clamp(-_LARGEST[0], _LARGEST[0])).clamp(-1.5, 1.5)
        c = (c + step_c.clamp(-_LARGEST[1], _LARGEST[1])).clamp(-0.1, 0.1)
    enough = (layers > 0).sum(dim=1, keepdim=True) >= 3
    total = layers.double().sum(dim=1, keepdim=True)
    return torch.where(enough, _bent(layers, x, b, c) * total, layers.double())


def _bent(layers: Profile, x: Tensor, b: PerShower, c: PerShower) -> Profile:
    log_weight = torch.log(layers.double()) + b * x + c * x**2
    return torch.softmax(log_weight, dim=1)


def _numbers(layers: Profile) -> Float[Tensor, " layer"]:
    return torch.arange(layers.shape[1], dtype=torch.float64, device=layers.device)
