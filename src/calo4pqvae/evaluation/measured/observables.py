"""Observables of each shower: energies by layer and ring, hits, and the spectrum of voxels."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int, Num

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.measured.rows import PerShower
from calo4pqvae.geometry import CylindricalGeometry

__all__ = ["ObservableMeter", "Observables", "log_edges", "places", "voxel_edges"]

VOXEL_BINS = 49
"""The CaloChallenge's number of logarithmic bins of the energy of a voxel."""

Edges = Float[np.ndarray, " edges"]


@dataclass(frozen=True, eq=False)
class Observables(PerShower):
    """Arrays with one row per shower, after the readout threshold.

    Arguments:
        e_inc: incident energy [MeV].
        e_layer: deposit in each layer [MeV].
        e_ring: deposit in each ring number, summed over layers and azimuth [MeV].
        hits: number of voxels with energy, per layer.
        spectrum: number of hit voxels in each bin of `edges`; the last is what is outside.
        below_threshold: number of voxels that the threshold set to zero.
        edges: edges of the bins of the spectrum, see `voxel_edges` [MeV].
        geometry: the calorimeter; its threshold was applied first.
    """

    e_layer: Float[np.ndarray, "showers layers"]
    e_ring: Float[np.ndarray, "showers rings"]
    hits: Num[np.ndarray, "showers layers"]
    spectrum: Num[np.ndarray, "showers bins"]
    below_threshold: Num[np.ndarray, " showers"]
    edges: Edges
    geometry: CylindricalGeometry

    @cached_property
    def e_tot(self) -> Float[np.ndarray, " showers"]:
        """Deposit of the whole shower [MeV]."""
        return self.e_layer.sum(axis=1)

    @cached_property
    def depth(self) -> Float[np.ndarray, " showers"]:
        """Energy-weighted mean layer of each shower, 0 for an empty one [layers]."""
        moment = self.e_layer @ np.arange(self.e_layer.shape[1])
        return np.divide(moment, self.e_tot, out=np.zeros_like(moment), where=self.e_tot > 0)

    @cached_property
    def response(self) -> Float[np.ndarray, " showers"]:
        """Deposit over incident energy."""
        return self.e_tot / self.e_inc

    @cached_property
    def sparsity(self) -> Float[np.ndarray, " showers"]:
        """Share of voxels with no energy (section 4 of the paper)."""
        return self.sparsity_in(slice(None))

    def energy_in(self, layers: slice) -> Float[np.ndarray, " showers"]:
        """Sum the deposit over a range of layers [MeV]."""
        return self.e_layer[:, layers].sum(axis=1)

    def sparsity_in(self, layers: slice) -> Float[np.ndarray, " showers"]:
        """Compute the share of voxels with no energy in a range of layers."""
        n_voxels = sum(layer.n_voxels for layer in self.geometry.layers[layers])
        return 1.0 - self.hits[:, layers].sum(axis=1) / n_voxels


class ObservableMeter:
    """Measures the arrays of `Observables` on a piece of showers."""

    def __init__(self, geometry: CylindricalGeometry, edges: Edges) -> None:
        self.edges, self.counts = edges, np.min_scalar_type(geometry.n_voxels)
        self.layers, self.rings = (
            (group[:, None] == np.arange(group.max() + 1)).astype(np.float64)
            for group in (geometry.layer_of_voxel, geometry.ring_of_voxel)
        )

    def __call__(
        self,
        showers: Float[np.ndarray, "batch voxels"],
        energy: Float[np.ndarray, "batch voxels"],
    ) -> dict[str, np.ndarray]:
        """Measure showers [MeV] as they come, and with the threshold applied."""
        shower, voxel = np.nonzero(energy)
        cells = shower * len(self.edges) + places(energy[shower, voxel], self.edges)
        counts = np.bincount(cells, minlength=len(energy) * len(self.edges))
        removed = np.count_nonzero(showers, axis=1) - np.bincount(shower, minlength=len(energy))
        return {
            "e_layer": energy @ self.layers,
            "e_ring": energy @ self.rings,
            "hits": ((energy > 0) @ self.layers).astype(self.counts),
            "spectrum": counts.reshape(len(energy), -1).astype(self.counts),
            "below_threshold": removed.astype(self.counts),
        }


def voxel_edges(pieces: Iterable[np.ndarray], threshold: float) -> Edges:
    """Cut the 49 logarithmic bins of the voxel energies of Geant4 showers [MeV].

    They reach from the threshold to the largest voxel. Without a threshold they begin at the
    smallest deposit.

    Arguments:
        pieces: showers (batch, voxels) [MeV].
        threshold: of the readout [MeV].

    Raises:
        ConfigError: no shower holds any energy.

    Source: CaloChallenge 2022, arXiv 2410.21611, and its public evaluation.
    """
    low, high = np.inf, 0.0
    for showers in pieces:
        kept = showers[(showers > 0) & (showers >= threshold)]
        low, high = min(low, kept.min(initial=np.inf)), max(high, kept.max(initial=0.0))
    return log_edges(threshold or float(low), float(high), VOXEL_BINS)


def log_edges(low: float, high: float, bins: int) -> Edges:
    """Cut equal bins in the logarithm; the span is never empty.

    Raises:
        ConfigError: the upper end is zero, since nothing holds any energy.
    """
    if not high > 0:
        raise ConfigError("the reference showers hold no energy, so nothing can be compared")
    return np.geomspace(low, max(high, low * (1 + 1e-8)), bins + 1)


def places(values: Float[np.ndarray, " values"], edges: Edges) -> Int[np.ndarray, " values"]:
    """Give the number of each value's bin, and the number of bins where it is outside.

    Bins are half open, the last one is closed.
    """
    n_bins = len(edges) - 1
    found = np.searchsorted(edges, values, side="right") - 1
    found[values == edges[-1]] = n_bins - 1
    return np.where(found < 0, n_bins, found)
