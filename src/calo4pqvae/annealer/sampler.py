"""The prior sampled by an annealer: a `samplers.base.Sampler` over a `DWaveSampler`."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from calo4pqvae._core.rng import SharedNoise, derive_seed
from calo4pqvae.annealer.calibration.drift import DriftMonitor
from calo4pqvae.annealer.chip.constants import Chip, find_chip
from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.annealer.jobs.backend import Answer, Backend
from calo4pqvae.annealer.jobs.budget import Plan
from calo4pqvae.annealer.jobs.dispatch import Dispatcher, Job
from calo4pqvae.annealer.jobs.journal import Record
from calo4pqvae.annealer.programs.flux import flux_of_field
from calo4pqvae.annealer.programs.placement import Placement, place
from calo4pqvae.annealer.programs.programmer import Programmer
from calo4pqvae.annealer.programs.ranges import (
    RangeReport,
    Ranges,
    coupling_group,
    settle,
)
from calo4pqvae.annealer.programs.shares import Share, equal_chains, random_signs, share_out
from calo4pqvae.annealer.settings import Settings, Usage
from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.base import check_request
from calo4pqvae.errors import AnnealerError, ConfigError

__all__ = ["AnnealerSampler", "Settings", "Usage", "chip_of"]

_CONDITIONS = 1024
"""Conditions whose fields are held in memory at a time."""


class AnnealerSampler:
    """Draw chains on an annealer, real or emulated.

    It obeys `samplers.base.Sampler`; a state is a fresh read, so that sweeps and starts mean
    nothing. Clamped nodes come back as asked for; how often a read disagreed with its flux
    biases is counted in `usage`.

    Arguments:
        graph: nodes and couplers of the model.
        sampler: a structured dimod sampler with the interface of `DWaveSampler`.
        noise: source of the spin reversals.
        settings: how it is used.
        record: marks of submissions; in memory when absent. A `Journal` keeps answers.
        chip: chip whose constants count; that of the solver's name when absent.
        placement: qubits of the nodes; found on the sampler's working graph when absent.
        monitor: watches the temperature of all states, if given.
        dispatcher: more about sending, such as `window`, `attempts` and `sleep`.

    Attributes:
        usage: what was used so far.
        order: chains of the last call in the order of their reads.

    Raises:
        AnnealerError: the chip lacks qubits or couplers of the model.
    """

    ignores_start = True
    chains_at_once = 65_536
    """Chains that are best given to one call, as equal ones share a programming."""

    def __init__(
        self,
        graph: PartiteGraph,
        sampler: Any,
        noise: SharedNoise,
        settings: Settings,
        *,
        record: Record | None = None,
        chip: Chip | None = None,
        placement: Placement | None = None,
        monitor: DriftMonitor | None = None,
        **dispatcher: Any,
    ) -> None:
        self.graph, self.noise, self.settings = graph, noise, settings
        self.properties = sampler.properties
        self.chip = chip or chip_of(self.properties)
        self.order = np.zeros(0, np.int64)
        self.placement = placement or place(graph, WorkingGraph.of(sampler), settings.copies)
        backend = Backend(sampler, {"annealing_time": settings.anneal_us})
        self.dispatcher = Dispatcher(backend, record or Record("run"), **dispatcher)
        self.usage, self.monitor, self._jobs = Usage(), monitor, 0

    @torch.no_grad()
    def sample(
        self,
        problem: BoltzmannProblem,
        clamped: Bool[Tensor, "chains clamped"],
        sweeps: int = 0,
        start: Bool[Tensor, "chains nodes"] | None = None,
    ) -> Bool[Tensor, "chains nodes"]:
        """Program the chip as often as needed and return a state for each chain.

        Arguments:
            problem: biases (one row, or one per chain) and couplings.
            clamped: state of the conditioning partition of each chain.
            sweeps: checked, otherwise ignored.
            start: checked, otherwise ignored.

        Raises:
            SamplerError: the request is one that `check_request` refuses.
            AnnealerError: values are out of range, the limit would be exceeded, or the solver
                failed.
        """
        check_request(problem, clamped, sweeps, start, self.graph)
        device, clamped = clamped.device, clamped.cpu()
        problem = BoltzmannProblem(self.graph, problem.bias.cpu(), problem.coupling.cpu())
        groups, shares = self._share_out(problem, clamped)
        self._plan(shares).check(self.settings.limit_s, 1e-6 * self.usage.time.total)
        programmer = self._programmer(problem, clamped, groups)
        states = clamped.new_empty(len(clamped), self.graph.n_nodes)
        states[:, : clamped.shape[1]] = clamped
        key, first, taken = self.noise.key(), self._jobs, [0] * len(shares)
        self._jobs += len(shares)
        order: list[np.ndarray] = []
        jobs = self._make_jobs(programmer, clamped, shares, key, first)
        for job, answer in self.dispatcher.run(jobs):
            number = job.number - first
            spins = answer.spins * self._signs(key, number, answer.spins.shape[1])
            reads = spins.reshape(len(spins), self.placement.copies, -1)
            order += self._hand_out(
                states, shares[number], reads, taken[number], programmer.first
            )
            taken[number] += len(spins)
            self._count(answer, job)
        self.order = np.concatenate(order)
        if self.monitor is not None:
            self.monitor.watch(problem, states, self.order)
        return states.to(device)

    def plan(self, problem: BoltzmannProblem, clamped: Bool[Tensor, "chains clamped"]) -> Plan:
        """Say what a call would cost, without sending anything."""
        return self._plan(self._share_out(problem, clamped.cpu())[1])

    def check_ranges(
        self, problem: BoltzmannProblem, clamped: Bool[Tensor, "chains clamped"]
    ) -> RangeReport:
        """Compare all values of a call with the chip's ranges, without sending anything."""
        groups, _ = self._share_out(problem, clamped.cpu())
        return self._report(self._raw(problem, self.settings.beta), clamped.cpu(), groups)

    def _share_out(
        self, problem: BoltzmannProblem, clamped: Tensor
    ) -> tuple[list[np.ndarray], list[Share]]:
        free = problem.bias[:, self.graph.sizes[0] :].cpu()
        groups = equal_chains(free, clamped)
        if self.settings.mode == "single":
            wanted = [np.array([chain]) for chain in range(len(clamped))]
        else:
            wanted = groups
        copies = self.placement.copies
        gauges = self.settings.gauges
        return groups, share_out(wanted, copies=copies, most=self._most(), gauges=gauges)

    def _most(self) -> int:
        """Reads that the chip allows in one programming."""
        s, p = self.settings, self.properties
        most = int(p.get("num_reads_range", (1, 10_000))[1])
        time = Plan.of(
            [Share((np.zeros(1, np.int64),))], self._used(), self._times(), s.anneal_us
        )
        duration = float(p.get("problem_run_duration_range", (0, 1e6))[1])
        most = min(most, int(duration / time.time.sampling))
        return max(1, most if s.most_reads is None else min(most, s.most_reads))

    def _used(self) -> int:
        """Qubits in use."""
        held = 0 if self.settings.conditioning == "flux" else self.graph.sizes[0]
        return self.placement.copies * (self.graph.n_nodes - held)

    def _times(self) -> dict[str, Any]:
        """Properties for estimates of time; the chip's where the solver states none."""
        stated = self.properties.get("problem_timing_data")
        if stated or self.chip is None:
            return dict(self.properties)
        return {"chip_id": self.chip.name}

    def _plan(self, shares: list[Share]) -> Plan:
        return Plan.of(shares, self._used(), self._times(), self.settings.anneal_us)

    def _raw(
        self, problem: BoltzmannProblem, beta: float, clip: Ranges | None = None
    ) -> Programmer:
        s = self.settings
        return Programmer(
            problem,
            self.placement,
            beta,
            conditioning=s.conditioning,
            flux_per_field=flux_of_field(self.chip) if s.conditioning == "flux" else 0.0,
            field=s.holding_field,
            clip=clip,
        )

    def _programmer(
        self, problem: BoltzmannProblem, clamped: Tensor, groups: list[np.ndarray]
    ) -> Programmer:
        """Check all values of the call before the first is sent, and do as the user chose."""
        s, usage = self.settings, self.usage
        programmer = self._raw(problem, s.beta)
        report = self._report(programmer, clamped, groups)
        usage.ranges = usage.ranges + report
        factor = settle(report, s.out_of_range)
        if factor != 1 or not report.inside:
            clip = None if s.out_of_range == "rescale" else Ranges.of(self.properties)
            programmer = self._raw(problem, s.beta * factor, clip)
        usage.divided_by = max(usage.divided_by, factor)
        return programmer

    def _report(
        self, programmer: Programmer, clamped: Tensor, groups: list[np.ndarray]
    ) -> RangeReport:
        ranges, topology = Ranges.of(self.properties), self.properties.get("topology", {})
        couplers = programmer.qubits[programmer.ends.T]
        member = coupling_group(
            str(topology.get("type")),
            tuple(topology.get("shape", ())),
            couplers,
            grouped=ranges.grouped,
        )
        member = programmer.groups(member)
        report = RangeReport()
        firsts = np.array([group[0] for group in groups])
        for some in np.array_split(firsts, -(-len(firsts) // _CONDITIONS)):
            h = programmer.fields(some, clamped[some])
            report = report + ranges.check(h, programmer.coupling, member)
        return report

    def _make_jobs(
        self,
        programmer: Programmer,
        clamped: Tensor,
        shares: list[Share],
        key: int,
        first: int,
    ) -> Iterator[Job]:
        def build(number: int) -> Any:
            chains = [int(served[0]) for served in shares[number].chains]
            program = programmer.program(chains, clamped[chains])
            self.usage.flux = max(self.usage.flux, float(np.abs(program.flux).max(initial=0)))
            signs = self._signs(key, number, len(program.qubits))
            return program.flipped(signs) if self.settings.gauges else program

        for number, share in enumerate(shares):
            yield Job(first + number, share.reads, lambda number=number: build(number))

    def _signs(self, key: int, number: int, n: int) -> np.ndarray:
        if not self.settings.gauges:
            return np.ones(n, np.int8)
        return random_signs(derive_seed(key, number), n).astype(np.int8)

    def _hand_out(
        self, states: Tensor, share: Share, reads: np.ndarray, taken: int, first: int
    ) -> list[np.ndarray]:
        """Give each chain its read; return the chains that got one."""
        n0, given = self.graph.sizes[0], []
        for copy, served in enumerate(share.chains):
            chains = served[taken : taken + len(reads)]
            bits = torch.from_numpy(reads[: len(chains), copy] > 0)
            if first == 0:
                self._compare(bits[:, :n0], states[chains, :n0])
            states[chains, n0:] = bits[:, n0 - first :]
            given.append(chains)
        return given

    def _compare(self, found: Tensor, wanted: Tensor) -> None:
        """Count reads and qubits that disagree with their flux biases."""
        moved, usage = found != wanted, self.usage
        usage.held_reads += len(moved)
        usage.held_bits += moved.numel()
        usage.moved_reads += int(moved.any(dim=1).sum())
        usage.moved_bits += int(moved.sum())

    def _count(self, answer: Answer, job: Job) -> None:
        usage = self.usage
        usage.reads += len(answer.spins)
        usage.programmings += 1
        usage.time = usage.time + answer.time
        if len(answer.spins) > job.reads:
            raise AnnealerError(f"job {job.number} got more reads than it asked for")


def chip_of(properties: Any) -> Chip | None:
    """Constants of the solver's chip, if they are known."""
    name = str(properties.get("chip_id", "")).removeprefix("emulated ")
    try:
        return find_chip(name)
    except ConfigError:
        return None
