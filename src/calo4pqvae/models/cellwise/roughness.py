r"""Profiles of drawn layer energies, as rough as those of Geant4.

Layer energies from a copula have the real correlations, and yet profiles are 8 % too rough
between 30 and 100 GeV, and too different from each other: how much a layer scatters depends on
where it lies in its own shower. Neighbouring layers therefore exchange energy, as much as
brings a shower from its quantile of roughness to that of Geant4.
"""

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from calo4pqvae._core.rng import RandomSource
from calo4pqvae._core.typing import Showers
from calo4pqvae.models.cellwise.remainder import moved

if TYPE_CHECKING:
    from calo4pqvae.models.cellwise.model import CellwiseQVAE

__all__ = ["exchanged", "fit_profiles", "roughness", "smoothed"]

Layers = Float[Tensor, "batch layer"]
Numbers = Float[Tensor, " batch"]

TRIED, LARGEST = 0.05, 0.25
"""Part that is exchanged to see what it does, and at most."""

FEWEST = 100
"""Showers near an energy that quantiles are taken of."""


def roughness(layers: Layers) -> Numbers:
    r"""Give $\sum_l |E_{l-1} - 2 E_l + E_{l+1}| / \sum_l E_l$ of each shower."""
    layers = layers.double()
    return layers.diff(n=2, dim=1).abs().sum(dim=1) / layers.sum(dim=1).clamp(min=1e-9)


def exchanged(layers: Layers, part: Numbers) -> Layers:
    r"""Let layers exchange a part of their differences.

    $E_l \to E_l + \kappa (E_{l-1} - E_l) + \kappa (E_{l+1} - E_l)$, empty ones left alone. The
    total stays, and no layer falls below the lowest of the three.
    """
    filled = (layers[:, 1:] > 0) & (layers[:, :-1] > 0)
    flow = part[:, None].to(layers) * layers.diff(dim=1) * filled
    pad = torch.nn.functional.pad
    return layers + pad(flow, (0, 1)) - pad(flow, (1, 0))


def smoothed(layers: Layers, quantiles: Float[Tensor, "batch 2 quantiles"]) -> Layers:
    """Smooth profiles [MeV] that are too rough; see `DrawCorrections.profiles`."""
    tried = layers.new_full((len(layers),), TRIED)
    before, after = roughness(layers), roughness(exchanged(layers, tried))
    log = torch.log(before.clamp(min=1e-9)).to(quantiles)
    wanted = moved(log, *quantiles.unbind(dim=1)).exp().double()
    slope = (before - after) / TRIED
    part = torch.where(slope > 1e-3, (before - wanted) / slope.clamp(min=1e-3), 0.0)
    return exchanged(layers, part.clamp(0, LARGEST))


def fit_profiles(
    model: "CellwiseQVAE", showers: Showers, e_inc: Tensor, noise: RandomSource
) -> None:
    """Take quantiles of the roughness from showers [MeV], and from draws for their bits.

    Near each energy, without the trend of Geant4's.
    """
    tables, t = model.corrections, model.scale(e_inc)
    bits = model.encode(showers, e_inc, noise)
    drawn, _ = model.law.draw_shower(bits, e_inc, t, noise)
    sides = [torch.log(roughness(x).clamp(min=1e-9)) for x in (drawn, showers.sum(dim=(2, 3)))]
    levels = torch.tensor(tables.PROFILES, dtype=torch.float64)
    rise = 1e-4 * torch.arange(len(levels))  # quantiles must rise
    width = 1 / (tables.N_ENERGIES - 1)
    for number in range(tables.N_ENERGIES):
        away = (t[:, 0] - number * width).double()
        near = away.abs() < width
        if int(near.sum()) >= FEWEST:
            x, y = away[near], sides[1][near]
            trend = ((x - x.mean()) * y).sum() / (x - x.mean()).square().sum() * x
            found = torch.stack([(z[near] - trend).quantile(levels) + rise for z in sides])
            tables.profiles[number] = found.to(tables.profiles)
