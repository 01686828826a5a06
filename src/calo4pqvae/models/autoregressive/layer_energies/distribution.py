"""Layer energies to bits and back: tables, thresholds, copula and places on the chip."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from calo4pqvae._core.rng import RandomSource
from calo4pqvae._core.typing import Bits, IncidentEnergy
from calo4pqvae.errors import ConfigError
from calo4pqvae.models.autoregressive.layer_energies.copula import GaussianCopula
from calo4pqvae.models.autoregressive.layer_energies.marginals import (
    ConditionalQuantiles,
    Energies,
    Interval,
)
from calo4pqvae.models.autoregressive.layer_energies.quantile_bits import QuantileBits
from calo4pqvae.models.autoregressive.layer_energies.tilting import profile_moments, tilt

__all__ = ["LayerEnergies", "LongitudinalDistribution"]

LEAST_SPREAD = 0.1
"""Added to the spread [layers] before its logarithm: showers of one layer have none."""

_HALF_FILLED = 0.1
_N_GLOBAL = 4

Levels = tuple[int, int, int, int, int]
LayerEnergies = Float[Tensor, "batch layer"]


class LongitudinalDistribution(nn.Module):
    r"""Joint distribution of the layer energies and the total, in two steps.

    The quantities are $\ln E_l$ of each layer that is not empty, $\ln(E_{tot}/E_{inc})$, and
    three of the profile: the mean layer, the logarithm of the spread around it, and the number
    of filled layers, $\sum_l E_l / (E_l + 0.1\,\mathrm{MeV})$. Bits on the nodes of the
    Boltzmann machine tell in which quantile bin each quantity lies (`levels`). Given the bits,
    a Gaussian copula draws total, mean, spread and filling, then the layers (`copula`), which
    are tilted to the total, the mean and the spread (`tilt`).

    Arguments:
        n_layers: layers of the cylinder.
        threshold: readout threshold [MeV], the least energy of a layer that is not empty.
        n_nodes: nodes of the machine.
        bits: bits of each layer, of the total, of the mean layer, of the spread, and of the
            number of filled layers; zeros leave everything to the copula.
        bins: intervals of the scaled energy with a correlation matrix of their own.
        rounds: Gibbs rounds of the copula.
    """

    node_of_bit: Int[Tensor, " bits"]

    def __init__(
        self,
        n_layers: int,
        threshold: float,
        n_nodes: int,
        bits: Levels = (1, 2, 8, 4, 6),
        bins: int = 16,
        rounds: int = 20,
    ) -> None:
        super().__init__()
        self.threshold, self.n_nodes, self.rounds = threshold, n_nodes, rounds
        self.n_layers = n_layers
        self.marginals = ConditionalQuantiles(n_layers + _N_GLOBAL)
        self.levels = QuantileBits([bits[0]] * n_layers + list(bits[1:]))
        self.copula = GaussianCopula(n_layers + _N_GLOBAL, bins)
        self.register_buffer("node_of_bit", torch.arange(self.levels.n_bits))

    def check(self) -> None:
        """Look at tables that were read from a file.

        Raises:
            ConfigError: a bit has no node, or two bits have the same one.
        """
        nodes = self.node_of_bit
        inside = not len(nodes) or (nodes.min() >= 0 and nodes.max() < self.n_nodes)
        if not inside or len(nodes.unique()) < len(nodes):
            raise ConfigError(
                f"the bits of layer energies must lie on different nodes of {self.n_nodes}"
            )

    def intervals(self, layers: LayerEnergies, e_inc: IncidentEnergy, t: Energies) -> Interval:
        """Put the quantities of showers on the normal scale."""
        return self.marginals.to_normal(*self.quantities(layers, e_inc), t)

    def quantities(
        self, layers: LayerEnergies, e_inc: IncidentEnergy
    ) -> tuple[Float[Tensor, "batch quantities"], Bool[Tensor, "batch quantities"]]:
        """Measure the quantities, and note which layers hold energy."""
        total = layers.double().sum(dim=1, keepdim=True)
        mean, variance = profile_moments(layers)
        spread = torch.log(variance.sqrt() + LEAST_SPREAD)
        filled = (layers.double() / (layers.double() + _HALF_FILLED)).sum(dim=1, keepdim=True)
        both = torch.cat([layers.double(), total / e_inc], dim=1)
        logs = torch.log(torch.where(both > 0, both, 1.0))
        non_empty = (total > 0).expand(-1, _N_GLOBAL - 1)
        return torch.cat([logs, mean, spread, filled], dim=1), torch.cat(
            [both > 0, non_empty], dim=1
        )

    def encode(self, layers: LayerEnergies, e_inc: IncidentEnergy, t: Energies) -> Bits:
        """Give the states of all nodes for layer energies [MeV]."""
        absence = self.marginals.absence(t)
        bits = self.levels.encode(self.intervals(layers, e_inc, t), absence)
        return self.on_nodes(bits)

    def on_nodes(self, bits: Bool[Tensor, "batch bits"]) -> Bits:
        """Put bits on their nodes; nodes without a bit stay zero."""
        states = bits.new_zeros(len(bits), self.n_nodes)
        states[:, self.node_of_bit] = bits
        return states

    def draw(
        self, states: Bits, e_inc: IncidentEnergy, t: Energies, noise: RandomSource
    ) -> LayerEnergies:
        """Draw layer energies [MeV] for states of the machine."""
        box = self.levels.decode(states[:, self.node_of_bit], self.marginals.absence(t))
        u = self.copula.draw(box, t, noise.uniform, self.rounds, leading=_N_GLOBAL)
        x, present = self.marginals.from_normal(u, t)
        return self.scale(x, present, e_inc)

    def scale(
        self,
        x: Float[Tensor, "batch quantities"],
        present: Bool[Tensor, "batch quantities"],
        e_inc: IncidentEnergy,
    ) -> LayerEnergies:
        """Turn quantities into layer energies, none below the threshold.

        The drawn layers agree with the drawn sums only roughly: they are tilted to the total,
        the mean layer and the spread.
        """
        n = self.n_layers
        # Without a total the shower is empty, whatever was drawn for its layers.
        held = present[:, :n] & present[:, n, None]
        layers = torch.where(held, torch.exp(x[:, :n]), 0.0)
        spread = (torch.exp(x[:, n + 2, None]) - LEAST_SPREAD).clamp(min=0)
        total = torch.exp(x[:, n, None]) * e_inc
        layers = tilt(layers, total, x[:, n + 1, None], spread**2)
        return torch.where(layers > 0, layers.clamp(min=self.threshold), 0.0).float()
