"""What a metric says of a sample: a value, its error, its floor, and the verdict.

A `Score` is a bare value with its error. A `Result` sets it beside its floor, what Geant4 reads
against itself, and judges it by the one rule of `verdict`. Where a score depends on the number
of showers, the same score on as many as the floor has (``matched``) is judged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from calo4pqvae.evaluation.verdict import Floor, Sides, Verdict, judge

__all__ = ["Result", "Score", "Shown", "undefined"]

NAN = float("nan")


class Score(NamedTuple):
    """A number that compares two samples of showers.

    Arguments:
        value: the number; NaN where it is undefined.
        error: its error, as the metric defines it; NaN where it is not known.
        n: number of showers on the smaller side; 0 where it is not known.
    """

    value: float
    error: float
    n: int = 0


class Shown(NamedTuple):
    """How a number is presented.

    Arguments:
        label: the quantity in words.
        group: heading of the table it stands in.
        scale: factor from the stored number to the one shown.
        unit: of the number shown.
        best: what it reads when nothing differs, where a drawing begins.
    """

    label: str
    group: str
    scale: float = 1.0
    unit: str = ""
    best: float = 0.0


@dataclass(frozen=True)
class Result:
    """One comparison of a sample with Geant4.

    Arguments:
        score: on all showers.
        floor: what Geant4 reads against itself; None where there is none to measure.
        matched: the score on as many showers as the floor has, where it depends on their
            number; the judged value.
        sides: what counts as worse.
        reason: why the value, the floor or the verdict is undefined.
        n_reference: showers of Geant4, where they are not as many as those of the sample.
        more: whatever else there is to say, such as ``feature_set``.

    Example:
        >>> result = Result(Score(0.5, 0.1, 800), Floor(0.1, 0.0, 0.1))
        >>> result.verdict, round(result.excess, 1)
        ('above floor', 4.0)
    """

    score: Score
    floor: Floor | None = None
    matched: Score | None = None
    sides: Sides = "above"
    reason: str = ""
    n_reference: int = 0
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The score on all showers."""
        return self.score.value

    @property
    def judged(self) -> Score:
        """What is held against the floor."""
        return self.matched or self.score

    @cached_property
    def judgement(self) -> Verdict:
        """Verdict, excess and tolerance."""
        if self.floor is None:
            return Verdict()
        return judge(self.judged.value, self.floor, self.sides)

    @property
    def verdict(self) -> str | None:
        """The verdict in words, or what a metric puts in its place."""
        return self.more.get("verdict", self.judgement.verdict)

    @property
    def excess(self) -> float | None:
        """Errors by which the judged value lies off its floor."""
        return self.judgement.excess

    def to_dict(self, shown: Shown | None = None) -> dict[str, Any]:
        """Describe it for JSON, where numbers that are not finite are null.

        Arguments:
            shown: how the number is presented, to be kept beside it.
        """
        label = {k: v for k, v in self.more.items() if k == "feature_set"}
        made: dict[str, Any] = {} if shown is None else shown._asdict()
        made |= self.score._asdict()
        if self.n_reference:
            made["n_reference"] = self.n_reference
        made["floor"] = None
        if self.floor is not None:
            n = {"n": self.floor.n} if self.floor.n else {}
            made["floor"] = {"value": self.floor.value, "error": self.floor.error} | n | label
        if self.matched is not None:
            made["matched"] = self.matched._asdict() | label
        made |= self.judgement._asdict() | {"sides": self.sides} | dict(self.more)
        return made | ({"reason": self.reason} if self.reason else {})


def undefined(reason: str, sides: Sides = "above", **more: Any) -> Result:
    """Make a result that could not be computed."""
    return Result(Score(NAN, NAN, 0), sides=sides, reason=reason, more=more)
