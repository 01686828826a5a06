"""What trees are given: official features, structural observables, or both."""

from typing import Literal

import numpy as np
from jaxtyping import Float

from calo4pqvae.evaluation.features.high_level import Features
from calo4pqvae.evaluation.structure.showers import Structure
from calo4pqvae.geometry import CylindricalGeometry

__all__ = ["TREES", "TreeInput", "measure_rows", "tree_rows"]

TreeInput = Literal["features", "structure", "both"]
TREES: tuple[TreeInput, ...] = ("features", "structure", "both")
"""Inputs of trees: the official features, log10 E_inc with structural observables, both."""

Rows = Float[np.ndarray, "showers columns"]


def tree_rows(features: Features, structure: Structure | None) -> dict[str, Rows]:
    """Lay out the rows of each input; only features where layers differ."""
    made = {"features": features.values}
    if structure is not None:
        log_energy = np.log10(structure.e_inc)[:, None]
        made["structure"] = np.concatenate([log_energy, structure.values], axis=1)
        made["both"] = np.concatenate([features.values, structure.values], axis=1)
    return made


def measure_rows(
    e_inc: Float[np.ndarray, "showers 1"],
    showers: Float[np.ndarray, "showers voxels"],
    geometry: CylindricalGeometry,
) -> dict[str, Rows]:
    """Measure showers in memory and lay out the rows."""
    structure = (
        Structure.from_showers(e_inc, showers, geometry) if geometry.is_regular else None
    )
    return tree_rows(Features.from_showers(e_inc, showers, geometry), structure)
