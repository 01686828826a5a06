"""Order systems by several scores; those that none of them tells apart share a place.

Every system is ranked on all its showers. A score depends on how many these are, so that what
is compared is its excess: the score on parts that cover the system, less the floor on parts of
that size. The error of a difference is that of the difference itself: both systems are redrawn
beside the same redraws of the reference.

No single score sees every defect: to a Fréchet distance the energy of showers may be smeared by
10 %. Systems that the first score does not tell apart are therefore held against the next.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from calo4pqvae.evaluation.result import Result

__all__ = ["RANKED_BY", "Place", "Standing", "rank", "ranked_by"]

RANKED_BY = ("fpd", "fpd.legacy", "separation.e_tot", "separation.e_layer", "separation.voxel")
"""Scores to rank by, in this order, those that are defined for every system; lower is better.

Of the two Fréchet distances the first that is defined."""

APART = 3.0
"""Errors of their difference by which two systems must differ to have different places, as in a
verdict: with four scores, 1 in 100 pairs of equally good systems is parted by chance."""


class Place(NamedTuple):
    """Where a system comes in.

    Arguments:
        place: 1 for the best; equal for systems that no score tells apart.
        name: the system.
        by: the score that sets it behind those of better places; the first one for the best.
        value: excess of this score over its floor.
        error: its error.
        behind: how much its excess is above that of the best system.
        behind_error: error of this difference.
        n: showers of the system.
    """

    place: int
    name: str
    by: str
    value: float
    error: float
    behind: float
    behind_error: float
    n: int


class Standing(NamedTuple):
    """What places a system: excess over the floor, its redraws, and showers of the floor.

    Arguments:
        name: the system.
        excess: of its score over the floor.
        redraws: its score on redraws of both sides, the reference redrawn alike for all.
        floor_error: error of the floor's mean.
        n_floor: showers on each side of the floor; systems with equal ones share it.
        n: showers of the system.
    """

    name: str
    excess: float
    redraws: np.ndarray
    floor_error: float
    n_floor: int
    n: int

    @classmethod
    def of(cls, name: str, result: Result, redraws: np.ndarray, n: int) -> "Standing":
        """Take a system's standing from a result with a floor."""
        floor = result.floor
        assert floor is not None
        excess = result.judged.value - floor.value
        return cls(name, excess, redraws, floor.error, floor.n, n)


def ranked_by(systems: Sequence[Mapping[str, Result]]) -> list[str]:
    """Choose the scores that rank: those with a verdict for every system."""
    defined = [
        name
        for name in RANKED_BY
        if systems and all(name in one and one[name].verdict for one in systems)
    ]
    return [name for name in defined if name != "fpd.legacy" or "fpd" not in defined]


def rank(scores: Mapping[str, Sequence[Standing]]) -> list[Place]:
    """Give out the places.

    Arguments:
        scores: the standing of every system by score, the most telling score first.
    """
    if not scores:
        return []
    first = next(iter(scores))
    named = {by: {one.name: one for one in of} for by, of in scores.items()}
    groups = _groups(list(named[first]), named)
    best, places = groups[0][0][0], []
    for members, by in groups:
        shown = named[by or first]
        place = len(places) + 1
        places += [_place(place, shown[name], shown[best], by or first) for name in members]
    return places


def error_of_difference(one: Standing, other: Standing) -> float:
    """Compute the error of the difference between two systems; a common floor cancels."""
    spread = float((one.redraws - other.redraws).std(ddof=1))
    if one.n_floor == other.n_floor:
        return spread
    return math.hypot(spread, one.floor_error, other.floor_error)


def _groups(
    names: list[str], scores: Mapping[str, Mapping[str, Standing]]
) -> list[tuple[list[str], str | None]]:
    """Part systems into groups, best first, each with the score that sets it behind others."""
    if len(names) == 1 or not scores:
        return [(names, None)]
    by, *rest = scores
    made: list[tuple[list[str], str | None]] = []
    for cluster in _clusters([scores[by][name] for name in names]):
        inner = _groups(cluster, {name: scores[name] for name in rest})
        made.append((inner[0][0], by if made else None))
        made += inner[1:]
    return made


def _clusters(standings: Sequence[Standing]) -> list[list[str]]:
    """Order systems by one score, together with those that do not differ from their first."""
    clusters: list[list[Standing]] = []
    for own in sorted(standings, key=lambda standing: standing.excess):
        if clusters:
            first = clusters[-1][0]
            if own.excess - first.excess < APART * error_of_difference(own, first):
                clusters[-1].append(own)
                continue
        clusters.append([own])
    return [[one.name for one in cluster] for cluster in clusters]


def _place(place: int, own: Standing, best: Standing, by: str) -> Place:
    return Place(
        place,
        own.name,
        by,
        own.excess,
        math.hypot(float(own.redraws.std(ddof=1)), own.floor_error),
        own.excess - best.excess,
        0.0 if own is best else error_of_difference(own, best),
        own.n,
    )
