"""Networks that tell a sample from Geant4: those of the CaloChallenge, or quick ones.

Their floor needs no measurement. On showers that it has not seen, no classifier tells two
samples of one distribution apart, so that its area under the curve is 0.5 in the mean, and
scatters by the error of Mann and Whitney at most; the divergence is a lower bound, 0 or less in
the mean. Both hold for as many showers as the value was taken on.
"""

import math
import sys
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from jaxtyping import Float

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.classifiers.classifier import (
    OFFICIAL,
    QUICK,
    QUICK_RESNET,
    Classification,
    classify,
    expected_seconds,
)
from calo4pqvae.evaluation.classifiers.kinds import Kind
from calo4pqvae.evaluation.classifiers.training import Setup
from calo4pqvae.evaluation.measured.measured import Measured, low_level
from calo4pqvae.evaluation.measured.rows import kept_energy
from calo4pqvae.evaluation.metrics.metric import Metric, Options
from calo4pqvae.evaluation.power.ladder import AT_MOST, Power, measure_power, with_power
from calo4pqvae.evaluation.power.twins import STANDARD
from calo4pqvae.evaluation.result import Result, Score, Shown, undefined
from calo4pqvae.evaluation.verdict import Floor
from calo4pqvae.geometry import CylindricalGeometry

__all__ = ["SETUPS", "Networks", "undistinguished"]

Rows = Float[np.ndarray, "showers columns"]

SETUPS = {"quick": (QUICK, 3), "official": (OFFICIAL, 1)}
"""Setup of a network, and how many are trained on different splits."""

_INPUTS = {
    "high": "high-level features",
    "low": "voxels",
    "resnet": "3-D convolutional network",
}
_SCORES = {
    "auc": ("Classifier, AUC", 0.5),
    "jsd": ("Classifier, Jensen–Shannon divergence", 0.0),
}

_QUICK_VOXELS, _QUICK_FEATURES = 5_000, 20_000


class Networks(Metric):
    """Area under the curve and Jensen-Shannon divergence [bits] of each kind of network."""

    @classmethod
    def names(cls, options: Options) -> dict[str, Shown]:
        """Name both scores of each kind; none without classifiers."""
        kinds = options.inputs if options.classifiers != "none" else ()
        return {
            f"{score}.{kind}": Shown(f"{words}, {_INPUTS[kind]}", "Classifier", best=best)
            for kind in kinds
            for score, (words, best) in _SCORES.items()
        }

    @classmethod
    def voxels(cls, options: Options) -> int:
        """Voxels are an input on request; quick networks are not given too many."""
        if options.classifiers == "none" or set(options.inputs) <= {"high"}:
            return 0
        return _QUICK_VOXELS if options.classifiers == "quick" else sys.maxsize

    def of(self, sample: Measured) -> dict[str, Result]:
        """Train networks on each kind of input, and on twins of the reference."""
        kinds = self.options.inputs if self.options.classifiers != "none" else ()
        self._announce(kinds, sample)
        made = {}
        for kind in kinds:
            named = f"auc.{kind}", f"jsd.{kind}"
            label = sample.features.feature_set if kind == "high" else "voxels"
            try:
                rows = self._rows(kind, self.reference), self._rows(kind, sample)
                found = self._classify(kind, rows[0], rows[1])
            except ConfigError as error:
                made |= {name: undefined(str(error), feature_set=label) for name in named}
                continue
            n, more = found.auc.n, {"feature_set": label, "setup": self.options.classifiers}
            floors = undistinguished(n), Floor(0.0, 0.0, found.jsd.error, n=n)
            power = self._power(kind)
            for name, score, floor in zip(named, (found.auc, found.jsd), floors, strict=True):
                made[name] = with_power(Result(score, floor, more=more), power)
        return made

    def _setup(self, kind: Kind) -> tuple[Setup, int]:
        """Give the setup of a kind, and the number of trainings."""
        setup, runs = SETUPS[self.options.classifiers]
        return (QUICK_RESNET if (kind, setup) == ("resnet", QUICK) else setup), runs

    def _classify(
        self, kind: Kind, reference: Rows, generated: Rows, runs: int | None = None
    ) -> Classification:
        """Train networks of the setup in use, and show how far it has come."""
        setup, several = self._setup(kind)
        runs = runs or several
        words = f"{self.options.classifiers} network, {_INPUTS[kind]}: epochs"
        with self.options.progress(runs * setup.epochs, words) as bar:
            step: Callable[[], None] = (lambda: None) if bar is None else bar.advance
            return classify(
                reference, generated, kind, setup, shape=self._shape(kind), runs=runs, step=step
            )

    def _announce(self, kinds: Sequence[Kind], sample: Measured) -> None:
        """Say how long official networks will take, from the time of one batch of each."""
        if self.options.classifiers != "official" or not kinds:
            return
        seconds, tried = 0.0, 0
        n = min(len(self.reference), len(sample))
        epochs = SETUPS[self.options.classifiers][0].epochs
        for kind in kinds:
            columns = len(sample.features.columns)
            columns = columns if kind == "high" else 1 + sample.geometry.n_voxels
            setup, runs = self._setup(kind)
            shape = self._shape(kind)
            tried = 0 if kind in self.kept else len(STANDARD)
            halves = min(len(self.reference) // 2, AT_MOST)
            for showers, times in ((n, runs), (halves, tried)):
                seconds += times * expected_seconds(kind, setup, showers, columns, shape)
        self.options.say(
            f"the official networks will take some {seconds / 60:.0f} minutes: "
            f"{epochs} epochs on {n:,} showers a side, and on "
            f"{tried} kinds of spoilt showers of Geant4 to state their power"
        )

    def _power(self, kind: Kind) -> Power | None:
        """Try a network on the largest defect of each kind, by one training."""
        file = self.reference.file
        if file is None or not file.geometry.is_regular:
            return None
        if kind not in self.kept:
            largest = [twin._replace(sizes=twin.sizes[:1]) for twin in STANDARD]

            def score(reference: Rows, generated: Rows, *_: np.ndarray) -> Score:
                auc = self._classify(kind, reference, generated, 1).auc
                return auc._replace(n=auc.n - auc.n * 8 // 10)

            try:
                measure, rows = partial(_network_rows, kind=kind), self.reference.rows
                found = measure_power(file, rows, measure, {kind: score}, largest, False)
                self.kept[kind] = found[kind][1]
            except ConfigError:
                self.kept[kind] = None
        return self.kept[kind]

    def _rows(self, kind: Kind, side: Measured) -> Rows:
        """Take the rows that a network of this kind is given, a quick one not too many.

        Raises:
            ConfigError: they are voxels, and nobody measured them.
        """
        if kind == "high":
            rows = np.random.default_rng(42).permutation(len(side))
            few = rows[:_QUICK_FEATURES] if self.options.classifiers == "quick" else rows
            return side.features.values[few]
        if side.voxels is None:
            raise ConfigError("a network on voxels needs showers measured with their voxels")
        return side.voxels

    def _shape(self, kind: Kind) -> tuple[int, int, int] | None:
        """Give the volume of a ResNet; None on unlike layers, which it cannot take."""
        geometry = self.reference.geometry
        return geometry.shape if kind == "resnet" and geometry.is_regular else None


def undistinguished(n: int) -> Floor:
    """Say what the area under the curve reads for two samples of n showers of one distribution.

    `classify` holds a fifth of them back for it. The mean of several runs scatters less than
    a single one, by how much is not known.
    """
    held = n - n * 8 // 10
    return Floor(0.5, 0.0, math.sqrt((2 * held + 1) / 12) / held, n=n)


def _network_rows(
    e_inc: Float[np.ndarray, "showers 1"],
    showers: Float[np.ndarray, "showers voxels"],
    geometry: CylindricalGeometry,
    kind: Kind,
) -> dict[str, Rows]:
    """Lay out the features, or log10 E_inc and all voxels over E_inc."""
    if kind == "high":
        return {kind: Measured.from_showers(e_inc, showers, geometry).features.values}
    return {kind: low_level(e_inc[:, 0].astype(np.float64), kept_energy(showers, geometry))}
