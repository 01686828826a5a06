r"""Whether an annealer keeps its temperature while a job runs, and keeps to what was measured.

Each read gives the score of the pseudo-likelihood, $S_r(\alpha) = \sum_i a_{ri}
\sigma(-\alpha a_{ri})$ with $a_{ri} = (2 z_{ri} - 1) f_{ri}$ over its free nodes. At the true
$\alpha$ its mean is zero whatever the couplings and the condition of the read, so that reads
under a thousand conditions add up without a classical state.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Int
from scipy.interpolate import CubicSpline
from scipy.stats import t as student
from torch import Tensor

from calo4pqvae.annealer.calibration.bridge import change_probability, effective
from calo4pqvae.annealer.calibration.temperature import Estimate, aligned_fields
from calo4pqvae.boltzmann.problem import BoltzmannProblem

__all__ = ["FALSE_ALARMS", "DriftMonitor", "Verdict"]

FALSE_ALARMS = (0.002, 0.0005)
"""Jobs of a steady annealer that are called drifting, and that are called another temperature
than was measured: one in 400 together, so that three or more in 200 jobs come in 1.4 % of such
campaigns."""

_GRID = np.geomspace(0.5, 2.0, 7)
r"""Values of $\alpha$ at which scores are kept; between them they are interpolated."""

_AT_ONCE = 512
"""Reads whose fields are in memory at a time."""

_PROGRAMMINGS = 20
"""From so many programmings on, they are what is compared; errors of the control are then part
of their scatter."""

_POWER = 2.5
"""Size of the bridge's peak at which it exceeds its bound, 1.86, in 9 of 10 jobs; its spread in
the middle of a job is 0.5."""


@dataclass(frozen=True)
class Verdict:
    r"""What a job's reads say of the temperature.

    Attributes:
        alpha: $\alpha$ of all reads; None if they have no temperature.
        drift: probability of a change as large as the one found, by chance.
        changed: $\alpha$ after the most likely moment of a change over that before it.
        moment: share of the reads before that moment.
        visible: relative change midway that is found in 9 of 10 jobs.
        moved: probability of a difference as large from what was measured, by chance; 1 if
            nothing was measured.
        alarms: a sentence for each thing that is wrong.
    """

    alpha: Estimate | None
    drift: float = 1.0
    changed: float = 1.0
    moment: float = 0.0
    visible: float = float("inf")
    moved: float = 1.0
    alarms: tuple[str, ...] = ()


@dataclass
class DriftMonitor:
    r"""Collects the scores of a job's reads, and judges them once it is done.

    A steady annealer's scores are a walk that returns to zero; a change bends it. Its furthest
    point is compared with that of walks whose steps have random signs, which knows the error of
    short jobs. Where programmings are many, each is one step, and the scatter of their control
    errors is part of it. Where they are few, each read is one, and small changes do not count.

    Arguments:
        reference: what $\alpha$ should be; unknown when None.
        tolerance: relative change that is no concern; half as much again where programmings
            are few, since errors of the control make them differ by about 1 %.
    """

    reference: Estimate | None = None
    tolerance: float = 0.02
    _scores: list[np.ndarray] = field(default_factory=list, repr=False)
    _programming: list[np.ndarray] = field(default_factory=list, repr=False)

    def watch(
        self,
        problem: BoltzmannProblem,
        states: Bool[Tensor, "chains nodes"],
        order: Int[np.ndarray, " reads"],
        programming: Int[np.ndarray, " chains"] | None = None,
    ) -> None:
        """Add the states of a call.

        Arguments:
            problem: biases (one row, or one per chain) and couplings.
            states: states of the chains.
            order: chains in the order in which they were read.
            programming: number of the programming that each chain was read from, different
                in all calls; one for all when absent.
        """
        for begin in range(0, len(order), _AT_ONCE):
            rows = order[begin : begin + _AT_ONCE]
            some = torch.from_numpy(rows)
            bias = problem.bias if len(problem.bias) == 1 else problem.bias[some]
            part = BoltzmannProblem(problem.graph, bias, problem.coupling)
            aligned = aligned_fields(part, states[some])
            scores = [
                (aligned / (1 + np.exp(np.minimum(a * aligned, 700)))).sum(1) for a in _GRID
            ]
            self._scores.append(np.stack(scores, axis=1))
            mine = np.zeros(len(rows), np.int64) if programming is None else programming[rows]
            self._programming.append(mine)

    @property
    def reads(self) -> int:
        """Reads so far."""
        return sum(map(len, self._scores))

    def verdict(self) -> Verdict:
        """Judge all reads so far; whatever they are, it does not raise."""
        if self.reads < 2:
            return Verdict(None)
        curves, owner = np.concatenate(self._scores), np.concatenate(self._programming)
        number = np.unique(owner, return_inverse=True)[1]
        alpha = _root(curves.sum(axis=0))
        if alpha is None:
            return Verdict(None)
        score, weight = _at(curves, alpha)
        if weight.sum() <= 0:
            return Verdict(None)
        many = effective(np.bincount(number, weight)) >= _PROGRAMMINGS
        unit = _consecutive(number if many else np.arange(len(owner)))
        steps, sizes = np.bincount(unit, score), np.bincount(unit, weight)
        found = _estimate(alpha, steps, sizes)
        drift, last = change_probability(steps, sizes)
        before = int((unit < last).sum())
        changed = _ratio(score, weight, before, alpha)
        visible = 4 * _POWER * found.error / alpha
        moved = self._moved(
            _estimate(alpha, *(np.bincount(number, x) for x in (score, weight)))
        )
        alarms = []
        tolerance = self.tolerance * (1.0 if many else 1.5)
        if drift < FALSE_ALARMS[0] and abs(changed - 1) > tolerance:
            alarms.append(
                f"the annealer's temperature has drifted: its inverse changed by a factor "
                f"{changed:.3g} after about {before} of {len(score)} reads, which chance does "
                f"in {drift:.1g} of all jobs; measure it again and split the job"
            )
        if moved < FALSE_ALARMS[1] and self.reference is not None:
            alarms.append(
                f"the annealer's inverse temperature is {alpha / self.reference.value:.3g} "
                f"times the measured one (pseudo-likelihood {found}, then {self.reference}); "
                "measure it again"
            )
        moment = before / len(score)
        return Verdict(found, drift, changed, moment, visible, moved, tuple(alarms))

    def _moved(self, found: Estimate) -> float:
        """Probability of the difference from the reference, by Welch's test."""
        r = self.reference
        if r is None:
            return 1.0
        a, b = found.error**2, r.error**2
        away = abs(found.value - r.value)
        if not 0 < a + b < math.inf or away <= self.tolerance * r.value:
            return 1.0
        freedom = (a + b) ** 2 / (a**2 / found.freedom + b**2 / r.freedom)
        return float(2 * student.sf(away / (a + b) ** 0.5, freedom))


def _estimate(alpha: float, steps: np.ndarray, sizes: np.ndarray) -> Estimate:
    """The error of alpha by the scatter of its steps; one step tells nothing."""
    units = effective(sizes)
    if units < 1.5:
        return Estimate(alpha, math.inf, 1.0)
    # A step's own share in the common value makes it too small by this.
    spread = np.sqrt((steps**2 / (1 - sizes / sizes.sum()).clip(0.1)).sum())
    return Estimate(alpha, float(spread / sizes.sum()), units - 1)


def _root(total: np.ndarray) -> float | None:
    """Where the sum of all scores is zero; the nearest end of the grid if that is outside."""
    if not np.isfinite(total).all() or not np.abs(total).max() > 0:
        return None
    if total[0] <= 0:
        return float(_GRID[0])
    if total[-1] >= 0:
        return float(_GRID[-1])
    found = CubicSpline(np.log(_GRID), total).roots(extrapolate=False)
    return float(np.exp(found[0])) if len(found) else None


def _at(curves: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores and their curvatures at a value of alpha."""
    spline, x = CubicSpline(np.log(_GRID), curves, axis=1), np.log(alpha)
    return spline(x), np.maximum(-spline(x, 1) / alpha, 0.0)


def _consecutive(number: np.ndarray) -> np.ndarray:
    """Number units in the order of their first read."""
    _, first, unit = np.unique(number, return_index=True, return_inverse=True)
    return first.argsort().argsort()[unit]


def _ratio(score: np.ndarray, weight: np.ndarray, before: int, alpha: float) -> float:
    """Ratio of the values after and before a moment, one Newton step from the common one."""
    a, b = weight[:before].sum(), weight[before:].sum()
    if min(a, b) <= 0:
        return 1.0
    first, second = (alpha + s.sum() / w for s, w in ((score[:before], a), (score[before:], b)))
    return float(second / first) if first > 0 else float("inf")
