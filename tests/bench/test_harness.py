"""The race: turns, seeds, what is timed, and what is made of it."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from calo4pqvae.bench import harness as bench_race
from calo4pqvae.bench.contender import Draw, Kind, Prepare, Task, UnavailableError
from calo4pqvae.bench.harness import BenchConfig, race
from calo4pqvae.bench.lattice_problem import lattice_problem
from calo4pqvae.bench.samplers import Contender
from calo4pqvae.errors import MissingExtraError

LATTICE = lattice_problem(1)
COURSE = BenchConfig(chains=40, sweeps=10, repeats=3, seed=7)


def contender(name: str, make: Callable[[Task], Prepare]) -> Contender:
    return Contender(name, Kind(make), "cpu", 1)


def coins(seeds: list[int]) -> Callable[[Task], Prepare]:
    """A sampler of fair bits that notes its seeds."""

    def make(task: Task) -> Prepare:
        def prepare(seed: int) -> Draw:
            seeds.append(seed)
            generator = torch.Generator().manual_seed(seed)
            shape = (task.chains, task.lattice.free.graph.n_nodes)

            def draw() -> Tensor:
                return torch.rand(shape, generator=generator) < 0.5

            return draw

        return prepare

    return make


def test_everyone_warms_up_then_takes_turns_with_new_seeds() -> None:
    first, second, labels = [], [], []
    rows = [contender("a", coins(first)), contender("b", coins(second))]
    results, left_out = race(rows, LATTICE, COURSE, labels.append)
    assert [label[0] for label in labels] == ["a", "b", "a", "b", "b", "a", "a", "b"]
    assert len({*first, *second}) == 8
    assert not left_out
    assert [result.name for result in results] == ["a", "b"]


class Clock:
    """Seconds that pass only when a sampler says so."""

    def __init__(self, draws: list[float]) -> None:
        self.now, self.draws = 0.0, iter(draws)

    def module(self) -> SimpleNamespace:
        return SimpleNamespace(
            perf_counter=lambda: self.now, process_time=lambda: 1.5 * self.now
        )

    def make(self, task: Task) -> Prepare:
        """Set up in 100 s, make ready in 10 s, draw in the next number of seconds."""
        self.now += 100.0

        def prepare(seed: int) -> Draw:
            self.now += 10.0
            inner = coins([])(task)(seed)

            def draw() -> Tensor:
                self.now += next(self.draws)
                return inner()

            return draw

        return prepare


def test_only_draws_are_timed_and_only_free_updates_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock([7.0, 2.0, 5.0, 4.0])
    monkeypatch.setattr(bench_race, "time", clock.module())
    result = race([contender("a", clock.make)], LATTICE, COURSE)[0][0]
    assert (result.graph, result.nodes, result.free_nodes) == ("zephyr(1,4)", 48, 36)
    assert result.updates_per_s == 36 * 40 * 10 / 4
    assert result.updates_per_s_min == 36 * 40 * 10 / 5
    assert result.updates_per_s_max == 36 * 40 * 10 / 2
    assert result.first_call_s == 117
    assert result.cpu_per_wall == pytest.approx(1.5)


def test_mean_energy_is_that_of_the_drawn_bits() -> None:
    seeds: list[int] = []
    result = race([contender("a", coins(seeds))], LATTICE, COURSE)[0][0]
    drawn = [coins([])(Task(LATTICE, 40, 10, 1, "cpu"))(seed)() for seed in seeds[1:]]
    energies = LATTICE.energies(torch.cat(drawn))
    assert result.mean_energy == pytest.approx(energies.mean().item())
    assert result.mean_energy_error == pytest.approx(energies.std().item() / 120**0.5)


@pytest.mark.parametrize("kind", [UnavailableError, MissingExtraError])
def test_who_cannot_run_is_left_out(kind: type[Exception]) -> None:
    def make(task: Task) -> Prepare:
        raise kind(f"no room for {task.chains} chains")

    rows = [contender("a", make), contender("b", coins([]))]
    results, left_out = race(rows, LATTICE, COURSE)
    assert [result.name for result in results] == ["b"]
    assert left_out == {"a": "no room for 40 chains"}
    assert race(rows[:1], LATTICE, COURSE) == ([], left_out)


def test_threads_of_torch_are_as_before() -> None:
    before = torch.get_num_threads()
    rows = [Contender("a", Kind(coins([])), "cpu", before + 1)]
    race(rows, LATTICE, BenchConfig(40, 1, 1))
    assert torch.get_num_threads() == before
