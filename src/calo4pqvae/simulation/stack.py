"""A sampling calorimeter: slabs repeated along the axis, read out in layers and cells."""

from collections.abc import Iterator
from dataclasses import asdict
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from pydantic.dataclasses import dataclass

from calo4pqvae._core.intake import one_line
from calo4pqvae._core.intake.settings import STRICT, Flag, Integer, Real, build
from calo4pqvae.errors import ConfigError, GeometryError
from calo4pqvae.geometry import CylindricalGeometry, LayerBins
from calo4pqvae.units import keV, mm

__all__ = ["CELLS", "STEP_END", "Placed", "Slab", "Stack"]

STEP_END, CELLS = "step-end", "cells"
"""Where a deposit belongs: to the cell in which the step ends, or to those it passes."""


@dataclass(frozen=True, config=STRICT)
class Slab:
    """A plate across the axis.

    Attributes:
        material: symbol of an element, such as ``W``, or a name of Geant4, such as ``G4_lAr``.
        mm: thickness.
        sensitive: whether its deposits are read out.
        at_mm: distance of its front from the front of the repetition; behind the slab before
            it by default.
    """

    material: str
    mm: Real
    sensitive: Flag = False
    at_mm: Real | None = None


@dataclass(frozen=True, config=STRICT)
class Placed:
    """A slab in its place.

    Attributes:
        material: as in `Slab`.
        front: distance of its front from that of the detector [mm].
        thickness: [mm].
        layer: readout layer that its deposits belong to; None when they are not read out.
    """

    material: str
    front: float
    thickness: float
    layer: int | None


@dataclass(frozen=True, config=STRICT)
class Stack:
    """The whole detector; what is between and around its slabs is empty.

    Attributes:
        slabs: one repetition, front to back.
        layers: readout layers.
        alpha: equal azimuth bins over 2 pi.
        r_edges_mm: edges of the rings of cells.
        sampling_fraction: energy in sensitive slabs over incident energy; deposits are divided
            by it.
        threshold_kev: deposit in the sensitive slabs of a cell below which it reads as zero.
        repetitions: how often the slabs are repeated in each readout layer.
        period_mm: length of a repetition; that of its slabs by default.
        half_width_mm: half of the slabs' width and height.
        range_cut_mm: range below which Geant4 makes no secondaries.
        scoring: ``step-end`` puts a step's deposit into the cell in which it ends, as datasets
            2 and 3 do; ``cells`` ends steps at the walls of cells, more exact and faster.

    Raises:
        GeometryError: slabs overlap, nothing is sensitive, or a number makes no sense.
    """

    slabs: tuple[Slab, ...]
    layers: Integer
    alpha: Integer
    r_edges_mm: tuple[Real, ...]
    sampling_fraction: Real
    threshold_kev: Real
    repetitions: Integer = 1
    period_mm: Real | None = None
    half_width_mm: Real = 300.0
    range_cut_mm: Real = 0.7
    scoring: Literal["step-end", "cells"] = "step-end"

    def __post_init__(self) -> None:
        _check(self)
        self.geometry  # noqa: B018 - rings that cannot be are refused now

    @cached_property
    def geometry(self) -> CylindricalGeometry:
        """Readout of the stack."""
        bins = LayerBins(_edges(self.r_edges_mm), self.alpha)
        threshold = self.threshold_kev * keV / self.sampling_fraction
        return CylindricalGeometry.regular(self.layers, bins.n_alpha, bins.r_edges, threshold)

    @property
    def period(self) -> float:
        """Length of a repetition [mm]."""
        return max(back for _, back in _extents(self)) if not self.period_mm else self.period_mm

    @property
    def depth(self) -> float:
        """Length of the detector [mm]."""
        return self.layers * self.repetitions * self.period

    def placed(self) -> Iterator[Placed]:
        """List all slabs from front to back."""
        for number in range(self.layers * self.repetitions):
            layer = number // self.repetitions
            for slab, (front, _) in zip(self.slabs, _extents(self), strict=True):
                read_out = layer if slab.sensitive else None
                yield Placed(slab.material, number * self.period + front, slab.mm, read_out)

    def to_dict(self) -> dict[str, Any]:
        """Describe the stack with plain lists and numbers (inverse of `from_dict`)."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, content: Any, name: str = "stack") -> "Stack":
        """Build a stack from what a YAML file holds.

        Raises:
            ConfigError: an unknown or missing key, or a value of the wrong type.
            GeometryError: as for the class.
        """
        try:
            return build(cls, content)
        except GeometryError:
            raise
        except Exception as error:  # whatever odd values make of the sums
            reason = one_line(error) or type(error).__name__
            raise ConfigError(f"{name}: is no description of a stack ({reason})") from error


def _edges(r_edges_mm: tuple[float, ...]) -> tuple[float, ...]:
    """Edges of rings [mm]; equal rings become multiples of the first, as in the challenge."""
    width = r_edges_mm[1] if len(r_edges_mm) > 1 else 0.0
    multiples = [width * i for i in range(len(r_edges_mm))]
    equal = np.allclose(multiples, r_edges_mm, rtol=1e-12, atol=0)
    return tuple(edge * mm for edge in (multiples if equal else r_edges_mm))


def _extents(stack: Stack) -> list[tuple[float, float]]:
    """Front and back of each slab from the front of the repetition [mm]."""
    extents, back = [], 0.0
    for slab in stack.slabs:
        front = back if slab.at_mm is None else slab.at_mm
        back = front + slab.mm
        extents.append((front, back))
    return extents


def _check(stack: Stack) -> None:
    """Refuse what cannot be built."""
    rules = {
        "at least one slab must be sensitive": any(s.sensitive for s in stack.slabs),
        "every slab must have a thickness above zero": all(s.mm > 0 for s in stack.slabs),
        "layers and repetitions must be at least 1": min(stack.layers, stack.repetitions) > 0,
        "sampling_fraction must lie above 0 and not above 1": 0 < stack.sampling_fraction <= 1,
        "range_cut_mm must be above zero": stack.range_cut_mm > 0,
    }
    for rule, holds in rules.items():
        if not holds:
            raise GeometryError(f"stack: {rule}")
    extents = [(0.0, 0.0), *_extents(stack)]
    for number, ((_, back), (front, _)) in enumerate(pairwise(extents)):
        if front < back - 1e-9:
            slab, start = stack.slabs[number], "the front of the repetition"
            before = stack.slabs[number - 1].material if number else start
            raise GeometryError(
                f"stack: slab {number + 1} ({slab.material}) begins at {front:g} mm and "
                f"overlaps {before}, which ends at {back:g} mm; mend its at_mm"
            )
    if stack.period_mm is not None and stack.period_mm < extents[-1][1] - 1e-9:
        raise GeometryError(
            f"stack: a period of {stack.period_mm:g} mm is shorter than its slabs, which end "
            f"at {extents[-1][1]:g} mm, so that repetitions overlap; mend period_mm"
        )
    if stack.r_edges_mm and max(stack.r_edges_mm) > stack.half_width_mm:
        raise GeometryError(
            f"stack: rings up to {max(stack.r_edges_mm):g} mm stick out of slabs with a half "
            f"width of {stack.half_width_mm:g} mm; mend r_edges_mm or half_width_mm"
        )
