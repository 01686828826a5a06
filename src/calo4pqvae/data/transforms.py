r"""Eq. (1) of the paper and its inverse, and the scaling of the incident energy.

With $E_i = v_i / e$ and $u_i = \delta + (1 - 2\delta) E_i$,
$x_i = \ln\frac{u_i}{1-u_i} - \ln\frac{\delta}{1-\delta}$. Written with log1p and expm1 it is
exact at zero: an empty voxel stays an exact zero both ways.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from calo4pqvae._core.typing import IncidentEnergy, Showers
from calo4pqvae.errors import ConfigError, ShowerFileError
from calo4pqvae.units import GeV, TeV

__all__ = ["DELTA", "EnergyScale", "from_logits", "to_logits"]

DELTA = 1e-7
"""Distance of u from 0 and 1 in eq. (1)."""


def to_logits(showers: Showers, e_inc: IncidentEnergy) -> Showers:
    """Transform voxel energies [MeV] by eq. (1).

    Raises:
        ShowerFileError: a voxel holds more than the incident energy, where eq. (1) ends.

    Error: float32 relative rounding, 1e-6.
    """
    fraction = showers / e_inc[:, :, None, None]
    beyond = int((fraction > 1).sum())
    if beyond:
        raise ShowerFileError(
            f"{beyond} voxels hold more than the incident energy, outside the domain of "
            "eq. (1); remove these showers or check the units"
        )
    scaled = (1 - 2 * DELTA) * fraction
    rest = (e_inc[:, :, None, None] - showers) / e_inc[:, :, None, None]
    log_rest = torch.where(
        fraction < 0.5,
        torch.log1p(-scaled / (1 - DELTA)),
        torch.log((DELTA + (1 - 2 * DELTA) * rest) / (1 - DELTA)),
    )
    return torch.log1p(scaled / DELTA) - log_rest


def from_logits(x: Showers, e_inc: IncidentEnergy) -> Showers:
    """Invert eq. (1): transformed voxels back to energies [MeV]."""
    rise = -torch.expm1(-x)
    fraction = DELTA * (1 - DELTA) * rise / ((torch.exp(-x) + DELTA * rise) * (1 - 2 * DELTA))
    return fraction * e_inc[:, :, None, None]


@dataclass(frozen=True)
class EnergyScale:
    """Scale the logarithm of the incident energy to t in [0, 1].

    Arguments:
        low, high: range of the trained spectrum [MeV].
    """

    low: float = 1 * GeV
    high: float = 1 * TeV

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            raise ConfigError(
                f"the energy range must rise from above zero, not [{self.low}, {self.high}] MeV"
            )

    def __call__(self, e_inc: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch 1"]:
        """Compute t = ln(e_inc / low) / ln(high / low)."""
        ratio = self.high / self.low
        return torch.log(e_inc / self.low) / torch.log(torch.tensor(ratio, dtype=e_inc.dtype))

    def check(self, e_inc: Float[Tensor, "batch 1"]) -> None:
        """Refuse energies outside the range, with a margin of 1e-6 for rounding.

        Raises:
            ConfigError: naming how many energies lie outside.
        """
        outside = ~((e_inc >= self.low * (1 - 1e-6)) & (e_inc <= self.high * (1 + 1e-6)))
        if bool(outside.any()):
            raise ConfigError(
                f"{int(outside.sum())} of {len(e_inc)} incident energies lie outside the range "
                f"{self.low / GeV:g} to {self.high / GeV:g} GeV that the model covers "
                f"(first: {float(e_inc[outside][0]) / GeV:g} GeV)"
            )
