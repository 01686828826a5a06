"""Twins of Geant4 showers, spoilt in one way, by a stated amount.

A twin takes showers (n, layers, alpha, r) in MeV on a regular cylinder, and gives as many. What
falls below the readout threshold is dropped later, by those who measure.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from calo4pqvae.evaluation.power import defects
from calo4pqvae.geometry import CylindricalGeometry

__all__ = ["KINDS", "STANDARD", "Twin", "spoilt"]

Volume = Float[np.ndarray, "showers layers sectors rings"]
Spoil = Callable[[Volume, float, np.random.Generator], Volume]


class Twin(NamedTuple):
    """A kind of defect.

    Arguments:
        name: key in files.
        words: what is wrong, with the place of the size.
        sizes: from the largest to the smallest one tried.
        spoil: makes the twin.
    """

    name: str
    words: str
    sizes: tuple[float, ...]
    spoil: Spoil

    def describe(self, size: float) -> str:
        """Say the defect with its size."""
        return self.words.format(size=f"{100 * size:g} %")


STANDARD = (
    Twin("narrower", "{size} narrower", (0.05, 0.025, 0.01), defects.narrower),
    Twin(
        "axis",
        "axis removed in {size} of the showers",
        (1.0, 0.5, 0.25),
        defects.axis_removed,
    ),
    Twin(
        "neighbours",
        "neighbours shuffled in {size} of the outer rings",
        (1.0, 0.3, 0.1),
        defects.neighbours_shuffled,
    ),
    Twin("soft", "{size} more soft deposits", (1.0, 0.3, 0.1), defects.soft_added),
)
"""Twins on which every classifier shows its power in the run."""

KINDS = (
    *STANDARD,
    Twin("twist", "layers twisted in {size} of the showers", (1.0,), defects.twisted),
    Twin("late", "late part turned in {size} of the showers", (1.0,), defects.late_part_turned),
    Twin("tracks", "no track through two layers, {size}", (1.0,), defects.depth_shuffled),
    Twin("largest", "largest voxel {size} larger", (0.3,), defects.largest_raised),
    Twin(
        "values", "energies of {size} of the hits exchanged", (0.5,), defects.values_exchanged
    ),
    Twin("rough", "layers {size} rougher", (0.1,), defects.layers_smeared),
    Twin("isolated", "{size} of the lone hits lost", (0.2,), defects.lone_hits_lost),
)
"""All structural twins of docs/evaluation.md; the first of `sizes` is the one in its table."""


def spoilt(
    twin: Twin,
    size: float,
    showers: Float[np.ndarray, "showers voxels"],
    geometry: CylindricalGeometry,
    seed: int = 0,
) -> Float[np.ndarray, "showers voxels"]:
    """Make a twin of showers in file order.

    Raises:
        GeometryError: the layers of the cylinder differ.
    """
    volume = showers.reshape(len(showers), *geometry.shape).astype(np.float32, copy=False)
    made = twin.spoil(volume, size, np.random.default_rng(seed))
    return made.reshape(len(showers), -1).astype(np.float32, copy=False)
