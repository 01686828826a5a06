"""Profiles tilted exponentially to a wanted sum, mean layer and spread."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["profile_moments", "tilt"]

Profile = Float[Tensor, "batch layer"]
PerShower = Float[Tensor, "batch 1"]

STEPS = 12
"""Steps of Newton's method: bounded ones of 0.5 reach any tilt, the last few converge."""

LARGEST_STEP, LARGEST_EXPONENT = 0.5, 5.0
"""Bounds of a step of a, b and c, and of what an energy is multiplied with (e^5)."""

UNIT = 5.0
"""Layers in a unit of x, about the spread of a shower, so that x is of order one."""

STIFFNESS = 15.0
"""Energy of a layer that gives half [MeV]: about one particle's in silicon and tungsten."""


def profile_moments(layers: Profile) -> tuple[PerShower, PerShower]:
    """Mean layer, counted from 0, and variance around it, weighted with energy."""
    weight = layers.double() / layers.double().sum(dim=1, keepdim=True).clamp(min=1e-30)
    number = _numbers(layers)
    mean = (weight * number).sum(dim=1, keepdim=True)
    return mean, (weight * (number - mean) ** 2).sum(dim=1, keepdim=True)


def tilt(layers: Profile, total: PerShower, mean: PerShower, variance: PerShower) -> Profile:
    r"""Multiply energies with $e^{g_l (a + b x + c x^2)}$, x = l - mean, to the wanted moments.

    $g = E / (E + 15\,\mathrm{MeV})$ leaves the energies of single particles as they were drawn
    and lets the large ones adapt. a, b and c are found by Newton's method with bounded steps. A
    shower of fewer than three layers with energy gets its sum only. What is left of the sum
    in the end is made up by a common factor.

    Arguments:
        layers: energies of the layers [MeV].
        total: wanted sum [MeV].
        mean: wanted mean layer.
        variance: wanted variance around it.
    """
    energies = layers.double()
    x = (_numbers(layers) - mean) / UNIT
    powers = torch.stack([x**k for k in range(5)], dim=-1)
    give = energies / (energies + STIFFNESS)
    enough = (layers > 0).sum(dim=1, keepdim=True) >= 3
    wanted = torch.cat(
        [torch.ones_like(mean), torch.zeros_like(mean), variance / UNIT**2], dim=1
    )
    free = torch.cat([torch.ones_like(enough), enough, enough], dim=1).double()
    # Jacobian of the first three moments in (a, b, c): moments of what can give.
    places = torch.tensor([[0, 1, 2], [1, 2, 3], [2, 3, 4]], device=layers.device)
    shift = torch.zeros_like(wanted)
    for _ in range(STEPS):
        tilted = _tilted(energies, give, powers, shift) / total
        gap = (wanted - (tilted[..., None] * powers[..., :3]).sum(dim=1)) * free
        steep = ((tilted * give)[..., None] * powers).sum(dim=1)[:, places]
        steep = steep * free[:, :, None] * free[:, None]
        ridge = torch.diag_embed(1e-4 * steep.diagonal(dim1=1, dim2=2) + 1 - free + 1e-9)
        step = torch.linalg.solve(steep + ridge, gap)
        shift = shift + step.clamp(-LARGEST_STEP, LARGEST_STEP)
    tilted = _tilted(energies, give, powers, shift)
    return tilted * total / tilted.sum(dim=1, keepdim=True).clamp(min=1e-30)


def _tilted(energies: Profile, give: Profile, powers: Tensor, shift: Tensor) -> Profile:
    exponent = (powers[..., :3] * shift[:, None]).sum(dim=-1)
    return energies * torch.exp((give * exponent).clamp(-LARGEST_EXPONENT, LARGEST_EXPONENT))


def _numbers(layers: Profile) -> Float[Tensor, " layer"]:
    return torch.arange(layers.shape[1], dtype=torch.float64, device=layers.device)
