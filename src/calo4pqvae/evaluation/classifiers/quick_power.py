"""What a quick network is given, and its one training, when its power is measured."""

import numpy as np
from jaxtyping import Float

from calo4pqvae.evaluation.classifiers.classifier import QUICK, QUICK_RESNET, classify
from calo4pqvae.evaluation.classifiers.training import Kind
from calo4pqvae.evaluation.features.high_level import Features
from calo4pqvae.evaluation.features.observables import apply_threshold
from calo4pqvae.evaluation.score import Score
from calo4pqvae.geometry import CylindricalGeometry

__all__ = ["network_rows", "network_score"]

Rows = Float[np.ndarray, "showers columns"]


def network_rows(
    e_inc: Float[np.ndarray, "showers 1"],
    showers: Float[np.ndarray, "showers voxels"],
    geometry: CylindricalGeometry,
    kind: Kind,
) -> dict[str, Rows]:
    """Lay out the features, or log10 E_inc and all voxels over E_inc."""
    if kind == "high":
        return {kind: Features.from_showers(e_inc, showers, geometry).values}
    kept, _ = apply_threshold(showers.astype(np.float64), geometry.threshold)
    rows = np.concatenate([np.log10(e_inc), kept / e_inc], axis=1)
    return {kind: rows.astype(np.float32)}


def network_score(
    reference: Rows,
    generated: Rows,
    *_energies: Float[np.ndarray, " showers"],
    kind: Kind,
    shape: tuple[int, int, int],
) -> Score:
    """Train a quick network once; its area under the curve on the fifth held back."""
    setup = QUICK_RESNET if kind == "resnet" else QUICK
    auc = classify(reference, generated, kind, setup, shape=shape).auc
    return auc._replace(n=auc.n - auc.n * 8 // 10)
