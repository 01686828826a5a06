"""Where in the calorimeter energy is missing: mean energy by layer and ring."""

from collections.abc import Mapping

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from calo4pqvae.evaluation.plotting.matrices import Scale, draw_matrices
from calo4pqvae.evaluation.plotting.ratio import Curve
from calo4pqvae.evaluation.plotting.style import house_style, reference_of

__all__ = ["energy_maps"]

_PRECISE = 0.1
_REACHES = (0.1, 0.2, 0.5, 1.0)


@house_style
def energy_maps(maps: Mapping[str, Curve], r_edges: np.ndarray) -> Figure:
    """Draw the mean energy in each layer and ring, and its ratio to the reference less one.

    Arguments:
        maps: by label of the sample, the mean energy per shower [MeV] and its error as
            arrays of layers and rings.
        r_edges: edges of the rings [mm].

    A ratio whose statistical error exceeds 10 percent is left white.
    """
    own = reference_of(maps)
    means = {label: _positive(m.heights) for label, m in maps.items()}
    differences = {label: _excess(m, maps[own]) for label, m in maps.items() if label != own}
    peak = float(np.nanmax(means[own], initial=1e-3))
    away = np.concatenate([np.abs(d).ravel() for d in differences.values()] or [np.empty(0)])
    away = away[np.isfinite(away)]
    needed = np.quantile(away, 0.9) if len(away) else 0.0
    reach = next((reach for reach in _REACHES if reach >= needed), _REACHES[-1])
    scales = (
        Scale(LogNorm(peak / 1e5, peak), "viridis_r", "mean energy [MeV]", "min"),
        Scale(Normalize(-reach, reach), "PuOr", "ratio − 1", "both"),
    )
    layers = np.arange(len(maps[own].heights) + 1) - 0.5
    notes = dict.fromkeys(differences, f"ratio to {own} − 1")
    return draw_matrices(
        means, differences, scales, (layers, r_edges), ("layer", "r [mm]"), notes=notes
    )


def _positive(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0, values, np.nan)


def _excess(sample: Curve, reference: Curve) -> np.ndarray:
    """Ratio less one; NaN where it is mostly noise, by the relative errors of both sides."""
    sides = [(_positive(side.heights), side.errors) for side in (sample, reference)]
    (a, _), (b, _) = sides
    noise = np.hypot(*(error / mean for mean, error in sides))
    return np.where(noise < _PRECISE, a / b - 1, np.nan)
