"""Showers as lists of hits: what all formats but the dense one hold.

A hit is a voxel whose float32 is not the zero of all bits: its number in the order of the file
(r fastest, then alpha, then layer) and its energy.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int, Integer

from calo4pqvae.errors import ShowerFileError
from calo4pqvae.geometry import CylindricalGeometry

__all__ = ["ENERGY", "LENGTH", "ORDER", "Hits", "Source", "hits_of"]

ENERGY, LENGTH = "MeV", "mm"
"""Units of all files, written into each."""

ORDER = "r fastest, then alpha, then layer"
"""What the number of a voxel counts."""


class Hits(NamedTuple):
    """Some showers in a row.

    Attributes:
        e_inc: incident energies [MeV].
        counts: number of hits of each.
        voxel: number of the voxel of each hit, shower after shower.
        energy: its energy [MeV].
        columns: more numbers of each shower, by name.
    """

    e_inc: Float[np.ndarray, "showers 1"]
    counts: Int[np.ndarray, " showers"]
    voxel: Integer[np.ndarray, " hits"]
    energy: Float32[np.ndarray, " hits"]
    columns: dict[str, np.ndarray]

    def dense(self, n_voxels: int) -> Float32[np.ndarray, "showers voxels"]:
        """Put the hits into all voxels [MeV].

        Raises:
            ShowerFileError: counts do not fit, a voxel is none of so many, or occurs twice.
        """
        n, voxel = len(self.counts), self.voxel.astype(np.int64)
        whole = len(voxel) == len(self.energy) == self.counts.sum() and (self.counts >= 0).all()
        if not whole or (len(voxel) and not 0 <= voxel.min() <= voxel.max() < n_voxels):
            raise ShowerFileError(
                f"its hits do not fit {n} showers of {n_voxels} voxels; it is damaged or of "
                "another geometry"
            )
        place = np.repeat(np.arange(n), self.counts) * n_voxels + voxel
        showers = np.zeros(n * n_voxels, dtype=np.float32)
        showers[place] = self.energy
        if len(np.unique(place)) < len(place):
            raise ShowerFileError(
                "a shower has two hits in one voxel, whose times or places would be lost; add "
                "them up first"
            )
        return showers.reshape(n, n_voxels)


@dataclass(frozen=True)
class Source:
    """An open file of showers in any format.

    Attributes:
        geometry: the cylinder.
        attrs: provenance.
        n: number of showers.
        columns: names of more numbers of each shower.
        chunks: gives all showers, so many at a time.
    """

    geometry: CylindricalGeometry
    attrs: dict[str, Any]
    n: int
    columns: tuple[str, ...]
    chunks: Callable[[int], Iterator[Hits]]


def hits_of(
    e_inc: Float[np.ndarray, "showers 1"],
    voxels: Float32[np.ndarray, "showers voxels"],
    columns: dict[str, np.ndarray],
) -> Hits:
    """List the hits of showers [MeV]."""
    is_hit = (
        voxels.view(np.uint32) != 0
    )  # also a zero with a sign, which a comparison would lose
    shower, voxel = np.nonzero(is_hit)
    counts = np.bincount(shower, minlength=len(voxels)).astype(np.int64)
    kind = np.uint16 if voxels.shape[1] <= 2**16 else np.uint32
    return Hits(e_inc, counts, voxel.astype(kind), voxels[is_hit], columns)
