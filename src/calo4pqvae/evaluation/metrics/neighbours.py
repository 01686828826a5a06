"""Precision, recall, density and coverage on standardised features, on equal numbers."""

import math

import numpy as np

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.distances.prdc import PRDC, prdc
from calo4pqvae.evaluation.measured.arrays import spread
from calo4pqvae.evaluation.measured.features import Features
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.metric import Metric, Options
from calo4pqvae.evaluation.result import Result, Shown, undefined
from calo4pqvae.evaluation.splits import draw_splits
from calo4pqvae.evaluation.verdict import Floor

__all__ = ["Neighbours", "standardised"]

AT_MOST = 5000
"""Showers of a side; the cost rises with their square."""

_PARTS = 10


class Neighbours(Metric):
    """Whether samples lie where Geant4's lie, and all over it, by five nearest neighbours."""

    @classmethod
    def names(cls, options: Options) -> dict[str, Shown]:
        """Name the four scores."""
        del options
        return {
            name: Shown(name.capitalize(), "Fidelity and coverage") for name in PRDC._fields
        }

    def of(self, sample: Measured) -> dict[str, Result]:
        """Compare a sample with one half of the reference, and the other half with it."""
        label = f"{sample.features.feature_set}, standardised"
        n, seed = len(self.reference), self.options.seed
        (split,) = draw_splits(n, len(sample), 1, seed, AT_MOST)[:1]
        one, other, mine = standardised(
            self.reference.features,
            self.reference.features.take(split.one),
            self.reference.features.take(split.other),
            sample.features.take(split.sample),
        )
        m = len(split.one)
        try:
            found = prdc(one, mine, parts=_PARTS)
            if m not in self.kept:
                self.kept[m] = prdc(one, other, parts=_PARTS)
        except ConfigError as error:
            reason = str(error)
            return {name: undefined(reason, "both", feature_set=label) for name in PRDC._fields}
        made = {}
        for name, score, own in zip(PRDC._fields, found, self.kept[m], strict=True):
            floor = Floor(own.value, own.error, math.sqrt(2) * own.error, _PARTS - 1, m)
            made[name] = Result(score, floor, sides="both", more={"feature_set": label})
        return made


def standardised(reference: Features, *sides: Features) -> list[np.ndarray]:
    """Divide all features by their standard deviation in the reference.

    Features that do not vary in the reference are left as they are.
    """
    _, width = spread(reference.values)
    width[width == 0] = 1.0
    return [side.values / width for side in sides]
