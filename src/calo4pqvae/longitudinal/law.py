"""Layer energies to bits and back: tables, thresholds, copula and places on the chip."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from calo4pqvae.longitudinal.copula import GaussianCopula
from calo4pqvae.longitudinal.levels import LevelBits
from calo4pqvae.longitudinal.marginals import ConditionalQuantiles, Energies, Interval
from calo4pqvae.random import SharedNoise
from calo4pqvae.shapes import Bits, IncidentEnergy

__all__ = ["LayerEnergies", "LongitudinalLaw"]

LayerEnergies = Float[Tensor, "batch layer"]


class LongitudinalLaw(nn.Module):
    r"""Joint law of the layer energies and the total, in two steps.

    The quantities are $\ln E_l$ of each layer that is not empty and $\ln(E_{tot}/E_{inc})$.
    Bits on the nodes of the Boltzmann machine tell in which interval each quantity lies
    (`levels`); given the bits, a Gaussian copula draws all quantities jointly (`copula`), and
    the layers are scaled so that they sum to the total.

    Arguments:
        n_layers: layers of the cylinder.
        threshold: readout threshold [MeV], the least energy of a layer that is not empty.
        n_nodes: nodes of the machine.
        bits: bits per quantity; 0 leaves everything to the copula.
        bins: intervals of the scaled energy with a correlation matrix of their own.
        rounds: Gibbs rounds of the copula.
    """

    node_of_bit: Int[Tensor, " bits"]

    def __init__(
        self,
        n_layers: int,
        threshold: float,
        n_nodes: int,
        bits: int = 2,
        bins: int = 16,
        rounds: int = 20,
    ) -> None:
        super().__init__()
        self.threshold, self.n_nodes, self.rounds = threshold, n_nodes, rounds
        self.marginals = ConditionalQuantiles(n_layers + 1)
        self.levels = LevelBits(bits)
        self.copula = GaussianCopula(n_layers + 1, bins)
        self.register_buffer("node_of_bit", torch.arange(bits * (n_layers + 1)))

    def intervals(self, layers: LayerEnergies, e_inc: IncidentEnergy, t: Energies) -> Interval:
        """Put the quantities of showers on the normal scale."""
        return self.marginals.to_normal(*self.quantities(layers, e_inc), t)

    def quantities(
        self, layers: LayerEnergies, e_inc: IncidentEnergy
    ) -> tuple[Float[Tensor, "batch quantities"], Bool[Tensor, "batch quantities"]]:
        """Take logarithms, and note which layers hold energy."""
        total = layers.sum(dim=1, keepdim=True)
        both = torch.cat([layers, total / e_inc], dim=1)
        return torch.log(torch.where(both > 0, both, 1.0)), both > 0

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
        self, states: Bits, e_inc: IncidentEnergy, t: Energies, noise: SharedNoise
    ) -> LayerEnergies:
        """Draw layer energies [MeV] for states of the machine."""
        box = self.levels.decode(states[:, self.node_of_bit], self.marginals.absence(t))
        u = self.copula.draw(box, t, noise.uniform, self.rounds)
        x, present = self.marginals.from_normal(u, t)
        return self.scale(x, present, e_inc)

    def scale(
        self,
        x: Float[Tensor, "batch quantities"],
        present: Bool[Tensor, "batch quantities"],
        e_inc: IncidentEnergy,
    ) -> LayerEnergies:
        """Turn quantities into energies that sum to the total, none below the threshold."""
        layers = torch.where(present, torch.exp(x), 0.0)[:, :-1]
        total = torch.exp(x[:, -1:]) * e_inc
        layers = layers * total / layers.sum(dim=1, keepdim=True).clamp(min=self.threshold)
        return torch.where(layers > 0, layers.clamp(min=self.threshold), 0.0).float()
