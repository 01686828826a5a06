"""The power of classifiers: which defect of which size each of them flags, in the same run.

The reference is cut into two random halves. One is spoilt, by one defect after the other, and
told from the other by each classifier exactly as a sample of a model is. For each kind of
defect the sizes are tried from the largest down, until the classifier misses one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.classifiers.trees import null_error
from calo4pqvae.evaluation.power.twins import STANDARD, Twin, spoilt
from calo4pqvae.evaluation.result import Result, Score
from calo4pqvae.evaluation.verdict import WITHIN
from calo4pqvae.geometry import CylindricalGeometry

__all__ = [
    "AT_MOST", "NO_POWER", "SIGMAS", "Power", "Rung", "flags", "halves_of", "measure_power",
    "with_power",
]  # fmt: skip

NO_POWER = "no power at this size"
"""Verdict of a classifier that flags nothing, not even the largest defect of each kind."""

SIGMAS = 3.0
"""An area under the curve is flagged when it exceeds 1/2 by so many errors."""

AT_MOST = 1600
"""Showers of each half, at most, so that large references cost no more."""

Rows = Mapping[str, Float[np.ndarray, "showers columns"]]
Measure = Callable[[np.ndarray, np.ndarray, CylindricalGeometry], Rows]
Classifier = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], Score]


class Rung(NamedTuple):
    """A classifier on one twin.

    Arguments:
        twin: kind of the defect.
        defect: the defect with its size, in words.
        size: its size.
        auc: area under the curve.
        error: its error.
        flagged: whether it exceeds 1/2 by three errors.
    """

    twin: str
    defect: str
    size: float
    auc: float
    error: float
    flagged: bool


class Power(NamedTuple):
    """What a classifier flags, on `n` showers a side."""

    rungs: tuple[Rung, ...]
    n: int

    @property
    def smallest(self) -> list[Rung]:
        """The smallest size flagged of each kind of defect, in the order tried."""
        last = {rung.twin: rung for rung in self.rungs if rung.flagged}
        return list(last.values())

    @property
    def any(self) -> bool:
        """Whether it flags anything."""
        return any(rung.flagged for rung in self.rungs)

    def entry(self) -> dict[str, Any]:
        """Describe it for JSON."""
        twins = [rung._asdict() for rung in self.rungs]
        return {"n": self.n, "flags": [rung.defect for rung in self.smallest], "twins": twins}


def halves_of(rows: Int[np.ndarray, " rows"], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw two disjoint parts of the rows, of equal size, up to `AT_MOST` each."""
    order = np.random.default_rng(seed).permutation(rows)
    half = min(len(order) // 2, AT_MOST)
    return np.sort(order[:half]), np.sort(order[half : 2 * half])


def flags(auc: Score) -> bool:
    """Whether an area under the curve exceeds 1/2 by three errors, its own or chance's."""
    return auc.value - 0.5 > SIGMAS * max(auc.error, null_error(auc.n, auc.n))


def measure_power(
    file: ShowerFile,
    rows: Int[np.ndarray, " rows"] | None,
    measure: Measure,
    classifiers: Mapping[str, Classifier],
    twins: Sequence[Twin] = STANDARD,
    floor: bool = True,
) -> dict[str, tuple[Score | None, Power]]:
    """Try classifiers on unspoilt and on spoilt halves of the reference.

    One half is in memory at a time, and a spoilt copy of it: 42 MB each for 1,600 showers of
    6,480 voxels.

    Arguments:
        file: showers of Geant4.
        rows: rows to use; None takes all.
        measure: (incident energies, showers, geometry) -> rows for each classifier by name.
        classifiers: (reference rows, other rows, their energies) -> area under the curve.
        twins: kinds of defects, on a regular cylinder.
        floor: whether to tell one unspoilt half from the other, too.

    Returns:
        By name, the floor (None if not wanted) and the power.

    Raises:
        GeometryError: the layers of the cylinder differ, and there are twins.
    """
    parts = halves_of(np.arange(len(file)) if rows is None else rows)
    e_inc = [file.e_inc(part) for part in parts]
    energies = [side[:, 0].astype(np.float64) for side in e_inc]
    own = measure(e_inc[0], file.showers(parts[0]), file.geometry)
    showers = file.showers(parts[1])

    def judge(made: np.ndarray, names: Sequence[str]) -> dict[str, Score]:
        other = measure(e_inc[1], made, file.geometry)
        return {k: classifiers[k](own[k], other[k], *energies) for k in names}

    floors = judge(showers, list(classifiers)) if floor else {}
    rungs: dict[str, list[Rung]] = {name: [] for name in classifiers}
    for twin in twins:
        wanted = list(classifiers)
        for size in twin.sizes:
            if not wanted:
                break
            found = judge(spoilt(twin, size, showers, file.geometry), wanted)
            for name, auc in found.items():
                seen = flags(auc)
                rung = Rung(twin.name, twin.describe(size), size, auc.value, auc.error, seen)
                rungs[name].append(rung)
                if not seen:
                    wanted.remove(name)
    n = len(parts[0])
    return {name: (floors.get(name), Power(tuple(rungs[name]), n)) for name in classifiers}


def with_power(result: Result, power: Power | None) -> Result:
    """Add the power of a classifier, and take the verdict from one that flags nothing."""
    held: dict[str, Any] = {} if power is None else {"power": power.entry()}
    if result.verdict == WITHIN and not (power and power.any):
        held["verdict"] = NO_POWER
    return replace(result, more={**result.more, **held})
