"""The one rule of all verdicts: how far a number may lie from what Geant4 reads against itself.

The hypothesis is that the showers are Geant4's. What is held against three errors is the
difference between a number and its floor, and the error is that of this very difference under
the hypothesis: the scatter of the number, of the floor, and what both have in common. An error
that is itself estimated from few comparisons is widened by Student's distribution.

The error of the number as it is has no part in it: a sample that is far off scatters more, and
that must not excuse it. Nor has the scatter of a smaller comparison than the one judged.
"""

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple

from scipy.stats import norm, t

__all__ = [
    "ABOVE",
    "BELOW",
    "CHANCE",
    "RULE",
    "TOLERANCE",
    "WITHIN",
    "Floor",
    "Sides",
    "Verdict",
    "expected_by_chance",
    "judge",
]

WITHIN, ABOVE, BELOW = "within floor", "above floor", "below floor"

TOLERANCE = 3.0
"""Errors by which a number may lie off its floor."""

Sides = Literal["above", "size", "both"]
"""What counts as worse: more of it (a distance), a difference of either sign, or any change."""

CHANCE: dict[Sides, float] = {"above": 0.006, "size": 0.004, "both": 0.004}
"""Share of verdicts that go against Geant4 itself: see docs/evaluation.md.

More than the 1.3 in 1,000 (2.7 on two sides) of a normal distribution beyond three errors,
since most distances have a longer tail above.
"""

RULE = (
    "three errors of Geant4 against itself, one-sided for distances and two-sided for "
    "differences and shares; many numbers are correlated, so chance excesses come together"
)
"""What a verdict means, in words to print beside a count of them."""


class Floor(NamedTuple):
    """What a number reads for Geant4 against Geant4.

    Arguments:
        value: the mean.
        error: error of this mean, 0 where it is known exactly.
        spread: standard deviation of the number less the floor, if the showers are Geant4's.
        freedom: degrees of freedom of the spread; infinite where it is known exactly.
        n: showers on each side of the comparison; 0 where that is as many as the number has.
    """

    value: float
    error: float
    spread: float
    freedom: float = math.inf
    n: int = 0

    @property
    def tolerance(self) -> float:
        """By how much a number may lie off, in its own unit."""
        if math.isinf(self.freedom):
            return TOLERANCE * self.spread
        return float(t.isf(norm.sf(TOLERANCE), self.freedom)) * self.spread


class Verdict(NamedTuple):
    """How a number stands to its floor; all None where the number or the floor is undefined.

    Arguments:
        verdict: `WITHIN`, `ABOVE` or `BELOW`.
        excess: how far it lies off, in errors, of which three are tolerated; None where the
            floor does not scatter.
        tolerance: what is tolerated, in the unit of the number.
    """

    verdict: str | None = None
    excess: float | None = None
    tolerance: float | None = None


def judge(value: float, floor: Floor, sides: Sides) -> Verdict:
    """Hold a number against its floor.

    The excess of a difference counts its size, that of other numbers keeps its sign.

    Example:
        >>> judge(1.5, Floor(1.0, 0.0, 0.1), "above").verdict
        'above floor'
    """
    tolerance, off = floor.tolerance, value - floor.value
    if not (math.isfinite(tolerance) and math.isfinite(off)):
        return Verdict()
    off = abs(off) if sides == "size" else off
    excess = TOLERANCE * off / tolerance if tolerance > 0 else None
    if off > tolerance:
        return Verdict(ABOVE, excess, tolerance)
    too_little = sides == "both" and off < -tolerance
    return Verdict(BELOW if too_little else WITHIN, excess, tolerance)


def expected_by_chance(sides: Iterable[Sides]) -> float:
    """Sum how many verdicts would go against Geant4 itself, among those of these kinds."""
    return math.fsum(CHANCE[side] for side in sides)
