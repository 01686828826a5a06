"""Gradient-boosted trees that tell a sample from Geant4, with what they would see stated."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.classifiers.trees import null_error, separate
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.metric import Metric, Options
from calo4pqvae.evaluation.power.ladder import Power, measure_power, with_power
from calo4pqvae.evaluation.power.twins import STANDARD
from calo4pqvae.evaluation.result import Result, Score, Shown, undefined
from calo4pqvae.evaluation.verdict import Floor

__all__ = ["INPUTS", "Trees", "tree_rows"]

Input = Literal["both", "structure", "features"]
Rows = Float[np.ndarray, "showers columns"]

INPUTS: dict[Input, tuple[str, str, str]] = {
    "both": ("auc.trees", "Trees on features and structure, AUC", "both"),
    "structure": ("auc.trees_structure", "Trees on the structure, AUC", "structure"),
    "features": ("auc.trees_features", "Trees on official features, AUC", "official-362"),
}
"""Name, words and feature set of the trees by input: the official features, log10 E_inc with
structural observables, or both."""

AT_MOST = 20_000
"""Showers of a side that trees are given: more gain 0.002 in AUC and cost memory."""


class Trees(Metric):
    """Areas under the curve of trees, with their power on twins of the reference."""

    @classmethod
    def names(cls, options: Options) -> dict[str, Shown]:
        """Name one result for each input; none without classifiers."""
        named = INPUTS.values() if options.classifiers != "none" else ()
        return {name: Shown(words, "Trees", best=0.5) for name, words, _ in named}

    def of(self, sample: Measured) -> dict[str, Result]:
        """Tell a sample from the reference; layers that differ leave the features alone."""
        if self.options.classifiers == "none":
            return {}
        sides = [_few(self.reference), _few(sample)]
        rows = [tree_rows(one) for one in sides]
        energies = [one.e_inc for one in sides]
        made = {}
        for key, (name, _, feature_set) in INPUTS.items():
            if key in rows[0] and key in rows[1]:
                more = {"feature_set": feature_set, "setup": "trees"}
                made[name] = self._result(key, [one[key] for one in rows], energies, more)
        return made

    @cached_property
    def power(self) -> Mapping[str, tuple[Score | None, Power]]:
        """Floor and power, by input; empty with fewer than 200 showers."""
        file, rows = self.reference.file, self.reference.rows
        if file is None:
            return {}
        regular = file.geometry.is_regular
        trees = {key: separate for key in INPUTS if regular or key == "features"}
        twins = STANDARD if regular else ()

        def measure(*showers: Any) -> dict[str, Rows]:
            return tree_rows(Measured.from_showers(*showers, like=self.reference))

        try:
            return measure_power(file, rows, measure, trees, twins)
        except ConfigError:
            return {}

    def _result(
        self, key: str, rows: list[Rows], energies: list[np.ndarray], more: dict[str, Any]
    ) -> Result:
        try:
            score = separate(*rows, *energies)
        except ConfigError as error:
            return undefined(str(error), **more)
        floor = Floor(0.5, 0.0, null_error(*map(len, rows)), n=score.n)
        halves, power = self.power.get(key, (None, None))
        held = {} if halves is None else {"halves": halves._asdict()}
        return with_power(Result(score, floor, more=more | held), power)


def tree_rows(side: Measured) -> dict[str, Rows]:
    """Lay out the rows of each input, float32; only features where layers differ."""
    made = {"features": side.features.values.astype(np.float32, copy=False)}
    if side.structure is not None:
        values = side.structure.values.astype(np.float32, copy=False)
        log_energy = np.log10(side.e_inc).astype(np.float32)[:, None]
        made["structure"] = np.concatenate([log_energy, values], axis=1)
        made["both"] = np.concatenate([made["features"], values], axis=1)
    return made


def _few(side: Measured) -> Measured:
    """Draw as many showers as trees are given."""
    if len(side) <= AT_MOST:
        return side
    return side.take(np.random.default_rng(42).permutation(len(side))[:AT_MOST])
