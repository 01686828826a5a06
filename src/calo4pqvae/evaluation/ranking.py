"""Order systems by one score; those whose difference is within its error share a place.

Every system is ranked on all its showers. A score depends on how many these are, so that what
is compared is its excess: the score on parts that cover the system, less the floor on parts of
that size. The error of a difference is that of the difference itself: both systems are redrawn
beside the same redraws of the reference.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ["RANKED_BY", "Place", "Standing", "rank", "ranked_by"]

RANKED_BY = ("fpd", "fpd.legacy", "separation.e_layer")
"""Scores to rank by, the first that is defined for every system; lower is better."""

APART = 2.0
"""Errors of their difference by which two systems must differ to have different places."""


class Place(NamedTuple):
    """Where a system comes in.

    Arguments:
        place: 1 for the best; equal for systems that do not differ, within two errors of their
            difference, from the first of the group.
        name: the system.
        value: excess of its score over the floor.
        error: its error.
        behind: how much its excess is above that of the best system.
        behind_error: error of this difference.
        n: showers of the system.
    """

    place: int
    name: str
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
    def of(cls, name: str, entry: Mapping[str, Any], redraws: np.ndarray, n: int) -> "Standing":
        """Take a system's standing from an entry with a floor."""
        floor, matched = entry["floor"], entry.get("matched", entry)
        error = floor["error"] or 0.0
        return cls(name, matched["value"] - floor["value"], redraws, error, floor["n"], n)


def ranked_by(systems: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Choose the score that ranks: the first with a verdict for every system, if any."""
    for name in RANKED_BY:
        entries = [entries.get(name) for entries in systems.values()]
        if entries and all(entry and entry.get("verdict") for entry in entries):
            return name
    return None


def rank(standings: Sequence[Standing]) -> list[Place]:
    """Give out the places, the smallest excess first."""
    places: list[Place] = []
    ordered = sorted(standings, key=lambda standing: standing.excess)
    first = ordered[0] if ordered else None
    for number, own in enumerate(ordered, start=1):
        error = math.hypot(float(own.redraws.std(ddof=1)), own.floor_error)
        place = number
        if first is not own and first is not None:
            if own.excess - first.excess < APART * error_of_difference(own, first):
                place = places[-1].place
            else:
                first = own
        best = ordered[0]
        places.append(
            Place(
                place,
                own.name,
                own.excess,
                error,
                own.excess - best.excess,
                error_of_difference(own, best) if own is not best else 0.0,
                own.n,
            )
        )
    return places


def error_of_difference(one: Standing, other: Standing) -> float:
    """Compute the error of the difference between two systems; a common floor cancels."""
    spread = float((one.redraws - other.redraws).std(ddof=1))
    if one.n_floor == other.n_floor:
        return spread
    return math.hypot(spread, one.floor_error, other.floor_error)
