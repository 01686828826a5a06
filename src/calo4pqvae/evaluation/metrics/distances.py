"""Fréchet and kernel physics distances on the high-level features, trimmed and legacy too."""

from collections.abc import Callable
from typing import Any

import numpy as np

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.distances.comparable import scale_of
from calo4pqvae.evaluation.distances.frechet import fpd
from calo4pqvae.evaluation.distances.kernel import kpd
from calo4pqvae.evaluation.distances.limits import FrechetLimit, KernelLimit
from calo4pqvae.evaluation.distances.parallel import in_parallel
from calo4pqvae.evaluation.distances.trimmed import trimmed
from calo4pqvae.evaluation.measured.features import Features
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.metric import Metric, Options
from calo4pqvae.evaluation.result import Result, Score, Shown, undefined
from calo4pqvae.evaluation.splits import (
    averaged,
    averaged_floor,
    draw_splits,
    redrawn_rows,
)

__all__ = ["Distances"]


def _official(measured: Measured) -> Features:
    return measured.features


def _legacy(measured: Measured) -> Features:
    return measured.features.legacy


def _trimmed(measured: Measured) -> Features:
    return trimmed(measured.features)


_FPD, _KPD = "Fréchet physics distance", "Kernel physics distance"

_DISTANCES: dict[str, tuple[str, Callable[..., Score], Any, Callable[..., Features]]] = {
    "fpd": (_FPD, fpd, FrechetLimit, _official),
    "kpd": (_KPD, kpd, KernelLimit, _official),
    "fpd.trimmed": (f"{_FPD}, outermost 1 % trimmed", fpd, FrechetLimit, _trimmed),
    "fpd.legacy": (f"{_FPD}, legacy features", fpd, FrechetLimit, _legacy),
    "kpd.legacy": (f"{_KPD}, legacy features", kpd, KernelLimit, _legacy),
}
"""Words, distance as published, its limit without redraws, and what it is taken of."""


class Distances(Metric):
    """Each distance on all showers as published, and its limit on parts beside the floor."""

    @classmethod
    def names(cls, options: Options) -> dict[str, Shown]:
        """Name the distances."""
        del options
        return {
            name: Shown(words, "Distances", 1e3, "× 10⁻³")
            for name, (words, *_) in _DISTANCES.items()
        }

    def of(self, sample: Measured) -> dict[str, Result]:
        """Take all distances."""
        return {name: self._distance(name, sample) for name in _DISTANCES}

    def redraws(self, name: str, sample: Measured) -> np.ndarray:
        """Redraw both sides, and take the limit of a Fréchet distance."""
        _, _, limit, pick = _DISTANCES[name]
        scale = scale_of(pick(self.reference))
        sides = [limit(pick(side), scale) for side in (self.reference, sample)]
        rows = redrawn_rows((len(self.reference), len(sample)), self.options.seed)

        def redraw(pair: tuple[np.ndarray, np.ndarray]) -> float:
            return limit.between(*(s.part(r) for s, r in zip(sides, pair, strict=True)))

        return np.array(in_parallel(redraw, zip(*rows, strict=True)))

    def _distance(self, name: str, sample: Measured) -> Result:
        _, distance, limit, pick = _DISTANCES[name]
        reference, generated = pick(self.reference), pick(sample)
        more: dict[str, Any] = {"feature_set": generated.feature_set}
        seed = self.options.seed
        batches = self.options.batches
        published = {} if batches is None else {"batches": batches}
        try:
            value = distance(reference, generated, **published)
        except ConfigError as error:
            return undefined(str(error), **more)
        sizes = len(reference), len(generated)
        splits = draw_splits(*sizes, self.options.splits, seed, limit.most)
        m, fewest = (len(splits[0].one) if splits else 0), limit.fewest(len(reference.columns))
        if m < fewest:
            reason = (
                f"no floor: halves of {len(reference)} showers are too few for "
                f"{len(reference.columns)} features; give {2 * fewest} or more of the "
                f"reference and {fewest} of the sample"
            )
            return Result(value, reason=reason, more=more)
        scale = scale_of(reference)
        one, other = (limit(side, scale) for side in (reference, generated))
        kept = self.kept.setdefault((name, m), {})

        def score(i: int) -> float:
            half = one.part(splits[i].one)
            if i not in kept:
                redrawn = one.scatter(m, (seed, i))
                kept[i] = limit.between(half, one.part(splits[i].other)), redrawn
            return limit.between(half, other.part(splits[i].sample))

        matched = np.array(in_parallel(score, range(len(splits))))
        floors, redrawn = np.array([kept[i] for i in range(len(splits))]).T
        sizes = len(reference), len(generated), m
        floor = averaged_floor(floors, sizes, redrawn if limit.redrawn else floors)
        return Result(value, floor, averaged(matched, sizes, floor), more=more)
