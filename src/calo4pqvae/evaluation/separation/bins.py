"""The bins in which the CaloChallenge compares showers, and what is counted in them.

The ranges are those of datasets 2 and 3, whose layers end at r = 41.85 mm. On another cylinder
the ranges in millimetres are stretched in proportion to the outer radius of each layer.

Source: CaloChallenge 2022, arXiv 2410.21611, and its public evaluation.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csc_array

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.features.high_level import Features
from calo4pqvae.evaluation.features.observables import apply_threshold
from calo4pqvae.units import mm

__all__ = ["BINNED", "VoxelSpectrum", "edges_of", "marked", "observable", "voxel_edges"]

Edges = Float[np.ndarray, " edges"]

BINNED = (
    "e_tot",
    "e_layer",
    "ec_eta",
    "ec_phi",
    "ec_r",
    "width_eta",
    "width_phi",
    "width_r",
    "sparsity",
)
"""Observables with official bins; all but ``e_tot`` have one member for each layer."""

OUTER_RADIUS = 41.85 * mm

_RANGES = {  # low, high, number of bins
    "e_tot": (0.5, 1.5, 100),
    "ec_eta": (-30.0 * mm, 30.0 * mm, 100),
    "ec_phi": (-30.0 * mm, 30.0 * mm, 100),
    "ec_r": (0.0, 42.0 * mm, 100),
    "width_eta": (0.0, 30.0 * mm, 100),
    "width_phi": (0.0, 30.0 * mm, 100),
    "width_r": (0.0, 20.0 * mm, 100),
    "sparsity": (0.0, 1.0, 20),
}
_LAYER_ENERGY_BINS = 39
_VOXEL_BINS = 49
_TINY = 1e-8
_PER_HUNDRED = 100.0


def observable(features: Features, name: str) -> Float[np.ndarray, "showers members"]:
    """Undo the scaling of one group of features.

    Returns:
        The response E_tot / E_inc for ``e_tot``; energies [MeV] for ``e_layer``; lengths [mm]
        for centres and widths; the share of empty voxels for ``sparsity``. One column for each
        layer that has the feature, a single one for ``e_tot``.
    """
    if name == "e_tot":
        return (_energy(features, "e_layer").sum(axis=1) / features.e_inc)[:, None]
    if name == "e_layer":
        return _energy(features, "e_layer")
    stored = features.group(name)
    return stored if name == "sparsity" else stored * _PER_HUNDRED


def edges_of(reference: Features, name: str) -> list[Edges]:
    """Cut the official bins of one observable, one array of edges for each member.

    Layer energies have 39 logarithmic bins from the threshold to the largest value of the
    reference in that layer, or in any layer where that one stays empty; all others have equal
    bins in a fixed range. Without a threshold the smallest deposit of the reference takes
    its place.

    Raises:
        ConfigError: no reference shower holds any energy.
    """
    if name == "e_layer":
        return _layer_energy_edges(reference)
    low, high, bins = _RANGES[name]
    if name == "e_tot":
        return [np.linspace(low, high, bins + 1)]
    stretch = _radii(reference, name) / OUTER_RADIUS
    if name == "sparsity":
        stretch = np.ones_like(stretch)
    stretch = np.where(np.isclose(stretch, 1.0), 1.0, stretch)
    return [np.linspace(low, high, bins + 1) * factor for factor in stretch]


def marked(values: Float[np.ndarray, "showers members"], edges: list[Edges]) -> csc_array:
    """Mark the bins of each shower in a sparse (members (bins + 1), showers) table of ones.

    Bins are half open, the last one is closed. The last row of each member marks what is
    outside. All members have as many bins.
    """
    n_rows = len(edges[0])
    places = [_places(*pair) for pair in zip(values.T, edges, strict=True)]
    rows = np.stack(places, axis=1) + n_rows * np.arange(len(edges))
    starts = np.arange(len(rows) + 1) * len(edges)
    shape = (n_rows * len(edges), len(rows))
    return csc_array((np.ones(rows.size), rows.ravel(), starts), shape=shape)


def voxel_edges(reference: ShowerFile, rows: np.ndarray | None = None) -> Edges:
    """Cut the 49 logarithmic bins of the voxel energies [MeV].

    They reach from the threshold to the largest voxel of the reference, which takes one pass
    over its file. Without a threshold they begin at the smallest deposit.

    Raises:
        ConfigError: no reference shower holds any energy.
    """
    threshold, low, high = reference.geometry.threshold, np.inf, 0.0
    for _, showers in reference.chunks(rows=rows):
        kept = showers[(showers > 0) & (showers >= threshold)]
        if len(kept):
            low, high = min(low, float(kept.min())), max(high, float(kept.max()))
    return _log_edges(threshold or low, high, _VOXEL_BINS)


@dataclass(frozen=True)
class VoxelSpectrum:
    """Voxels of each shower counted in bins of their energy, after the readout threshold.

    Arguments:
        counts: numbers of hit voxels; the last row is outside the bins.
        edges: of the bins [MeV].
    """

    counts: Int[np.ndarray, "bins showers"]
    edges: Edges

    @classmethod
    def from_file(
        cls, file: ShowerFile, edges: Edges, rows: np.ndarray | None = None
    ) -> "VoxelSpectrum":
        """Count the voxels of a file in one pass of bounded memory.

        Arguments:
            file: an open shower file.
            edges: bins of `voxel_edges`, made from the reference.
            rows: the rows to use; None takes all.
        """
        threshold = file.geometry.threshold
        parts = [
            cls.from_showers(showers, edges, threshold).counts
            for _, showers in file.chunks(rows=rows)
        ]
        return cls(np.concatenate(parts, axis=1), edges)

    @classmethod
    def from_showers(
        cls, showers: Float[np.ndarray, "showers voxels"], edges: Edges, threshold: float
    ) -> "VoxelSpectrum":
        """Count the voxels of showers held in memory; energies in MeV."""
        kept, _ = apply_threshold(showers.astype(np.float64), threshold)
        shower, voxel = np.nonzero(kept)
        cells = _places(kept[shower, voxel], edges) * len(kept) + shower
        counts = np.bincount(cells, minlength=len(edges) * len(kept))
        return cls(counts.reshape(len(edges), len(kept)).astype(np.int32), edges)

    def __len__(self) -> int:
        """Number of showers."""
        return self.counts.shape[1]


def _places(values: np.ndarray, edges: Edges) -> np.ndarray:
    """Give the number of each value's bin, and the number of bins where it is outside."""
    n_bins = len(edges) - 1
    places = np.searchsorted(edges, values, side="right") - 1
    places[values == edges[-1]] = n_bins - 1
    return np.where(places < 0, n_bins, places)


def _layer_energy_edges(reference: Features) -> list[Edges]:
    energies = _energy(reference, "e_layer")
    hit = energies > 0
    if not hit.any():
        raise ConfigError("the reference showers hold no energy, so nothing can be compared")
    low = reference.geometry.threshold or energies[hit].min()
    largest = energies.max(axis=0)
    largest[largest <= low] = largest.max()
    return [_log_edges(low, high, _LAYER_ENERGY_BINS) for high in largest]


def _radii(features: Features, name: str) -> Float[np.ndarray, " members"]:
    """Give the outer radius of the layers that have a feature [mm]."""
    layers = features.geometry.layers
    named = [column.partition(".") for column in features.columns]
    return np.array([layers[int(n)].r_edges[-1] for group, _, n in named if group == name])


def _log_edges(low: float, high: float, bins: int) -> Edges:
    if not high > 0:
        raise ConfigError("the reference showers hold no energy, so nothing can be compared")
    return np.geomspace(low, max(high, low * (1 + _TINY)), bins + 1)


def _energy(features: Features, name: str) -> np.ndarray:
    """Undo log10(E + 1e-8); an empty layer is exactly 0 again."""
    energy = 10.0 ** features.group(name) - _TINY
    return np.where(energy < _TINY, 0.0, energy)
