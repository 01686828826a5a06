"""The bins in which the CaloChallenge compares showers, and what is counted in them.

The ranges are those of datasets 2 and 3, whose layers end at r = 41.85 mm. On another cylinder
the ranges in millimetres are stretched in proportion to the outer radius of each layer.

Source: CaloChallenge 2022, arXiv 2410.21611, and its public evaluation.
"""

import numpy as np
from jaxtyping import Float
from scipy.sparse import csc_array

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.measured.features import Features
from calo4pqvae.evaluation.measured.observables import log_edges, places
from calo4pqvae.units import mm

__all__ = ["BINNED", "edges_of", "marked", "observable"]

Edges = Float[np.ndarray, " edges"]

BINNED = (
    "e_tot", "e_layer", "ec_eta", "ec_phi", "ec_r", "width_eta", "width_phi", "width_r",
    "sparsity",
)  # fmt: skip
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
    stored = features.group(name).astype(np.float64)
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
    found = [places(*pair) for pair in zip(values.T, edges, strict=True)]
    rows = np.stack(found, axis=1) + n_rows * np.arange(len(edges))
    starts = np.arange(len(rows) + 1) * len(edges)
    shape = (n_rows * len(edges), len(rows))
    return csc_array((np.ones(rows.size), rows.ravel(), starts), shape=shape)


def _layer_energy_edges(reference: Features) -> list[Edges]:
    energies = _energy(reference, "e_layer")
    hit = energies > 0
    if not hit.any():
        raise ConfigError("the reference showers hold no energy, so nothing can be compared")
    low = reference.geometry.threshold or energies[hit].min()
    largest = energies.max(axis=0)
    largest[largest <= low] = largest.max()
    return [log_edges(low, high, _LAYER_ENERGY_BINS) for high in largest]


def _radii(features: Features, name: str) -> Float[np.ndarray, " members"]:
    """Give the outer radius of the layers that have a feature [mm]."""
    layers = features.geometry.layers
    named = [column.partition(".") for column in features.columns]
    return np.array([layers[int(n)].r_edges[-1] for group, _, n in named if group == name])


def _energy(features: Features, name: str) -> np.ndarray:
    """Undo log10(E + 1e-8); an empty layer is exactly 0 again."""
    energy = 10.0 ** features.group(name).astype(np.float64) - _TINY
    return np.where(energy < _TINY, 0.0, energy)
