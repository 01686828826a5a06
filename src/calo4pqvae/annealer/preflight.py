"""What must be known of a call before its first program is sent: values, ranges, times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool
from torch import Tensor

from calo4pqvae.annealer.chip.constants import Chip
from calo4pqvae.annealer.jobs.budget import Plan, estimate
from calo4pqvae.annealer.programs.flux import USUAL_FLUX, flux_of_field
from calo4pqvae.annealer.programs.placement import Placement
from calo4pqvae.annealer.programs.programmer import Programmer
from calo4pqvae.annealer.programs.ranges import (
    RangeReport,
    Ranges,
    coupling_group,
    range_factor,
)
from calo4pqvae.annealer.programs.shares import Share
from calo4pqvae.annealer.settings import Settings
from calo4pqvae.boltzmann.problem import BoltzmannProblem

__all__ = ["Preflight"]

_CONDITIONS = 1024
"""Conditions whose fields are held in memory at a time."""


@dataclass(frozen=True, eq=False)
class Preflight:
    """Checks what a call would program and cost, and sends nothing.

    Arguments:
        placement: qubits of the nodes.
        properties: what the solver says of itself.
        chip: the chip, if it is known.
        settings: how it is used.
    """

    placement: Placement
    properties: Mapping[str, Any]
    chip: Chip | None
    settings: Settings

    @property
    def qubits(self) -> int:
        """Qubits in use."""
        graph = self.placement.graph
        held = 0 if self.settings.conditioning == "flux" else graph.sizes[0]
        return self.placement.copies * (graph.n_nodes - held)

    @property
    def most_reads(self) -> int:
        """Reads that the chip allows in one programming."""
        p, s = self.properties, self.settings
        most = int(p.get("num_reads_range", (1, 10_000))[1])
        one = self.plan([Share((np.zeros(1, np.int64),))])
        duration = float(p.get("problem_run_duration_range", (0, 1e6))[1])
        most = min(most, int(duration / one.time.sampling))
        return max(1, most if s.most_reads is None else min(most, s.most_reads))

    def plan(self, shares: Sequence[Share]) -> Plan:
        """Say what programmings will cost."""
        return Plan.of(shares, self.qubits, self._times(), self.settings.anneal_us)

    def time(self, reads: int) -> float:
        """Say what one submission of so many reads will cost [us]."""
        anneal = self.settings.anneal_us
        return estimate(self._times(), self.qubits, reads, 1, anneal).total

    def programmer(
        self,
        problem: BoltzmannProblem,
        clamped: Bool[Tensor, "chains clamped"],
        firsts: Sequence[int] | np.ndarray,
    ) -> tuple[Programmer, RangeReport, float]:
        """Compare all values with the chip's ranges, and do with them what the user chose.

        Arguments:
            problem: biases (one row, or one per chain) and couplings.
            clamped: state of the conditioning partition of each chain.
            firsts: one chain under each condition.

        Returns:
            what makes the programs, what was out of range, and the number that all values
            were divided by to bring them inside.

        Raises:
            AnnealerError: values are out of range, and the user chose to refuse them.
        """
        s = self.settings
        found = self.raw(problem)
        report = self.report(found, clamped, firsts)
        factor = range_factor(report, s.out_of_range, gauges=s.gauges > 0)
        if factor != 1 or not report.inside:
            clip = None if s.out_of_range == "rescale" else self._ranges()
            found = self.raw(problem, factor, clip)
        return found, report, factor

    def report(
        self,
        programmer: Programmer,
        clamped: Bool[Tensor, "chains clamped"],
        firsts: Sequence[int] | np.ndarray,
    ) -> RangeReport:
        """Compare programs under some conditions with the ranges, whatever gauges will be."""
        ranges, topology = self._ranges(), self.properties.get("topology", {})
        member = coupling_group(
            str(topology.get("type")),
            tuple(topology.get("shape", ())),
            programmer.qubits[programmer.ends.T],
            grouped=ranges.grouped,
        )
        member = programmer.groups(member)
        report = RangeReport()
        for some in np.array_split(np.asarray(firsts), -(-len(firsts) // _CONDITIONS)):
            h = programmer.fields(some, clamped[some])
            report = report + ranges.check(h, programmer.coupling, member)
        return report

    def raw(
        self, problem: BoltzmannProblem, factor: float = 1.0, clip: Ranges | None = None
    ) -> Programmer:
        """Make programs whose values may be out of range."""
        s = self.settings
        unit = self.flux_unit if s.conditioning == "flux" else 0.0
        return Programmer(
            problem,
            self.placement,
            s.beta,
            factor=factor,
            conditioning=s.conditioning,
            flux_per_field=unit,
            field=s.holding_field,
            clip=clip,
        )

    @property
    def flux_unit(self) -> float:
        """Flux bias that acts like a field of 1 [Phi_0]."""
        topology = str(self.properties.get("topology", {}).get("type", "zephyr"))
        return flux_of_field(self.chip, topology)

    def _ranges(self) -> Ranges:
        ranges = Ranges.of(self.properties)
        if self.settings.fields == "flux":
            most = USUAL_FLUX / abs(self.flux_unit)
            ranges = replace(ranges, h=(-most, most))
        return ranges.for_any_gauge() if self.settings.gauges else ranges

    def _times(self) -> dict[str, Any]:
        """Properties for estimates of time; the chip's where the solver states none."""
        stated = self.properties.get("problem_timing_data")
        if stated or self.chip is None:
            return dict(self.properties)
        return {"chip_id": self.chip.name}
