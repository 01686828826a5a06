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

from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.metric import UNLIKE_LAYERS, Metric, Options
from calo4pqvae.evaluation.result import Result, Score, Shown, undefined
from calo4pqvae.evaluation.splits import averaged, averaged_floor, draw_splits
from calo4pqvae.evaluation.structure.showers import Structure
from calo4pqvae.evaluation.structure.windows import windows_of

__all__ = ["Correlations", "correlation_distance", "rank_correlations"]

_GROUPS = 10
_SPLITS = 8

_FEWEST, _SHARED = 600, 1.5
"""Showers of a part below which windows come and go and correlations are ruled by chance (two
of 24 samples of 320 showers of Geant4 were flagged), and how much more independent samples
scatter than halves of one, as those samples did."""

_NAME = "structure.correlations"


class Correlations(Metric):
    """The distance of correlation structure, on parts beside its floor."""

    @classmethod
    def names(cls, options: Options) -> dict[str, Shown]:
        """Name the one result."""
        del options
        group = "Structure of single showers"
        return {_NAME: Shown("Distance of correlation structure", group, 1e3, "× 10⁻³")}

    def of(self, sample: Measured) -> dict[str, Result]:
        """Judge the distance of the rank correlations of structural observables."""
        if sample.structure is None or self.reference.structure is None:
            return {_NAME: undefined(UNLIKE_LAYERS)}
        return {_NAME: self._result(sample.structure, self.reference.structure)}

    def _result(self, structure: Structure, reference: Structure) -> Result:
        whole = correlation_distance(structure, reference)
        splits = draw_splits(len(reference), len(structure), _SPLITS, 1)[:_SPLITS]
        m, mine = len(splits[0].one) if splits else 0, []
        if whole is None or m < _FEWEST:
            return undefined(
                f"correlations need {2 * _FEWEST} showers of the reference and {_FEWEST} of "
                "the sample"
            )
        kept = self.kept.setdefault(m, [])
        for i, split in enumerate(splits):
            half = reference.take(split.one)
            if i == len(kept):
                kept.append(correlation_distance(reference.take(split.other), half))
            mine.append(correlation_distance(structure.take(split.sample), half))
        if any(one is None for one in (*kept, *mine)):
            return undefined("halves of the reference are too small for correlations")
        sizes = len(reference), len(structure), m
        floors = np.array([one.value for one in kept])
        floor = averaged_floor(floors, sizes, _SHARED * floors)
        own = averaged(np.array([one.value for one in mine]), sizes, floor)
        return Result(whole, floor, own, more={"feature_set": "structure"})


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
