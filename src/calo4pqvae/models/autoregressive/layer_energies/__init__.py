"""Energies of the layers: their distribution given the incident energy, as bits and as numbers.

Every layer energy, and the total, is put on the scale of a standard normal number u given the
incident energy. Bits say in which of a few intervals each u lies, the Boltzmann machine draws
the bits, and a Gaussian copula draws the numbers inside the intervals.
"""

from calo4pqvae.models.autoregressive.layer_energies.copula import GaussianCopula
from calo4pqvae.models.autoregressive.layer_energies.distribution import (
    LongitudinalDistribution,
)
from calo4pqvae.models.autoregressive.layer_energies.marginals import ConditionalQuantiles
from calo4pqvae.models.autoregressive.layer_energies.quantile_bits import QuantileBits

__all__ = ["ConditionalQuantiles", "GaussianCopula", "LongitudinalDistribution", "QuantileBits"]
