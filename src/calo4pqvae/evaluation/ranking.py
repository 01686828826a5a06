"""Order systems by one score; those that their errors do not tell apart share a place."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["RANKED_BY", "Place", "rank"]

RANKED_BY = ("fpd", "fpd.legacy", "separation.e_layer")
"""Scores to rank by, the first that is defined for every system; lower is better."""

_APART = 2.0


class Place(NamedTuple):
    """Where a system comes in.

    Attributes:
        place: 1 for the best; equal for systems whose scores differ by less than two of their
            joint errors from the first of the group.
        name: the system.
        value: its score.
        error: its error.
    """

    place: int
    name: str
    value: float
    error: float


def rank(systems: Mapping[str, Mapping[str, Any]]) -> tuple[str | None, list[Place]]:
    """Rank systems scored against one reference.

    Only values taken on equal numbers of showers (``matched``) are compared, as scores depend
    on them; a score without one ranks nobody.

    Returns:
        The score that ranks them, None if none is defined for all, and the places in order.
    """
    for name in RANKED_BY:
        found = {system: _score(entries.get(name)) for system, entries in systems.items()}
        if all(score is not None for score in found.values()):
            return name, _places({k: v for k, v in found.items() if v is not None})
    return None, []


def _score(entry: Mapping[str, Any] | None) -> tuple[float, float] | None:
    if entry is None:
        return None
    used = entry.get("matched")
    if used is None:
        return None
    value, error = used["value"], used["error"]
    return None if value is None or error is None else (value, error)


def _places(scores: dict[str, tuple[float, float]]) -> list[Place]:
    places: list[Place] = []
    for number, (name, (value, error)) in enumerate(
        sorted(scores.items(), key=lambda item: item[1]), start=1
    ):
        place = number
        if places:
            first = next(p for p in places if p.place == places[-1].place)
            if value - first.value < _APART * math.hypot(error, first.error):
                place = first.place
        places.append(Place(place, name, value, error))
    return places
