"""The structure of showers: observables of single ones, and what correlates in them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Num

from calo4pqvae.evaluation.measured.rows import PerShower
from calo4pqvae.evaluation.structure.names import NAMES
from calo4pqvae.geometry import CylindricalGeometry

__all__ = ["Structure"]


@dataclass(frozen=True, eq=False)
class Structure(PerShower):
    """Structural observables, one row for each shower, after the readout threshold.

    Arguments:
        e_inc: incident energies [MeV].
        values: one column for each of `names.NAMES`.
        centres: (eta, phi) of the energy in each layer [mm], 0 where it is empty.
        pairs_alpha: pairs of hits 1, 2, .. sectors apart.
        pairs_depth: pairs of hits in one cell 1, 2, .. layers apart.
        ring_hits: hits in each layer and ring.
        geometry: the calorimeter, a regular cylinder.
    """

    values: Float[np.ndarray, "showers columns"]
    centres: Float[np.ndarray, "showers layers 2"]
    pairs_alpha: Num[np.ndarray, "showers lags"]
    pairs_depth: Num[np.ndarray, "showers depths"]
    ring_hits: Num[np.ndarray, "showers layers rings"]
    geometry: CylindricalGeometry

    def column(self, name: str) -> Float[np.ndarray, " showers"]:
        """Take one of `names.NAMES`."""
        return self.values[:, NAMES.index(name)]
