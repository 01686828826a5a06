"""Binary codes of the incident energy for the conditioning partition."""

import math
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from calo4pqvae._core.typing import IncidentEnergy
from calo4pqvae.data.transforms import EnergyScale
from calo4pqvae.errors import ConfigError

__all__ = [
    "CodeName",
    "EnergyCode",
    "IntegerCode",
    "SpreadThermometerCode",
    "ThermometerCode",
    "make_energy_code",
]

CodeName = Literal["integer", "thermometer", "spread"]


@runtime_checkable
class EnergyCode(Protocol):
    """Turns incident energies into states of the conditioning partition."""

    n_bits: int

    def __call__(self, e_inc: IncidentEnergy) -> Bool[Tensor, "batch clamped"]:
        """Encode incident energies [MeV]."""
        ...


class IntegerCode:
    r"""The code of the authors' model: three integers in plain binary, repeated.

    $\lfloor E \rfloor$, $\lfloor\sqrt{10 E}\rfloor$ and $\lfloor e^{10} \ln E\rfloor$ with E
    in MeV, 20 bits each, least significant bit first; the block of 60 is repeated as often
    as it fits and the rest is filled with zeros. Neighbouring energies get unlike codes
    (a change of 1 % flips 15 bits), which makes conditioning hard to learn; it is kept
    because it is the paper's.

    Arguments:
        n_bits: number of nodes to fill, at least 60.

    Raises:
        ConfigError: fewer than 60 nodes.

    Source: QaloSim/CaloQVAE, commit 262d13b.
    """

    WIDTH = 20

    def __init__(self, n_bits: int) -> None:
        self.n_bits = n_bits
        if n_bits < 3 * self.WIDTH:
            raise ConfigError(
                f"the integer energy code needs 60 nodes per partition, not {n_bits}; "
                "take the thermometer code or a larger partition"
            )

    def __call__(self, e_inc: IncidentEnergy) -> Bool[Tensor, "batch clamped"]:
        """Encode incident energies [MeV].

        Raises:
            ConfigError: an energy is below 1 MeV or needs more than 20 bits.
        """
        e = e_inc.double()
        numbers = torch.cat([e, torch.sqrt(10 * e), math.exp(10) * torch.log(e)], dim=1).long()
        if bool(((numbers < 0) | (numbers >= 1 << self.WIDTH)).any()):
            raise ConfigError("the integer energy code covers 1 MeV to 1.048 TeV")
        block = self._binary(numbers).flatten(start_dim=1)
        code = torch.zeros(len(e_inc), self.n_bits, dtype=torch.bool, device=e_inc.device)
        repeats = self.n_bits // block.shape[1]
        code[:, : repeats * block.shape[1]] = block.repeat(1, repeats)
        return code

    def _binary(
        self, numbers: Int[Tensor, "batch integers"]
    ) -> Bool[Tensor, "batch integers bits"]:
        places = torch.arange(self.WIDTH, device=numbers.device)
        return ((numbers[:, :, None] >> places) & 1).bool()


class ThermometerCode:
    """Close energies get close codes: node k is one when t exceeds (k + 1/2) / n.

    Arguments:
        n_bits: number of nodes to fill.
        scale: the energy range that the code spans.
    """

    def __init__(self, n_bits: int, scale: EnergyScale) -> None:
        self.n_bits, self.scale = n_bits, scale

    def __call__(self, e_inc: IncidentEnergy) -> Bool[Tensor, "batch clamped"]:
        """Encode incident energies [MeV]."""
        levels = (torch.arange(self.n_bits, device=e_inc.device) + 0.5) / self.n_bits
        return self.scale(e_inc) > levels


class SpreadThermometerCode(nn.Module):
    """A thermometer whose thresholds are laid out over the chip.

    Node k is one when t exceeds its own threshold. Laid so that the nodes beside each free
    node have thresholds over the whole range (`boltzmann.spread`), a clamped partition costs
    the prior nothing against biases that follow the energy; in the order of the chip it does
    (docs/model.md). The thresholds are stored with the model.

    Arguments:
        thresholds: of each node of the conditioning partition.
        scale: the energy range that the code spans.
    """

    thresholds: Tensor

    def __init__(self, thresholds: Float[Tensor, " clamped"], scale: EnergyScale) -> None:
        super().__init__()
        self.n_bits, self.scale = len(thresholds), scale
        self.register_buffer("thresholds", thresholds.float())

    def forward(self, e_inc: IncidentEnergy) -> Bool[Tensor, "batch clamped"]:
        """Encode incident energies [MeV]."""
        return self.scale(e_inc) > self.thresholds


def make_energy_code(
    name: CodeName,
    n_bits: int,
    scale: EnergyScale,
    thresholds: Float[Tensor, " clamped"] | None = None,
) -> EnergyCode:
    """Build the code of that name.

    Arguments:
        name: which code.
        n_bits: nodes of the conditioning partition.
        scale: the energy range that the code spans.
        thresholds: of each node, for the spread code; zeros until stored ones are loaded.
    """
    if name == "spread":
        given = torch.zeros(n_bits) if thresholds is None else thresholds
        return SpreadThermometerCode(given, scale)
    return IntegerCode(n_bits) if name == "integer" else ThermometerCode(n_bits, scale)
