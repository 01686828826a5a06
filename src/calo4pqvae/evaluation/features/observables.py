"""What is measured on each shower: energies per layer and ring, hits, voxel spectrum.

Everything that the evaluation and the figures need is gathered in one pass over the file,
and stays per shower, so that any subset or resample of showers costs no second pass.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import ShowerFileError
from calo4pqvae.evaluation.plain_json import attribute
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.units import MeV

__all__ = ["VOXEL_EDGES", "Observables", "apply_threshold"]

VOXEL_EDGES = np.geomspace(1e-2 * MeV, 1e6 * MeV, 65)
"""Edges of the voxel-energy bins [MeV], eight to a decade; the outer two bins are open."""


@dataclass(frozen=True, eq=False)
class Observables:
    """Arrays with one row per shower, after the readout threshold.

    Arguments:
        geometry: the calorimeter; its threshold was applied first.
        e_inc: incident energy [MeV].
        e_layer: deposit in each layer [MeV].
        e_ring: deposit in each ring number, summed over layers and azimuth [MeV].
        hits: number of voxels with energy, per layer.
        voxel_counts: number of hit voxels in each bin of `VOXEL_EDGES`.
        below_threshold: number of voxels that the threshold set to zero.
        source: where the showers come from (path, checksum, attributes).
    """

    geometry: CylindricalGeometry
    e_inc: Float[np.ndarray, " batch"]
    e_layer: Float[np.ndarray, "batch layers"]
    e_ring: Float[np.ndarray, "batch rings"]
    hits: Int[np.ndarray, "batch layers"]
    voxel_counts: Int[np.ndarray, "batch bins"]
    below_threshold: Int[np.ndarray, " batch"]
    source: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_file(
        cls, file: ShowerFile, rows: Int[np.ndarray, " rows"] | None = None
    ) -> "Observables":
        """Measure the showers of a file in one pass of bounded memory.

        Arguments:
            file: an open shower file.
            rows: the rows to use, such as the test rows of a split; None takes all.

        Raises:
            ShowerFileError: when no row is left.
        """
        parts = [
            cls.from_showers(e_inc, showers, file.geometry)
            for e_inc, showers in file.chunks(rows=rows)
        ]
        if not parts:
            raise ShowerFileError(
                f"{file.path}: holds no shower to evaluate; choose other rows"
            )
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS
        }
        source = {
            "path": str(file.path),
            "sha256": file.sha256(),
            "rows": "all" if rows is None else f"{len(rows)} chosen",
            "attributes": attribute({k: v for k, v in file.attrs.items() if k != "geometry"}),
        }
        return cls(file.geometry, **columns, source=source)

    @classmethod
    def from_showers(
        cls,
        e_inc: Float[np.ndarray, "batch 1"],
        showers: Float[np.ndarray, "batch voxels"],
        geometry: CylindricalGeometry,
    ) -> "Observables":
        """Measure showers held in memory; energies in MeV."""
        kept, below = apply_threshold(showers.astype(np.float64), geometry.threshold)
        return cls(
            geometry=geometry,
            e_inc=e_inc[:, 0].astype(np.float64),
            e_layer=_sum_by(geometry.layer_of_voxel, kept),
            e_ring=_sum_by(geometry.ring_of_voxel, kept),
            hits=_sum_by(geometry.layer_of_voxel, kept > 0).astype(np.int32),
            voxel_counts=_voxel_counts(kept),
            below_threshold=below,
        )

    def __len__(self) -> int:
        return len(self.e_inc)

    @cached_property
    def e_tot(self) -> Float[np.ndarray, " batch"]:
        """Deposit of the whole shower [MeV]."""
        return self.e_layer.sum(axis=1)

    @cached_property
    def depth(self) -> Float[np.ndarray, " batch"]:
        """Energy-weighted mean layer of each shower, 0 for an empty one [layers]."""
        moment = self.e_layer @ np.arange(self.e_layer.shape[1])
        return np.divide(moment, self.e_tot, out=np.zeros_like(moment), where=self.e_tot > 0)

    @cached_property
    def response(self) -> Float[np.ndarray, " batch"]:
        """Deposit over incident energy."""
        return self.e_tot / self.e_inc

    @cached_property
    def sparsity(self) -> Float[np.ndarray, " batch"]:
        """Share of voxels with no energy (section 4 of the paper)."""
        return self.sparsity_in(slice(None))

    def energy_in(self, layers: slice) -> Float[np.ndarray, " batch"]:
        """Sum the deposit over a range of layers [MeV]."""
        return self.e_layer[:, layers].sum(axis=1)

    def sparsity_in(self, layers: slice) -> Float[np.ndarray, " batch"]:
        """Compute the share of voxels with no energy in a range of layers."""
        n_voxels = sum(layer.n_voxels for layer in self.geometry.layers[layers])
        return 1.0 - self.hits[:, layers].sum(axis=1) / n_voxels

    def select(self, rows: Int[np.ndarray, " rows"]) -> "Observables":
        """Take some showers, in the order given; a row may come more than once."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _COLUMNS})


_COLUMNS = [f.name for f in fields(Observables) if f.name not in {"geometry", "source"}]


def apply_threshold(
    showers: Float[np.ndarray, "batch voxels"], threshold: float
) -> tuple[Float[np.ndarray, "batch voxels"], Int[np.ndarray, " batch"]]:
    """Set voxels below the readout threshold [MeV] to zero.

    Returns:
        The showers, and the number of voxels of each shower that this changed.
    """
    below = (showers > 0) & (showers < threshold)
    return np.where(below, 0.0, showers), below.sum(axis=1)


def _sum_by(group: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum the columns of `values` that belong to the same group, groups being 0, 1, 2 .."""
    return values @ (group[:, None] == np.arange(group.max() + 1)).astype(np.float64)


def _voxel_counts(showers: np.ndarray) -> np.ndarray:
    n_bins = len(VOXEL_EDGES) - 1
    shower, voxel = np.nonzero(showers)
    energy_bin = np.searchsorted(VOXEL_EDGES[1:-1], showers[shower, voxel], side="right")
    counts = np.bincount(shower * n_bins + energy_bin, minlength=len(showers) * n_bins)
    return counts.reshape(len(showers), n_bins).astype(np.int32)
