"""Energies of the layers: their law given the incident energy, as bits and as numbers.

Every layer energy, and the total, is put on the scale of a standard normal number u given the
incident energy. Bits say in which of a few intervals each u lies, the Boltzmann machine draws
the bits, and a Gaussian copula draws the numbers inside the intervals.
"""

from calo4pqvae.longitudinal.copula import GaussianCopula
from calo4pqvae.longitudinal.law import LongitudinalLaw
from calo4pqvae.longitudinal.levels import LevelBits
from calo4pqvae.longitudinal.marginals import ConditionalQuantiles

__all__ = ["ConditionalQuantiles", "GaussianCopula", "LevelBits", "LongitudinalLaw"]
