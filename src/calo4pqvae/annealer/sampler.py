"""The prior sampled by an annealer, obeying `boltzmann.samplers.base.Sampler`."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from calo4pqvae._core.rng import SharedNoise, derive_seed
from calo4pqvae.annealer.calibration.drift import DriftMonitor
from calo4pqvae.annealer.chip.constants import Chip, chip_of
from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.annealer.jobs.account import Account
from calo4pqvae.annealer.jobs.backend import Answer, Backend
from calo4pqvae.annealer.jobs.budget import Plan
from calo4pqvae.annealer.jobs.dispatch import Dispatcher, Job
from calo4pqvae.annealer.jobs.record import Record
from calo4pqvae.annealer.preflight import Preflight
from calo4pqvae.annealer.programs.placement import Placement, place
from calo4pqvae.annealer.programs.program import Program
from calo4pqvae.annealer.programs.programmer import Programmer
from calo4pqvae.annealer.programs.ranges import RangeReport
from calo4pqvae.annealer.programs.shares import Share, equal_chains, random_signs, share_out
from calo4pqvae.annealer.programs.shims import Shims
from calo4pqvae.annealer.settings import Settings
from calo4pqvae.annealer.usage import Usage
from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.ising import to_bits
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.base import check_request
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.errors import AnnealerError

__all__ = ["AnnealerSampler", "Settings", "Usage"]


class AnnealerSampler:
    """Draw chains on an annealer, real or emulated.

    It obeys `boltzmann.samplers.base.Sampler`; a state is a fresh read, relaxed by a few sweeps
    if the settings say so, so that sweeps and starts of a call mean nothing. Clamped nodes come
    back as asked for; how often a read disagreed with its flux biases is counted in `usage`.

    Arguments:
        graph: nodes and couplers of the model.
        sampler: a structured dimod sampler with the interface of `DWaveSampler`.
        noise: source of the spin reversals.
        settings: how it is used.
        record: marks of submissions; in memory when absent. A `Journal` keeps answers.
        chip: chip whose constants count; that of the solver's name when absent.
        placement: qubits of the nodes; found on the sampler's working graph when absent.
        used: which couplers the model uses, where it has to be placed; all when None.
        shims: lasting errors of the chip, which programs are corrected by.
        monitor: watches the temperature of all states, if given.
        dispatcher: more about sending, such as `window`, `attempts` and `sleep`.

    Attributes:
        usage: what was used so far.
        order: chains of the last call in the order of their reads.
        programming: number of the programming, and of the copy of the model in it, that each
            chain of the last call was read from; counted over all calls.
        factor: number that the values of the last call were divided by, beside the inverse
            temperature, to bring them into range: its states are hotter by it.

    Raises:
        AnnealerError: the chip lacks qubits or couplers of the model.

    Example:
        >>> graph = zephyr(12, m=2)
        >>> chip = EmulatedAnnealer(beta=8.5, graph=WorkingGraph.around(graph), sweeps=20)
        >>> annealer = AnnealerSampler(graph, chip, SharedNoise(1), Settings(beta=8.5))
        >>> problem = BoltzmannProblem(graph, torch.ones(1, 48), torch.ones(graph.n_edges))
        >>> annealer.sample(problem, torch.zeros(7, 12, dtype=torch.bool)).shape
        torch.Size([7, 48])
        >>> annealer.usage.programmings, annealer.usage.reads
        (1, 7)
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
        used: Bool[Tensor, " edges"] | None = None,
        shims: Shims | None = None,
        monitor: DriftMonitor | None = None,
        **dispatcher: Any,
    ) -> None:
        self.graph, self.noise, self.settings = graph, noise, settings
        self.properties = sampler.properties
        self.chip = chip or chip_of(self.properties)
        self.order, self.programming = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self.factor, self.account = 1.0, Account(settings.limit_s)
        self.placement = placement or place(
            graph,
            WorkingGraph.of(sampler),
            settings.copies,
            used=used,
            held=settings.conditioning == "flux",
        )
        given: dict[str, Any] = {"annealing_time": settings.anneal_us}
        backend = Backend(sampler, given | ({"fast_anneal": True} if settings.fast else {}))
        self.dispatcher = Dispatcher(
            backend, record or Record("run"), allow=self._allow, **dispatcher
        )
        self.usage, self.monitor, self._jobs, self.shims = Usage(), monitor, 0, shims

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
        self._check_limit(shares)
        firsts = [int(group[0]) for group in groups]
        programmer, report, self.factor = self.preflight.programmer(problem, clamped, firsts)
        self.usage.ranges = self.usage.ranges + report
        self.usage.divided_by = max(self.usage.divided_by, self.factor)
        states = clamped.new_empty(len(clamped), self.graph.n_nodes)
        states[:, : clamped.shape[1]] = clamped
        self.programming = np.zeros(len(clamped), np.int64)
        key, first, taken = self.noise.key(), self._jobs, [0] * len(shares)
        self._jobs += len(shares)
        order: list[np.ndarray] = []
        times = {reads: self.preflight.time(reads) for reads in {s.reads for s in shares}}
        for job in self._make_jobs(programmer, clamped, shares, key, first):
            self.account.promise(job.key, times[job.reads])
        try:
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
        finally:
            self.account.forget()
        self.order = np.concatenate(order)
        if self.monitor is not None:
            cooled = problem
            if self.factor != 1:
                bias, coupling = problem.bias / self.factor, problem.coupling / self.factor
                cooled = BoltzmannProblem(self.graph, bias, coupling)
            self.monitor.watch(cooled, states, self.order, self.programming)
        if self.settings.relax:
            gibbs = choose_sampler(self.graph, SharedNoise(derive_seed(key, 1)))
            states = gibbs.sample(problem, clamped, self.settings.relax, states)
        return states.to(device)

    def send(self, programs: Sequence[Program], reads: int) -> list[np.ndarray]:
        """Send programs as they are, for calibration; time and limit count as for `sample`.

        Returns:
            the spins of all reads of each program.
        """
        first, spins = self._jobs, [np.zeros((0, len(p.qubits)), np.int8) for p in programs]
        self._jobs += len(programs)
        jobs = [Job(first + k, reads, partial(_same, p)) for k, p in enumerate(programs)]
        for job, answer in self.dispatcher.run(jobs):
            at = job.number - first
            spins[at] = np.concatenate([spins[at], answer.spins])
            self._count(answer, job)
        return spins

    def plan(self, problem: BoltzmannProblem, clamped: Bool[Tensor, "chains clamped"]) -> Plan:
        """Say what a call would cost, without sending anything."""
        return self.preflight.plan(self._share_out(problem, clamped.cpu())[1])

    def check_ranges(
        self, problem: BoltzmannProblem, clamped: Bool[Tensor, "chains clamped"]
    ) -> RangeReport:
        """Compare all values of a call with the chip's ranges, without sending anything."""
        groups, _ = self._share_out(problem, clamped.cpu())
        raw, firsts = self.preflight.raw(problem), [int(group[0]) for group in groups]
        return self.preflight.report(raw, clamped.cpu(), firsts)

    def range_factor(
        self, problem: BoltzmannProblem, clamped: Bool[Tensor, "chains clamped"]
    ) -> float:
        """Say what number the values of a call would be divided by, without sending anything.

        Raises:
            AnnealerError: they are out of range, and the user chose to refuse that.
        """
        groups, _ = self._share_out(problem, clamped.cpu())
        firsts = [int(group[0]) for group in groups]
        return self.preflight.programmer(problem, clamped.cpu(), firsts)[2]

    @property
    def preflight(self) -> Preflight:
        """What checks calls, under the present settings."""
        return Preflight(self.placement, self.properties, self.chip, self.settings)

    def _share_out(
        self, problem: BoltzmannProblem, clamped: Tensor
    ) -> tuple[list[np.ndarray], list[Share]]:
        free = problem.bias[:, self.graph.sizes[0] :].cpu()
        groups = equal_chains(free, clamped)
        if self.settings.mode == "single":
            wanted = [np.array([chain]) for chain in range(len(clamped))]
        else:
            wanted = groups
        copies, gauges = self.placement.copies, self.settings.gauges
        most = self.preflight.most_reads
        return groups, share_out(wanted, copies=copies, most=most, gauges=gauges)

    def _check_limit(self, shares: list[Share]) -> None:
        """Refuse a call as a whole, before its first submission."""
        self.account.limit_s = self.settings.limit_s
        spent = 1e-6 * self.account.charged
        self.preflight.plan(shares).check(self.settings.limit_s, spent)

    def _allow(self, job: Job) -> None:
        """Refuse one submission that the limit has no room for."""
        self.account.allow(job.key, self.preflight.time(job.reads))

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
            signs = self._signs(key, number, len(program.qubits))
            program = program.flipped(signs) if self.settings.gauges else program
            if self.shims is not None:
                program = self.shims.apply(program, self.properties)
            if self.settings.fields == "flux":
                program = program.by_flux(self.preflight.flux_unit)
            self.usage.flux = max(self.usage.flux, float(np.abs(program.flux).max(initial=0)))
            return program

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
            bits = torch.from_numpy(to_bits(reads[: len(chains), copy]))
            if first == 0:
                self._compare(bits[:, :n0], states[chains, :n0])
            states[chains, n0:] = bits[:, n0 - first :]
            self.programming[chains] = self.usage.programmings * self.placement.copies + copy
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
        self.account.charge(job.key, answer.time.total)
        if len(answer.spins) > job.reads:
            raise AnnealerError(f"job {job.number} got more reads than it asked for")


def _same(program: Program) -> Program:
    return program
