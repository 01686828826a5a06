"""A distance of correlation structure: how much the correlations of observables differ.

Means and spreads may agree while observables no longer hang together. In each window of
incident energy, freed from the energy's trend, the rank correlations of all pairs of
observables make a matrix; the distance is the root mean square difference of the elements off
the diagonal, over all windows. Ranks keep single showers from ruling it.

Like the correlation Frobenius distance (CFD) of the field, which takes Pearson's correlations
of layer energies over all showers together; there the energy itself makes most of the
correlation.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import rankdata

from calo4pqvae.evaluation.score import Score
from calo4pqvae.evaluation.structure.showers import Structure
from calo4pqvae.evaluation.structure.windows import windows_of

__all__ = ["correlation_distance", "rank_correlations"]

_GROUPS = 10


def correlation_distance(sample: Structure, reference: Structure) -> Score | None:
    """Compute the root mean square difference of rank correlations.

    It is biased by chance, like all distances: read it beside its floor. The error is that of a
    jackknife over tenths of the sample.

    Returns:
        The distance; None where no window has 50 showers on each side.
    """
    pairs = []
    for window in windows_of(sample, reference):
        x, y = window.flattened()
        varies = (np.ptp(window.sample.values, axis=0) > 0) & (
            np.ptp(window.reference.values, axis=0) > 0
        )
        pairs.append((x[:, varies], rank_correlations(y[:, varies])))
    if not pairs:
        return None
    value = _rms([_upper(rank_correlations(x) - c) for x, c in pairs])
    left = [
        _rms([_upper(rank_correlations(x[_without(len(x), group)]) - c) for x, c in pairs])
        for group in range(_GROUPS)
    ]
    error = np.sqrt((_GROUPS - 1) * np.var(left))
    return Score(value, float(error), min(len(sample), len(reference)))


def rank_correlations(
    values: Float[np.ndarray, "showers columns"],
) -> Float[np.ndarray, "columns columns"]:
    """Compute Spearman's correlations; ties share their mean rank."""
    ranks = rankdata(values, axis=0)
    return np.corrcoef(ranks, rowvar=False)


def _without(n: int, group: int) -> Int[np.ndarray, " kept"]:
    rows = np.arange(n)
    return rows[rows % _GROUPS != group]


def _upper(matrix: Float[np.ndarray, "columns columns"]) -> Float[np.ndarray, " pairs"]:
    return matrix[np.triu_indices(len(matrix), 1)]


def _rms(differences: list[np.ndarray]) -> float:
    return float(np.sqrt(np.mean(np.concatenate(differences) ** 2)))
