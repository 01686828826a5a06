"""Verdicts about structural pulls: what they say of a sample, held against halves of Geant4."""

import math
from collections.abc import Sequence

import numpy as np

from calo4pqvae.evaluation.entries import Entry, score_entry, undefined_entry
from calo4pqvae.evaluation.score import Score
from calo4pqvae.evaluation.structure.described import largest_combined, share_beyond
from calo4pqvae.evaluation.structure.pulls import Pull
from calo4pqvae.evaluation.verdict import Floor

__all__ = ["HALVES", "held"]

HALVES = 24
"""Pairs of halves of the reference; fewer leave the scatter of the floor too vague."""

_OF_PULLS = {
    "structure.beyond": (share_beyond, 0.002),
    "structure.largest": (largest_combined, 0.4),
}
"""What is made of pulls, and the least that it scatters: one pull of five hundred, and what
the largest of some hundred normal deviates scatters by."""


def held(
    found: Sequence[Pull], halves: Sequence[Sequence[Pull]], n: int, n_half: int
) -> dict[str, Entry]:
    """Hold the share of pulls beyond three errors, and the largest, against halves.

    Arguments:
        found: pulls of the sample.
        halves: pulls of halves of the reference against each other.
        n: showers of the sample.
        n_half: showers of a half.
    """
    made = {}
    for name, (statistic, least) in _OF_PULLS.items():
        floors, value = np.array([statistic(half) for half in halves]), statistic(found)
        known = floors[np.isfinite(floors)]
        if math.isnan(value) or len(known) < 2:
            made[name] = undefined_entry("no window has 50 showers in halves of Geant4")
            continue
        spread = max(float(np.std(known, ddof=1)), least)
        floor = Floor(
            float(known.mean()),
            spread / math.sqrt(len(known)),
            spread * math.sqrt(1 + 1 / len(known)),
            len(known) - 1,
        )
        made[name] = score_entry(Score(value, 0.0, n), floor, n_half, feature_set="structure")
    return made
