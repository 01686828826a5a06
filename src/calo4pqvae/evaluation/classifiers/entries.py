"""Entries of the classifiers between a sample and Geant4.

Their floor needs no measurement. On showers that it has not seen, no classifier tells two
samples of one law apart, so that its area under the curve is 0.5 in the mean, and scatters by
the error of Mann and Whitney at most; the divergence is a lower bound, 0 or less in the mean.
Both hold for as many showers as the value was taken on.
"""

import math
import sys
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.classifiers.classifier import OFFICIAL, QUICK, QUICK_RESNET, classify
from calo4pqvae.evaluation.classifiers.training import Kind
from calo4pqvae.evaluation.entries import Entry, score_entry, undefined_entry
from calo4pqvae.evaluation.features.measured import Measured
from calo4pqvae.evaluation.verdict import Floor

__all__ = ["SETUPS", "Classifiers", "classified_by", "n_voxels", "undistinguished"]

Classifiers = Literal["none", "quick", "official"]
"""No classifier, one that takes seconds, or the challenge's set-up."""

SETUPS = {"quick": (QUICK, 3), "official": (OFFICIAL, 1)}
"""Setup of a classifier, and how many are trained on different splits."""

_QUICK_VOXELS, _QUICK_FEATURES = 5_000, 20_000


def classified_by(
    kind: Kind, reference: Measured, sample: Measured, classifiers: Literal["quick", "official"]
) -> dict[str, Entry]:
    """Train classifiers on one kind of input and judge what they see."""
    setup, runs = SETUPS[classifiers]
    setup = QUICK_RESNET if (kind, classifiers) == ("resnet", "quick") else setup
    label = sample.features.feature_set if kind == "high" else "voxels"
    options: dict[str, Any] = {"setup": setup, "runs": runs, "shape": _shape(sample, kind)}
    names = f"auc.{kind}", f"jsd.{kind}"
    try:
        one, other = (_inputs(kind, side, classifiers) for side in (reference, sample))
        found = classify(one, other, kind, **options)
    except ConfigError as error:
        return {name: undefined_entry(str(error), feature_set=label) for name in names}
    n = found.auc.n
    floors = undistinguished(n), Floor(0.0, 0.0, found.jsd.error)
    return {
        name: score_entry(score, floor, n, feature_set=label, setup=classifiers)
        for name, score, floor in zip(names, (found.auc, found.jsd), floors, strict=True)
    }


def undistinguished(n: int) -> Floor:
    """Say what the area under the curve reads for two samples of one law, n showers each.

    `classify` holds a fifth of them back for it. The mean of several runs scatters less than
    a single one, by how much is not known.
    """
    held = n - n * 8 // 10
    return Floor(0.5, 0.0, math.sqrt((2 * held + 1) / 12) / held)


def n_voxels(classifiers: Classifiers, inputs: Sequence[Kind]) -> int:
    """Say of how many showers the classifiers need the voxels, at most."""
    if classifiers == "none" or set(inputs) <= {"high"}:
        return 0
    return _QUICK_VOXELS if classifiers == "quick" else sys.maxsize


def _inputs(kind: Kind, side: Measured, classifiers: Classifiers) -> np.ndarray:
    """Take the rows that a classifier of this kind is given, a quick one not too many.

    Raises:
        ConfigError: they are voxels, and nobody measured them.
    """
    if kind == "high":
        rows = np.random.default_rng(42).permutation(len(side))
        return side.features.values[rows[:_QUICK_FEATURES] if classifiers == "quick" else rows]
    if side.voxels is None:
        raise ConfigError("a classifier on voxels needs showers measured with their voxels")
    return side.voxels


def _shape(side: Measured, kind: Kind) -> tuple[int, int, int] | None:
    """Give the volume of a ResNet; None on unlike layers, which it cannot take."""
    geometry = side.features.geometry
    return geometry.shape if kind == "resnet" and geometry.is_regular else None
