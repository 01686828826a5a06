"""What the structure of single showers tells: worth, trees with their power, pulls.

Everything that depends on the reference alone is measured once: the power of the trees, and how
many pulls of Geant4 against itself lie beyond three errors.
"""

import math
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any, cast

import numpy as np
from jaxtyping import Int

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.classifiers.entries import Classifiers
from calo4pqvae.evaluation.classifiers.inputs import TREES, measure_rows, tree_rows
from calo4pqvae.evaluation.classifiers.quick_power import network_rows, network_score
from calo4pqvae.evaluation.classifiers.training import Kind
from calo4pqvae.evaluation.classifiers.trees import null_error, separate
from calo4pqvae.evaluation.distances.correlation import correlation_distance
from calo4pqvae.evaluation.entries import Entry, score_entry, undefined_entry
from calo4pqvae.evaluation.features.high_level import Features
from calo4pqvae.evaluation.power.ladder import NO_POWER, Halves, Power, measure_power
from calo4pqvae.evaluation.power.twins import STANDARD
from calo4pqvae.evaluation.score import Score
from calo4pqvae.evaluation.splits import averaged, averaged_floor, draw_splits
from calo4pqvae.evaluation.structure.described import describe
from calo4pqvae.evaluation.structure.held import HALVES, held
from calo4pqvae.evaluation.structure.pulls import Pull, pulls
from calo4pqvae.evaluation.structure.showers import Structure
from calo4pqvae.evaluation.verdict import WITHIN, Floor
from calo4pqvae.evaluation.worth import worth

__all__ = ["TREE_NAMES", "Sight", "sight_names"]

TREE_NAMES = {"features": "auc.trees_features", "structure": "auc.trees_structure",
              "both": "auc.trees"}  # fmt: skip
"""Entries of the trees by their input."""

_OTHERS = ("worth", "structure.beyond", "structure.largest", "structure.correlations")

_SPLITS = 8
_FEWEST, _SHARED = 600, 1.5
"""Showers of a part below which windows come and go and correlations are ruled by chance (two
of 24 samples of 320 showers of Geant4 were flagged), and how much more independent samples
scatter than halves of one, as those samples did."""
_LABELS = {"features": "official-362", "structure": "structure", "both": "both"}
_REGULAR = "structure needs layers with equal bins"


def sight_names(classifiers: Classifiers) -> list[str]:
    """Name all entries that `Sight.of` makes."""
    trees = () if classifiers == "none" else TREE_NAMES.values()
    return [*_OTHERS, *trees]


class Sight:
    """Sees the structure of samples against one reference.

    Arguments:
        file: showers of Geant4.
        rows: the rows to use; None takes all.
        features: the features of these rows.
        classifiers: no trees with "none".
    """

    def __init__(
        self,
        file: ShowerFile,
        rows: Int[np.ndarray, " rows"] | None,
        features: Features,
        classifiers: Classifiers = "quick",
    ) -> None:
        self.classifiers = classifiers
        self.features = features
        self.structure = self.measure(file, rows)
        self._halves = Halves.of(file, rows)
        self._kept: dict[Any, Any] = {}

    @staticmethod
    def measure(
        file: ShowerFile, rows: Int[np.ndarray, " rows"] | None = None
    ) -> Structure | None:
        """Measure the structure of showers; None where layers differ."""
        return Structure.from_file(file, rows) if file.geometry.is_regular else None

    def of(self, file: ShowerFile, features: Features) -> dict[str, Any]:
        """Judge the showers of a file.

        Arguments:
            file: showers of a model.
            features: their features.

        Returns:
            Entries named by `sight_names`, and ``structure``, which
            `calo4pqvae.evaluation.structure.described.describe` describes, where layers are
            alike.
        """
        structure = self.measure(file)
        trees = {} if self.classifiers == "none" else self._trees(structure, features)
        if structure is None or self.structure is None:
            reasons = {k: undefined_entry(_REGULAR) for k in _OTHERS}
            return {"worth": reasons.pop("worth")} | trees | reasons
        found = pulls(structure, self.structure)
        return {
            "worth": self._worth(structure),
            **trees,
            **self._held(found, len(structure)),
            "structure.correlations": self._correlations(structure),
            "structure": describe(found, structure, self.structure),
        }

    @cached_property
    def power(self) -> dict[str, tuple[Score | None, Power]]:
        """Floor and power of the trees, by input; empty with fewer than 200 showers."""
        regular = self._halves.geometry.is_regular
        classifiers = {name: separate for name in TREES if regular or name == "features"}
        try:
            return measure_power(
                self._halves, measure_rows, classifiers, STANDARD if regular else ()
            )
        except ConfigError:
            return {}

    def with_power(self, entries: dict[str, Entry]) -> dict[str, Entry]:
        """Add their power to quick networks; the official ones would take hours for it.

        A network is tried on the largest defect of each kind, by one training.
        """
        made = dict(entries)
        for name, entry in entries.items():
            score, _, kind = name.partition(".")
            if score == "auc" and entry["verdict"] and entry.get("setup") == "quick":
                power = self._network_power(cast(Kind, kind))
                for key in (name, f"jsd.{kind}"):
                    made[key] = _judged_with(entries[key], power)
        return made

    def _network_power(self, kind: Kind) -> Power | None:
        """Train a network on twins of the reference."""
        if not self._halves.geometry.is_regular:
            return None
        if kind not in self._kept:
            largest = [twin._replace(sizes=twin.sizes[:1]) for twin in STANDARD]
            try:
                found = measure_power(
                    self._halves,
                    partial(network_rows, kind=kind),
                    {
                        kind: partial(
                            network_score, kind=kind, shape=self._halves.geometry.shape
                        )
                    },
                    largest,
                    floor=False,
                )
                self._kept[kind] = found[kind][1]
            except ConfigError:
                self._kept[kind] = None
        return self._kept[kind]

    def _trees(self, structure: Structure | None, features: Features) -> dict[str, Entry]:
        reference = tree_rows(self.features, self.structure)
        generated = tree_rows(features, structure)
        names = [name for name in TREES if name in reference and name in generated]

        def one(name: str) -> Entry:
            label: dict[str, Any] = {"feature_set": _LABELS[name], "setup": "trees"}
            sides = reference[name], generated[name]
            energies = self.features.e_inc, features.e_inc
            try:
                score = separate(*sides, *energies)
            except ConfigError as error:
                return undefined_entry(str(error), **label)
            spread = null_error(len(sides[0]), len(sides[1]))
            return score_entry(score, Floor(0.5, 0.0, spread), score.n, **label)

        made = {name: one(name) for name in names}
        return {
            TREE_NAMES[name]: self._with_power(name, made[name]) for name in reversed(names)
        }

    def _with_power(self, name: str, made: Entry) -> Entry:
        """Add what trees flag, and what they read on two halves of the reference."""
        if name not in self.power:
            return _judged_with(made, None)
        floor, power = self.power[name]
        held = {} if floor is None else {"halves": floor._asdict()}
        return _judged_with(made, power) | held

    def _worth(self, structure: Structure) -> Entry:
        assert self.structure is not None
        found = worth(structure, self.structure)
        if found is None:
            return undefined_entry("no window of incident energy has 50 showers on each side")
        described = found.entry()
        half = (found.high - found.low) / 4
        error = half if math.isfinite(half) else None
        judged = dict.fromkeys(("floor", "verdict", "excess", "tolerance"))
        made = {"value": described.pop("showers"), "error": error, **judged, "sides": "both"}
        if made["value"] is None:
            made["reason"] = (
                f"more than {found.low:,.0f} showers of Geant4; the reference of "
                f"{found.n_reference:,} ends there"
            )
        return made | {k: v for k, v in described.items() if k != "error"}

    def _held(self, found: Sequence[Pull], n: int) -> dict[str, Entry]:
        """Hold what the pulls say against halves of the reference."""
        assert self.structure is not None
        reference, m = self.structure, len(self.structure) // 2
        if "halves" not in self._kept:
            splits = draw_splits(len(reference), m, HALVES, 0)[:HALVES]
            self._kept["halves"] = [
                pulls(reference.take(split.one), reference.take(split.other))
                for split in splits
            ]
        return held(found, self._kept["halves"], n, m)

    def _correlations(self, structure: Structure) -> Entry:
        """The distance of correlation structure, on parts beside its floor."""
        assert self.structure is not None
        reference, label = self.structure, "structure"
        whole = correlation_distance(structure, reference)
        splits = draw_splits(len(reference), len(structure), _SPLITS, 1)[:_SPLITS]
        m, mine = len(splits[0].one) if splits else 0, []
        if whole is None or m < _FEWEST:
            return undefined_entry(
                f"correlations need {2 * _FEWEST} showers of the reference and {_FEWEST} of "
                "the sample"
            )
        kept = self._kept.setdefault(("correlations", m), [])
        for i, split in enumerate(splits):
            half = reference.take(split.one)
            if i == len(kept):
                kept.append(correlation_distance(reference.take(split.other), half))
            mine.append(correlation_distance(structure.take(split.sample), half))
        if any(one is None for one in (*kept, *mine)):
            return undefined_entry("halves of the reference are too small for correlations")
        sizes = len(reference), len(structure), m
        floors = np.array([one.value for one in kept])
        floor = averaged_floor(floors, sizes, _SHARED * floors)
        own = averaged(np.array([one.value for one in mine]), sizes, floor)
        return score_entry(whole, floor, m, matched=own, feature_set=label)


def _judged_with(made: Entry, power: Power | None) -> Entry:
    """Add the power of a classifier, and take the verdict from one that flags nothing."""
    held = {} if power is None else {"power": power.entry()}
    blind = made["verdict"] == WITHIN and not (power and power.any)
    return made | held | ({"verdict": NO_POWER} if blind else {})
