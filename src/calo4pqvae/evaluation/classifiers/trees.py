"""Gradient-boosted trees between Geant4 and generated showers.

On a few thousand showers trees see what small networks do not: they need no scaling, and each
cut is on one number. The setting is fixed, so that values compare between samples of one size.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.classifiers.scores import area_under_curve
from calo4pqvae.evaluation.result import Score

__all__ = ["MIN_SHOWERS", "SETTING", "null_error", "separate"]

MIN_SHOWERS = 100
"""Fewer showers on a side are not worth a classifier."""

SETTING: Mapping[str, Any] = MappingProxyType({
    "max_iter": 100,
    "learning_rate": 0.1,
    "max_leaf_nodes": 8,
    "max_bins": 64,
    "max_features": 0.2,
    "l2_regularization": 1.0,
    "early_stopping": False,
})  # fmt: skip
"""Of scikit-learn's HistGradientBoostingClassifier; deeper or more trees gain 0.005 in AUC for
the shipped model, at four times the cost."""

_FOLDS = 3

_WIDENED = 5.0
"""Folds share their training showers, which widens the scatter at few showers: measured 1.39 of
Mann and Whitney's error for 150 showers a side (60 pairs of samples of Geant4) and 1.17 for 800
(50 pairs); 1 + 5 / sqrt(n) is 1.41 and 1.18."""


def separate(
    reference: Float[np.ndarray, "n columns"],
    generated: Float[np.ndarray, "m columns"],
    e_reference: Float[np.ndarray, " n"],
    e_generated: Float[np.ndarray, " m"],
    *,
    seed: int = 42,
) -> Score:
    """Cross-validate trees: the area under the ROC curve on showers not trained on.

    Three folds; showers of one incident energy are in one fold, whichever side they are of, so
    that no tree can know an energy that it is tested on. The value is the mean over the folds.
    Its error is DeLong's of each fold, joined: it counts the showers tested, and with many
    folds the scatter of training is within it.

    Source: E. LeDell, M. Petersen, M. van der Laan, Electron. J. Stat. 9 (2015) 1583.

    Arguments:
        reference: one row for each shower of Geant4.
        generated: the same of a model.
        e_reference: incident energies [MeV].
        e_generated: likewise.
        seed: of folds and trees.

    Raises:
        ConfigError: a side has fewer than 100 showers.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    n = min(len(reference), len(generated))
    if n < MIN_SHOWERS:
        raise ConfigError(
            f"{n} showers are too few to train and to test trees; give at least "
            f"{MIN_SHOWERS} on each side"
        )
    folds = _folds(np.concatenate([e_reference, e_generated]), seed)
    rows = np.concatenate([reference, generated]).astype(np.float32)
    label = np.repeat([0, 1], [len(reference), len(generated)])
    found = []
    for fold in range(_FOLDS):
        fit, test = folds != fold, folds == fold
        trees = HistGradientBoostingClassifier(**SETTING, random_state=seed)
        with threadpool_limits(1, "openmp"):  # threads that wait for a busy core cost tenfold
            trees.fit(rows[fit], label[fit])
            output = trees.decision_function(rows[test])
        found.append(area_under_curve(output[label[test] == 0], output[label[test] == 1]))
    error = np.sqrt(np.sum(np.square([one.error for one in found]))) / _FOLDS
    return Score(float(np.mean([one.value for one in found])), float(error), n)


def null_error(n: int, m: int) -> float:
    """Scatter of the area under the curve for two samples of one distribution.

    Mann and Whitney's for as many showers, all of which are tested once, widened for what folds
    have in common.
    """
    return (1 + _WIDENED / math.sqrt(min(n, m))) * math.sqrt((n + m + 1) / (12 * n * m))


def _folds(e_inc: Float[np.ndarray, " both"], seed: int) -> Int[np.ndarray, " both"]:
    energies, which = np.unique(e_inc, return_inverse=True)
    return (np.random.default_rng(seed).permutation(len(energies)) % _FOLDS)[which]
