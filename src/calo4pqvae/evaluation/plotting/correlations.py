"""Correlations between the energies of layers: reference, samples and their difference."""

import numpy as np
from jaxtyping import Float
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from calo4pqvae.evaluation.features.observables import Observables
from calo4pqvae.evaluation.plotting.distributions import Samples
from calo4pqvae.evaluation.plotting.matrices import Scale, draw_matrices
from calo4pqvae.evaluation.plotting.style import house_style, reference_of

__all__ = ["correlations", "layer_correlations"]

_REACHES = (0.05, 0.1, 0.2, 0.5, 1.0)


@house_style
def correlations(samples: Samples) -> Figure:
    """Draw the correlation of layer energies of each sample, and what differs.

    Layer energies are taken over the incident energy, so that the spectrum of incident
    energies, which all samples share, makes no correlation. Layers whose energy does not
    vary have none. Above each difference stand its root mean square and what it would be
    between independent showers of the reference alone.
    """
    own = reference_of(samples)
    matrices = {label: layer_correlations(sample) for label, sample in samples.items()}
    differences = {
        label: matrix - matrices[own] for label, matrix in matrices.items() if label != own
    }
    notes = {
        label: f"rms {_rms(d):.3f}, noise {_noise(samples[own], samples[label]):.3f}"
        for label, d in differences.items()
    }
    reach = _reach(list(differences.values()))
    edges = np.arange(samples[own].geometry.n_layers + 1) - 0.5
    scales = (
        Scale(Normalize(-1, 1), "RdBu_r", "correlation"),
        Scale(Normalize(-reach, reach), "PuOr", "difference", "both"),
    )
    return draw_matrices(
        matrices, differences, scales, (edges, edges), ("layer", "layer"), notes=notes
    )


def layer_correlations(sample: Observables) -> Float[np.ndarray, "layers layers"]:
    """Pearson correlation of E_layer / E_inc; NaN where a layer does not vary."""
    shares = sample.e_layer / sample.e_inc[:, None]
    away = shares - shares.mean(axis=0)
    width = np.sqrt((away**2).sum(axis=0))
    product = width[:, None] * width
    return np.divide(
        away.T @ away, product, out=np.full(product.shape, np.nan), where=product > 0
    )


def _noise(reference: Observables, sample: Observables) -> float:
    """Estimate the rms difference if both were alike, from two halves of the reference.

    Correlations of n showers have a variance v / n; halves of n differ by 4 v / n and
    samples of n and m by v (1 / n + 1 / m).
    """
    n, rows = len(reference), np.arange(len(reference))
    halves = [layer_correlations(reference.select(rows[first::2])) for first in (0, 1)]
    return _rms(halves[1] - halves[0]) * float(np.sqrt((1 + n / len(sample)) / 4))


def _rms(matrix: np.ndarray) -> float:
    """Root mean square of what is known."""
    known = matrix[np.isfinite(matrix)]
    return float(np.sqrt(np.mean(known**2))) if len(known) else float("nan")


def _reach(differences: list[np.ndarray]) -> float:
    """Choose the ends of the scale of differences."""
    away = np.concatenate([np.abs(d).ravel() for d in differences] or [np.empty(0)])
    away = away[np.isfinite(away)]
    needed = np.quantile(away, 0.97) if len(away) else 0.0
    return next((reach for reach in _REACHES if reach >= needed), _REACHES[-1])
