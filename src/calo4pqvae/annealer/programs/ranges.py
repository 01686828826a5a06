"""Whether a program fits what a chip can be programmed with, and what to do if it does not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

from calo4pqvae._core.numbers import plain
from calo4pqvae.errors import AnnealerError

__all__ = ["OutOfRange", "RangeReport", "Ranges", "coupling_group", "range_factor"]

OutOfRange = Literal["refuse", "rescale", "clip"]
"""What to do with values that a chip cannot hold: refuse; divide all of a problem's values by
one number, which makes the samples hotter by it; or clip each, which changes the model."""

_ROUNDING = 1 + 1e-6
"""Values may exceed a bound by what the arithmetic of the program can do."""


@dataclass(frozen=True)
class RangeReport:
    """How much of a program lies outside the ranges of a chip.

    Attributes:
        fields, couplings, sums: fields h, couplings J, and sums of couplings at one qubit
            (or in one of its groups) that are outside.
        n_fields, n_couplings, n_sums: how many of each there are.
        excess: largest ratio of a value to its bound; all is inside up to 1.
    """

    fields: int = 0
    couplings: int = 0
    sums: int = 0
    n_fields: int = 0
    n_couplings: int = 0
    n_sums: int = 0
    excess: float = 0.0

    @property
    def inside(self) -> bool:
        """Whether all can be programmed as it is."""
        return self.excess <= _ROUNDING

    def __add__(self, other: "RangeReport") -> "RangeReport":
        counts = ("fields", "couplings", "sums", "n_fields", "n_couplings", "n_sums")
        added = {name: getattr(self, name) + getattr(other, name) for name in counts}
        return RangeReport(**added, excess=max(self.excess, other.excess))

    def __str__(self) -> str:
        parts = [
            f"{n} of {total} {what} ({plain(100 * n / max(total, 1), 2)} %)"
            for n, total, what in (
                (self.fields, self.n_fields, "fields h"),
                (self.couplings, self.n_couplings, "couplings J"),
                (self.sums, self.n_sums, "sums of couplings at a qubit"),
            )
        ]
        told = f"{', '.join(parts)} outside"
        return told if self.inside else f"{told}, by up to a factor {plain(self.excess)}"


@dataclass(frozen=True)
class Ranges:
    """Bounds of a chip.

    Attributes:
        h, j: fields and couplings.
        sums: sum of the couplings of a group.
        grouped: whether a qubit has two groups of couplers (Advantage2), or one.
        any_signs: whether sums are those of the couplings' sizes, the worst of all signs.
    """

    h: tuple[float, float]
    j: tuple[float, float]
    sums: tuple[float, float] | None
    grouped: bool
    any_signs: bool = False

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> "Ranges":
        """Read the bounds that a solver states."""
        groups = properties.get("per_group_coupling_range")
        sums = groups or properties.get("per_qubit_coupling_range")
        j = properties.get("extended_j_range") or properties["j_range"]
        return cls(
            _pair(properties["h_range"]), _pair(j), _pair(sums) if sums else None, bool(groups)
        )

    def for_any_gauge(self) -> "Ranges":
        """Bounds that hold whichever spins are reversed: the narrower side counts for both.

        Reversing a spin changes the sign of its field and couplings, and J may be as low as -2
        but not above 1.
        """
        sums = None if self.sums is None else _narrower(self.sums)
        return Ranges(_narrower(self.h), _narrower(self.j), sums, self.grouped, any_signs=True)

    def check(
        self,
        h: Float[np.ndarray, "problems nodes"],
        j: Float[np.ndarray, " couplers"],
        member: Int[np.ndarray, "2 couplers"],
    ) -> RangeReport:
        """Compare programs that share their couplings with the bounds.

        Arguments:
            h: fields of each program.
            j: couplings.
            member: number of the group that a coupler belongs to, at each of its ends.
        """
        ratios = [_ratio(h, self.h), _ratio(j, self.j)]
        if self.sums is not None and len(j):
            worst = np.abs(j) if self.any_signs else j
            sums = np.bincount(member.ravel(), np.tile(worst, 2))
            ratios.append(_ratio(sums, self.sums))
        else:
            ratios.append(np.zeros(0))
        outside = [int((r > _ROUNDING).sum()) for r in ratios]
        excess = max(float(r.max(initial=0.0)) for r in ratios)
        return RangeReport(*outside, *(r.size for r in ratios), excess=excess)

    def clip(self, h: np.ndarray, j: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bring fields and couplings inside, one by one."""
        return h.clip(*self.h), j.clip(*self.j)


def range_factor(report: RangeReport, policy: OutOfRange, *, gauges: bool = False) -> float:
    """Decide what to do about a report: the number that all values are divided by.

    Arguments:
        report: what lies outside.
        policy: what the user chose.
        gauges: whether spins will be reversed, for the message.

    Raises:
        AnnealerError: values are outside and the policy is to refuse, or clipping would leave
            sums of couplings outside.
    """
    if report.inside:
        return 1.0
    if policy == "rescale":
        return report.excess
    if policy == "clip" and not report.sums:
        return 1.0
    ways = "rescale them (hotter samples)" + (
        "" if report.sums else ", clip them (another model)"
    )
    reversed_ = ", whichever of its spins are reversed" if gauges else ""
    raise AnnealerError(
        f"the chip cannot hold this program{reversed_}: {report}; nothing was sent: "
        f"{ways}, or train weaker couplings",
        remedy="out of range",
    )


def coupling_group(
    topology: str,
    grid: tuple[int, ...],
    couplers: Int[np.ndarray, "couplers 2"],
    *,
    grouped: bool,
) -> Int[np.ndarray, "2 couplers"]:
    """Number the group that each coupler belongs to, at its first and at its second qubit.

    On Zephyr a qubit has one group for either half of its length: internal couplers belong to
    the half that they cross, odd and external ones to the end that they reach over.
    """
    groups = []
    for own, other in (couplers.T, couplers.T[::-1]):
        half = np.zeros(len(own), dtype=np.int64)
        if grouped and topology == "zephyr":
            shape = (2, 2 * grid[0] + 1, 4, 2, grid[0])
            u, _, _, j, z = np.unravel_index(own, shape)
            v, w, _, i, y = np.unravel_index(other, shape)
            segment = 2 * z + j
            crossed = segment + 1 - w
            reached = np.where(j != i, z + j - y, (y < z).astype(np.int64))
            half = np.where(u != v, crossed, reached)
        groups.append(2 * own + half)
    return np.stack(groups)


def _narrower(bounds: tuple[float, float]) -> tuple[float, float]:
    most = min(-bounds[0], bounds[1])
    return -most, most


def _pair(values: Any) -> tuple[float, float]:
    low, high = values
    return float(low), float(high)


def _ratio(values: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    """By how much each value exceeds its bound; 1 at the bound."""
    low, high = bounds
    return np.maximum(values / high, values / low)
