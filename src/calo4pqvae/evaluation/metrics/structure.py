"""What the structure of single showers says: pulls of observables against those of Geant4."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.metric import UNLIKE_LAYERS, Metric, Options
from calo4pqvae.evaluation.result import Result, Score, Shown, undefined
from calo4pqvae.evaluation.splits import draw_splits
from calo4pqvae.evaluation.structure.correlations import FUNCTIONS
from calo4pqvae.evaluation.structure.names import OBSERVABLES
from calo4pqvae.evaluation.structure.pulls import (
    BEYOND,
    CHANCE,
    Pull,
    largest,
    largest_combined,
    pulls,
    share_beyond,
)
from calo4pqvae.evaluation.structure.showers import Structure
from calo4pqvae.evaluation.structure.windows import windows_of
from calo4pqvae.evaluation.verdict import Floor

__all__ = ["StructurePulls", "describe_functions"]

HALVES = 24
"""Pairs of halves of the reference; fewer leave the scatter of the floor too vague."""

_GROUP = "Structure of single showers"
_BY_NAME = {one.name: one for one in OBSERVABLES}

_OF_PULLS = {
    "structure.beyond": (share_beyond, 0.002),
    "structure.largest": (largest_combined, 0.4),
}
"""What is made of pulls, and the least that it scatters: one pull of five hundred, and what
the largest of some hundred normal deviates scatters by."""


class StructurePulls(Metric):
    """The share of pulls beyond three errors, and the largest, held against halves."""

    @classmethod
    def names(cls, options: Options) -> dict[str, Shown]:
        """Name both results."""
        del options
        return {
            "structure.beyond": Shown(
                "Structural numbers beyond three errors", _GROUP, 100.0, "%"
            ),
            "structure.largest": Shown(
                "Largest structural pull, windows combined", _GROUP, unit="σ"
            ),
        }

    def of(self, sample: Measured) -> dict[str, Result]:
        """Judge what the pulls say."""
        structure, reference = sample.structure, self.reference.structure
        if structure is None or reference is None:
            return {name: undefined(UNLIKE_LAYERS) for name in _OF_PULLS}
        m, found = len(reference) // 2, self._pulls(structure, reference)
        if "halves" not in self.kept:
            splits = draw_splits(len(reference), m, HALVES, 0)[:HALVES]
            self.kept["halves"] = [
                pulls(reference.take(split.one), reference.take(split.other))
                for split in splits
            ]
        made = {}
        for name, (statistic, least) in _OF_PULLS.items():
            floors = np.array([statistic(half) for half in self.kept["halves"]])
            known, value = floors[np.isfinite(floors)], statistic(found)
            if math.isnan(value) or len(known) < 2:
                made[name] = undefined("no window has 50 showers in halves of Geant4")
                continue
            n, spread = len(known), max(float(np.std(known, ddof=1)), least)
            scatter = spread * math.sqrt(1 + 1 / n)
            floor = Floor(float(known.mean()), spread / math.sqrt(n), scatter, n - 1, m)
            more = {"feature_set": "structure"}
            made[name] = Result(Score(value, 0.0, len(structure)), floor, more=more)
        return made

    def describe(self, sample: Measured) -> dict[str, Any]:
        """Describe pulls and correlation functions.

        Returns:
            Under ``structure``: ``n`` pulls, how many lie ``beyond`` three errors and how many
            are ``expected`` to by chance, the ``largest`` one of each observable, all
            ``pulls``, and ``functions`` by window and name. Nothing where layers differ.
        """
        structure, reference = sample.structure, self.reference.structure
        if structure is None or reference is None:
            return {}
        found = self._pulls(structure, reference)
        functions = {
            window.name: describe_functions(
                {"generated": window.sample, "reference": window.reference}
            )
            for window in windows_of(structure, reference)
        }
        made = {
            "n": len(found),
            "beyond": sum(abs(one.pull) > BEYOND for one in found),
            "expected": round(CHANCE * len(found), 2),
            "largest": [_described(one) for one in largest(found)],
            "pulls": [_described(one) for one in found],
            "functions": functions,
        }
        return {"structure": made}

    def _pulls(self, structure: Structure, reference: Structure) -> list[Pull]:
        """Compare the observables; those of the last sample are kept."""
        if self.kept.get("last", (None,))[0] is not structure:
            self.kept["last"] = structure, pulls(structure, reference)
        return self.kept["last"][1]


def describe_functions(sides: Mapping[str, Structure]) -> dict[str, Any]:
    """Describe the correlation functions of samples by name."""
    made: dict[str, Any] = {}
    for name, function in FUNCTIONS.items():
        found = {label: function(side) for label, side in sides.items()}
        lags = next(iter(found.values())).lags
        made[name] = {"lags": lags.tolist()} | {
            label: {"values": one.values.tolist(), "errors": one.errors.tolist()}
            for label, one in found.items()
        }
    return made


def _described(one: Pull) -> dict[str, Any]:
    known = _BY_NAME[one.observable]
    return one._asdict() | {"label": known.label, "unit": known.unit, "group": known.group}
