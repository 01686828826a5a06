"""Time samplers on one problem, turn by turn, and keep the energies of their last states."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

import numpy as np
import torch
from torch import Tensor

from calo4pqvae.bench.contender import Prepare, Task, UnavailableError
from calo4pqvae.bench.lattice_problem import LatticeProblem
from calo4pqvae.bench.samplers import Contender
from calo4pqvae.errors import MissingExtraError

__all__ = ["BenchConfig", "Result", "race"]


@dataclass(frozen=True)
class BenchConfig:
    """How long the race is: chains, sweeps, timed rounds, and the seed of the samplers."""

    chains: int
    sweeps: int
    repeats: int
    seed: int = 0


@dataclass(frozen=True)
class Result:
    """What one row of the comparison has shown.

    Attributes:
        name: the sampler.
        graph: lattice of the problem.
        nodes: its nodes, the clamped ones included.
        free_nodes: nodes that a sweep updates.
        chains: chains run at once.
        sweeps: sweeps of each chain.
        threads: threads that the sampler was given on the CPU.
        device: where it ran.
        updates_per_s: spin updates per second, median over the rounds.
        mean_energy: mean of eq. (2) over the last states of all rounds.
        mean_energy_error: its standard error; all chains are independent.
        version: of the library that does the work.
        updates_per_s_min: in the slowest round.
        updates_per_s_max: in the fastest round.
        first_call_s: set-up and first call, compilation included [s].
        cpu_per_wall: processor time over wall time, which is the number of busy cores.
    """

    name: str
    graph: str
    nodes: int
    free_nodes: int
    chains: int
    sweeps: int
    threads: int
    device: str
    updates_per_s: float
    mean_energy: float
    mean_energy_error: float
    version: str
    updates_per_s_min: float
    updates_per_s_max: float
    first_call_s: float
    cpu_per_wall: float


def race(
    contenders: Sequence[Contender],
    lattice: LatticeProblem,
    config: BenchConfig,
    on_turn: Callable[[str], None] = lambda _: None,
) -> tuple[list[Result], dict[str, str]]:
    """Let everyone run once to warm up, then once in each round.

    Each round begins with another contender, so that a disturbance of the machine does not
    always meet the same one.

    Arguments:
        contenders: who runs.
        lattice: the problem.
        config: how much there is to do.
        on_turn: called with the name of each contender before its turn.

    Returns:
        the results in the order of the contenders, and who could not run with the reason.
    """
    runners, left_out = [], {}
    with _same_threads_afterwards():
        for number, contender in enumerate(contenders):
            on_turn(contender.label)
            try:
                runners.append(_Runner(contender, number, lattice, config))
            except (UnavailableError, MissingExtraError) as reason:
                left_out[contender.name] = str(reason)
        for turn in range(config.repeats):
            first = turn % max(1, len(runners))
            for runner in runners[first:] + runners[:first]:
                on_turn(runner.contender.label)
                runner.run(turn + 1)
    return [runner.result() for runner in runners], left_out


@dataclass
class _Runner:
    """A contender that is set up and warm, with its times [s] and energies so far."""

    contender: Contender
    number: int
    lattice: LatticeProblem
    config: BenchConfig
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    energies: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        torch.set_num_threads(self.contender.threads)
        start = time.perf_counter()
        config, contender = self.config, self.contender
        self.prepare: Prepare = contender.kind.make(
            Task(
                self.lattice, config.chains, config.sweeps, contender.threads, contender.device
            )
        )
        self.prepare(self._seed(0))()
        self.first_call = time.perf_counter() - start

    def run(self, turn: int) -> None:
        """Make ready, then run once under the clocks."""
        torch.set_num_threads(self.contender.threads)
        draw = self.prepare(self._seed(turn))
        cpu, wall = time.process_time(), time.perf_counter()
        free_bits = draw()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)
        self.energies.append(self.lattice.energies(free_bits))

    def result(self) -> Result:
        """Sum up all rounds."""
        graph, config = self.lattice.whole.graph, self.config
        updates = graph.n_latents * config.chains * config.sweeps
        energies = torch.cat(self.energies)
        return Result(
            name=self.contender.name,
            graph=graph.lattice,
            nodes=graph.n_nodes,
            free_nodes=graph.n_latents,
            chains=config.chains,
            sweeps=config.sweeps,
            threads=self.contender.threads,
            device=self.contender.device,
            updates_per_s=updates / median(self.wall),
            mean_energy=energies.mean().item(),
            mean_energy_error=(energies.std() / len(energies) ** 0.5).item(),
            version=self.contender.version,
            updates_per_s_min=updates / max(self.wall),
            updates_per_s_max=updates / min(self.wall),
            first_call_s=self.first_call,
            cpu_per_wall=sum(self.cpu) / sum(self.wall),
        )

    def _seed(self, turn: int) -> int:
        """A seed of 31 bits, other for every contender and turn."""
        words = (self.config.seed, self.lattice.whole.graph.n_nodes, self.number, turn)
        return int(np.random.SeedSequence(words).generate_state(1)[0] >> 1)


@contextmanager
def _same_threads_afterwards() -> Iterator[None]:
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)
