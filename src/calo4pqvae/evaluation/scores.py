"""All scores of the community for one sample, each with its error, its floor and a verdict.

The floor is the same score for Geant4 against Geant4, on disjoint halves of the reference. Some
scores depend on the number of showers; these are taken a second time on as many showers as the
floor has (``matched``), over parts that cover the whole sample, and the verdict compares the
two.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.classifiers.entries import Classifiers, classified_by
from calo4pqvae.evaluation.classifiers.training import Kind
from calo4pqvae.evaluation.distances.frechet import fpd
from calo4pqvae.evaluation.distances.kernel import kpd
from calo4pqvae.evaluation.distances.limits import FrechetLimit, KernelLimit
from calo4pqvae.evaluation.distances.prdc import prdc, standardised
from calo4pqvae.evaluation.distances.trimmed import trimmed
from calo4pqvae.evaluation.entries import Entry, number, score_entry, undefined_entry
from calo4pqvae.evaluation.features.high_level import Features
from calo4pqvae.evaluation.features.measured import Measured
from calo4pqvae.evaluation.score import Score, in_parallel, scale_of
from calo4pqvae.evaluation.separation.bins import BINNED, VoxelSpectrum
from calo4pqvae.evaluation.separation.powers import binned_comparisons, binned_draws
from calo4pqvae.evaluation.splits import averaged, averaged_floor, draw_splits, marks
from calo4pqvae.evaluation.verdict import Floor

__all__ = ["Scores", "score_names"]

SPLITS = 24
"""Splits for a floor and what is set beside it; fewer leave the floor's error too vague."""

REDRAWS = 40
"""Redraws for the error of a difference between systems, which they give to 11 %."""

_NEIGHBOURLY = ("precision", "recall", "density", "coverage")
_NEIGHBOURS_OF, _PARTS = 5000, 10

Pick = Callable[[Measured], Features]
_FREEDOM = _PARTS - 1


def _official(measured: Measured) -> Features:
    return measured.features


def _legacy(measured: Measured) -> Features:
    return measured.legacy


def _trimmed(measured: Measured) -> Features:
    return trimmed(measured.features)


_DISTANCES: dict[str, tuple[Callable[..., Score], Any, Pick]] = {
    "fpd": (fpd, FrechetLimit, _official),
    "kpd": (kpd, KernelLimit, _official),
    "fpd.trimmed": (fpd, FrechetLimit, _trimmed),
    "fpd.legacy": (fpd, FrechetLimit, _legacy),
    "kpd.legacy": (kpd, KernelLimit, _legacy),
}


@dataclass
class Scores:
    """Scores samples against one reference; floors are computed once for each size.

    Arguments:
        reference: showers of Geant4.
        classifiers: set-up of the classifiers.
        inputs: what they are given; voxels have to be measured, see `n_voxels`.
        splits: random halves of the reference for each floor.
        seed: of the halves.
        batches: redraws of FPD at each sample size, and of KPD; None takes the challenge's.
    """

    reference: Measured
    classifiers: Classifiers = "quick"
    inputs: Sequence[Kind] = ("high",)
    splits: int = SPLITS
    seed: int = 42
    batches: int | None = None

    def __post_init__(self) -> None:
        self._kept: dict = {}
        self._published = {} if self.batches is None else {"batches": self.batches}

    def of(self, sample: Measured) -> dict[str, Entry]:
        """Score a sample.

        Returns:
            Entries named ``fpd``, ``kpd``, ``fpd.legacy``, ``kpd.legacy``, ``separation.*``,
            ``chi_square.*``, ``auc.*`` and ``jsd.*`` for each of `inputs`, ``precision``,
            ``recall``, ``density`` and ``coverage``; see `calo4pqvae.evaluation.entries` for
            what they hold. What cannot be computed has the value None and a ``reason``.
        """
        distances = {name: self._distance(name, sample) for name in _DISTANCES}
        return distances | self.without_distances(sample)

    def without_distances(self, sample: Measured) -> dict[str, Entry]:
        """Score a sample in seconds: all but FPD and KPD."""
        made = self._binned(sample)
        if self.classifiers != "none":
            for kind in self.inputs:
                made |= classified_by(kind, self.reference, sample, self.classifiers)
        return made | self._neighbours(sample)

    def redraws(self, name: str, sample: Measured) -> np.ndarray:
        """Redraw both sides and score them again: how much a score scatters.

        The reference is redrawn alike for every sample, so that differences between samples
        scatter less than their scores.

        Arguments:
            name: a Fréchet distance, or a separation power.
            sample: showers of a model.

        Raises:
            ConfigError: the score cannot be computed.
        """
        rows = [
            [np.random.default_rng((seed, i)).integers(n, size=n) for i in range(REDRAWS)]
            for seed, n in ((self.seed, len(self.reference)), (self.seed + 1, len(sample)))
        ]
        if name in _DISTANCES:
            _, limit, pick = _DISTANCES[name]
            scale = scale_of(pick(self.reference))
            sides = [limit(pick(side), scale) for side in (self.reference, sample)]

            def redraw(pair: tuple[np.ndarray, np.ndarray]) -> float:
                return limit.between(*(s.part(r) for s, r in zip(sides, pair, strict=True)))

            return np.array(in_parallel(redraw, zip(*rows, strict=True)))
        weights = [
            marks(drawn, n)
            for drawn, n in zip(rows, (len(self.reference), len(sample)), strict=True)
        ]
        features, spectra = _both(self.reference, sample)
        found = binned_draws(*features, spectra, (weights[0], weights[1]))
        return found[name.removeprefix("separation.")][0]

    def _distance(self, name: str, sample: Measured) -> Entry:
        """A distance on all showers as published, and its limit on parts beside the floor."""
        distance, limit, pick = _DISTANCES[name]
        reference, generated = pick(self.reference), pick(sample)
        label = generated.feature_set
        try:
            value = distance(reference, generated, **self._published)
        except ConfigError as error:
            return undefined_entry(str(error), feature_set=label)
        splits = draw_splits(len(reference), len(generated), self.splits, self.seed, limit.most)
        m, fewest = (len(splits[0].one) if splits else 0), limit.fewest(len(reference.columns))
        if m < fewest:
            nothing = undefined_entry(
                f"no floor: halves of {len(reference)} showers are too few for "
                f"{len(reference.columns)} features; give {2 * fewest} or more of the "
                f"reference and {fewest} of the sample",
                feature_set=label,
            )
            return nothing | {k: number(v) for k, v in value._asdict().items()} | {"n": value.n}
        scale = scale_of(reference)
        one, other = (limit(side, scale) for side in (reference, generated))
        kept = self._kept.setdefault((name, m), {})

        def score(i: int) -> float:
            half = one.part(splits[i].one)
            if i not in kept:
                redrawn = one.scatter(m, (self.seed, i))
                kept[i] = limit.between(half, one.part(splits[i].other)), redrawn
            return limit.between(half, other.part(splits[i].sample))

        matched = np.array(in_parallel(score, range(len(splits))))
        floors, redrawn = np.array([kept[i] for i in range(len(splits))]).T
        sizes = len(reference), len(generated), m
        floor = averaged_floor(floors, sizes, redrawn if limit.redrawn else floors)
        own = averaged(matched, sizes, floor)
        return score_entry(value, floor, m, matched=own, feature_set=label)

    def _binned(self, sample: Measured) -> dict[str, Entry]:
        """Separation powers and chi-square in the official bins."""
        features, spectra = _both(self.reference, sample)
        found = binned_comparisons(*features, spectra)
        splits = draw_splits(len(self.reference), len(sample), self.splits, self.seed)
        m, n = len(splits[0].one), len(self.reference)
        one, other = (marks([getattr(s, side) for s in splits], n) for side in ("one", "other"))
        key = ("binned", m, len(splits))
        if key not in self._kept:
            own, twice = _both(self.reference, self.reference)
            self._kept[key] = binned_draws(*own, twice, (one, other))
        mine = marks([split.sample for split in splits], len(sample))
        matched, made = binned_draws(*features, spectra, (one, mine)), {}
        for name, comparison in found.items():
            shares = map(number, comparison.outside)
            outside = dict(zip(("reference", "generated"), shares, strict=True))
            for i, kind in enumerate(("separation", "chi_square")):
                score, floors = getattr(comparison, kind), self._kept[key][name][i]
                floor = averaged_floor(floors, (n, len(sample), m), floors)
                own = averaged(matched[name][i], (n, len(sample), m), floor)
                entry = score_entry(score, floor, m, matched=own, outside=outside)
                if entry["value"] is None:
                    entry["reason"] = "undefined: a side has nothing to count"
                made[f"{kind}.{name}"] = entry
        return made

    def _neighbours(self, sample: Measured) -> dict[str, Entry]:
        """Precision, recall, density, coverage on standardised features, on equal numbers."""
        label = f"{sample.features.feature_set}, standardised"
        (split,) = draw_splits(len(self.reference), len(sample), 1, self.seed, _NEIGHBOURS_OF)[
            :1
        ]
        whole, generated = standardised(
            self.reference.features, sample.features.take(split.sample)
        )
        one, other, m = whole[split.one], whole[split.other], len(split.one)
        try:
            found = prdc(one, generated, parts=_PARTS)
            key = ("prdc", m)
            if key not in self._kept:
                self._kept[key] = prdc(one, other, parts=_PARTS)
        except ConfigError as error:
            return {
                name: undefined_entry(str(error), "both", feature_set=label)
                for name in _NEIGHBOURLY
            }
        return {
            name: score_entry(
                score,
                Floor(floor.value, floor.error, math.sqrt(2) * floor.error, _FREEDOM),
                m,
                "both",
                feature_set=label,
            )
            for name, score, floor in zip(_NEIGHBOURLY, found, self._kept[key], strict=True)
        }


def score_names(classifiers: Classifiers, inputs: Sequence[Kind]) -> list[str]:
    """Name all entries that `Scores.of` may make."""
    kinds = () if classifiers == "none" else inputs
    binned = (*BINNED, "voxel")
    return [
        *_DISTANCES,
        *(f"{kind}.{name}" for kind in ("separation", "chi_square") for name in binned),
        *(f"{score}.{kind}" for kind in kinds for score in ("auc", "jsd")),
        *_NEIGHBOURLY,
    ]


def _both(
    reference: Measured, sample: Measured
) -> tuple[tuple[Features, Features], tuple[VoxelSpectrum, VoxelSpectrum]]:
    """Features and voxel spectra of both sides."""
    return (
        (reference.features, sample.features),
        (reference.spectrum, sample.spectrum),
    )
