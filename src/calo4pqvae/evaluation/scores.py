"""All scores of the community for one sample, each with its error and its floor.

The floor is the same score for Geant4 against Geant4, on disjoint halves of the reference. Some
scores depend on the number of showers; these are taken a second time on as many showers as the
floor has (``matched``), and the verdict compares the two.
"""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.classifiers.classifier import (
    OFFICIAL,
    QUICK,
    QUICK_RESNET,
    classify,
    classify_halves,
)
from calo4pqvae.evaluation.classifiers.training import Kind
from calo4pqvae.evaluation.distances.frechet import fpd
from calo4pqvae.evaluation.distances.kernel import kpd
from calo4pqvae.evaluation.distances.prdc import prdc, standardised
from calo4pqvae.evaluation.entries import ABOVE, WITHIN, number
from calo4pqvae.evaluation.features.high_level import Features
from calo4pqvae.evaluation.features.measured import Measured
from calo4pqvae.evaluation.score import Score
from calo4pqvae.evaluation.separation.powers import BinnedComparison, binned_comparisons

__all__ = ["Classifiers", "Scores", "n_voxels"]

Classifiers = Literal["none", "quick", "official"]
"""No classifier, one that takes seconds, or the challenge's set-up."""

Entry = dict[str, Any]

Distance = Callable[[Features, Features], Score]

QUICK_FPD, QUICK_KPD = partial(fpd, batches=5), partial(kpd, batches=5)
"""With fewer redraws, for the floor and what is set beside it."""

_SETUPS = {"quick": (QUICK, 3), "official": (OFFICIAL, 1)}
"""Setup of a classifier, and how many are trained on different splits."""
_QUICK_VOXELS, _QUICK_FEATURES = 5_000, 20_000
_TOLERANCE = 3.0
_BINNED_SPLITS = 8


@dataclass
class Scores:
    """Scores samples against one reference; floors are computed once.

    Arguments:
        reference: showers of Geant4.
        classifiers: set-up of the classifiers.
        inputs: what they are given; voxels have to be measured, see `n_voxels`.
        splits: random halves of the reference for each floor.
        seed: of the halves.
        at_most: showers that a distance is matched on, so that samples of different size are
            compared alike.
    """

    reference: Measured
    classifiers: Classifiers = "quick"
    inputs: Sequence[Kind] = ("high",)
    splits: int = 3
    seed: int = 42
    at_most: int | None = None

    def __post_init__(self) -> None:
        self._floors: dict[Any, Any] = {}

    def of(self, sample: Measured) -> dict[str, Entry]:
        """Score a sample.

        Returns:
            Entries named ``fpd``, ``kpd``, ``fpd.legacy``, ``kpd.legacy``, ``separation.*``,
            ``chi_square.*``, ``auc.*`` and ``jsd.*`` for each of `inputs`, ``precision``,
            ``recall``, ``density`` and ``coverage``. Each holds ``value``, ``error``, ``n``,
            ``floor`` and ``verdict``, and ``feature_set`` where features are compared. What
            cannot be computed has the value None and a ``reason``.
        """
        made: dict[str, Entry] = {}
        for suffix, pick in (("", _official), (".legacy", _legacy)):
            made[f"fpd{suffix}"] = self._distance(f"fpd{suffix}", fpd, QUICK_FPD, pick, sample)
            made[f"kpd{suffix}"] = self._distance(f"kpd{suffix}", kpd, QUICK_KPD, pick, sample)
        return made | self.without_distances(sample)

    def without_distances(self, sample: Measured) -> dict[str, Entry]:
        """Score a sample in seconds: all but FPD and KPD."""
        return self._binned(sample) | self._classified(sample) | self._neighbours(sample)

    def _distance(
        self,
        name: str,
        distance: Distance,
        quicker: Distance,
        pick: Callable[[Measured], Features],
        sample: Measured,
    ) -> Entry:
        """A distance on all showers, and a quicker form of it on parts beside its floor."""
        reference, generated = pick(self.reference), pick(sample)
        try:
            value = distance(reference, generated)
        except ConfigError as error:
            return _undefined(str(error), generated.feature_set)
        made = _entry(value, generated.feature_set)
        m = min(len(reference) // 2, len(generated), self.at_most or len(generated))
        try:
            floors, matched = [], []
            for a, b, mine in self._parts(m, len(generated), self.splits):
                floors.append(self._floor(name, m, quicker, reference, a, b))
                matched.append(quicker(reference.take(a), generated.take(mine)).value)
        except ConfigError as error:
            return made | {"floor": None, "reason": f"no floor: {error}"}
        floor, own = _mean(floors, m), _mean(matched, m)
        made["floor"] = _plain(floor, generated.feature_set)
        made["matched"] = _plain(own, generated.feature_set)
        spread = math.hypot(floor.error, own.error)
        made["verdict"] = _verdict(own.value - floor.value, spread)
        return made

    def _floor(
        self,
        name: str,
        m: int,
        distance: Distance,
        reference: Features,
        a: np.ndarray,
        b: np.ndarray,
    ) -> float:
        key = (name, m, int(a[0]), int(b[0]))
        if key not in self._floors:
            self._floors[key] = distance(reference.take(a), reference.take(b)).value
        return self._floors[key]

    def _parts(
        self, m: int, n: int, splits: int
    ) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Draw disjoint parts of the reference, and one of the sample, of m showers each."""
        rng, everyone = np.random.default_rng(self.seed), len(self.reference)
        parts = []
        for _ in range(splits):
            order = rng.permutation(everyone)
            mine = np.random.default_rng(rng.integers(2**32)).permutation(n)[:m]
            parts.append((order[:m], order[m : 2 * m], mine))
        return parts

    def _binned(self, sample: Measured) -> dict[str, Entry]:
        """Separation powers and chi-square in the official bins."""
        found = _compare_bins(self.reference, sample)
        m = min(len(self.reference) // 2, len(sample), self.at_most or len(sample))
        known, mine, floors = ("binned", m) in self._floors, [], []
        for a, b, rows in self._parts(m, len(sample), _BINNED_SPLITS):
            half = self.reference.take(a)
            mine.append(_compare_bins(half, sample.take(rows), redraws=0))
            if not known:
                floors.append(_compare_bins(half, self.reference.take(b), redraws=0))
        floors, made = self._floors.setdefault(("binned", m), floors), {}
        for name, comparison in found.items():
            shares = map(number, comparison.outside)
            outside = dict(zip(("reference", "generated"), shares, strict=True))
            for kind in ("separation", "chi_square"):
                floor = _mean([getattr(one[name], kind).value for one in floors], m)
                own = _mean([getattr(one[name], kind).value for one in mine], m)
                entry = _entry(getattr(comparison, kind)) | {
                    "floor": _plain(floor),
                    "matched": _plain(own),
                    "verdict": _verdict(
                        own.value - floor.value, math.hypot(*_errors(own, floor))
                    ),
                    "outside": outside,
                }
                if entry["value"] is None:
                    entry["reason"] = "undefined: a side has nothing to count"
                made[f"{kind}.{name}"] = entry
        return made

    def _classified(self, sample: Measured) -> dict[str, Entry]:
        """Classifiers between the sample and Geant4, and between halves of Geant4."""
        made: dict[str, Entry] = {}
        for kind in self.inputs if self.classifiers != "none" else ():
            made |= self._classified_by(kind, sample)
        return made

    def _classified_by(self, kind: Kind, sample: Measured) -> dict[str, Entry]:
        """Train classifiers on one kind of input; the floor's only once."""
        setup, runs = _SETUPS[self.classifiers]
        setup = QUICK_RESNET if (kind, self.classifiers) == ("resnet", "quick") else setup
        label = sample.features.feature_set if kind == "high" else "voxels"
        options: dict[str, Any] = {"setup": setup, "runs": runs, "shape": _shape(sample, kind)}
        try:
            reference, generated = (
                _inputs(kind, side, self.classifiers) for side in (self.reference, sample)
            )
            found = classify(reference, generated, kind, **options)
            if ("auc", kind) not in self._floors:
                self._floors["auc", kind] = classify_halves(reference, kind, **options)
        except ConfigError as error:
            return {
                f"{score}.{kind}": _undefined(str(error), label) for score in ("auc", "jsd")
            }
        made = {}
        for score in ("auc", "jsd"):
            one, other = (getattr(of, score) for of in (found, self._floors["auc", kind]))
            made[f"{score}.{kind}"] = _entry(one, label) | {
                "floor": _plain(other, label),
                "verdict": _verdict(
                    one.value - other.value, math.hypot(one.error, other.error)
                ),
                "setup": self.classifiers,
            }
        return made

    def _neighbours(self, sample: Measured) -> dict[str, Entry]:
        """Precision, recall, density, coverage on standardised features, on equal numbers."""
        m = min(len(self.reference) // 2, len(sample), 5000)
        order = np.random.default_rng(self.seed).permutation(len(self.reference))
        reference, generated = standardised(
            self.reference.features.take(order[: 2 * m]), sample.features.take(np.arange(m))
        )
        one, other = reference[:m], reference[m:]
        names = ("precision", "recall", "density", "coverage")
        label = f"{sample.features.feature_set}, standardised"
        try:
            found = prdc(one, generated)
            key = ("prdc", m)
            if key not in self._floors:
                self._floors[key] = prdc(one, other)
        except ConfigError as error:
            return {name: _undefined(str(error), label) for name in names}
        made = {}
        for name, score, floor in zip(names, found, self._floors[key], strict=True):
            gap = abs(score.value - floor.value)
            made[name] = _entry(score, label) | {
                "floor": _plain(floor, label),
                "verdict": _verdict(gap, math.hypot(score.error, floor.error)),
            }
        return made


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


def _compare_bins(
    reference: Measured, sample: Measured, redraws: int = 50
) -> dict[str, BinnedComparison]:
    spectra = reference.spectrum, sample.spectrum
    return binned_comparisons(reference.features, sample.features, spectra, redraws=redraws)


def _errors(*scores: Score) -> list[float]:
    return [score.error for score in scores]


def _official(measured: Measured) -> Features:
    return measured.features


def _legacy(measured: Measured) -> Features:
    return measured.legacy


def _mean(values: list[float], n: int) -> Score:
    """Mean over random halves; their spread is the error of a single comparison."""
    return Score(float(np.mean(values)), float(np.std(values, ddof=1)), n)


def _plain(score: Score, feature_set: str | None = None) -> Entry:
    made: Entry = {"value": number(score.value), "error": number(score.error), "n": score.n}
    return made if feature_set is None else made | {"feature_set": feature_set}


def _entry(score: Score, feature_set: str | None = None) -> Entry:
    return _plain(score, feature_set) | {"floor": None, "verdict": None}


def _undefined(reason: str, feature_set: str) -> Entry:
    nothing: Entry = {"value": None, "error": None, "n": 0, "feature_set": feature_set}
    return nothing | {"floor": None, "verdict": None, "reason": reason}


def _verdict(excess: float, error: float) -> str | None:
    if not (math.isfinite(excess) and math.isfinite(error)):
        return None
    return WITHIN if excess <= _TOLERANCE * error else ABOVE
