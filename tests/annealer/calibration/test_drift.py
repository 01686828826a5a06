"""The drift monitor: silent on a steady annealer, however short the job; it sees a change."""

import numpy as np
import pytest
import torch
from small_chip import couplings

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.annealer.calibration.bridge import change_probability
from calo4pqvae.annealer.calibration.drift import FALSE_ALARMS, DriftMonitor
from calo4pqvae.annealer.calibration.temperature import Estimate
from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.annealer.emulator.imperfections import Imperfections
from calo4pqvae.annealer.sampler import AnnealerSampler, Settings
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.cpu.compiled import CompiledGibbs


@pytest.fixture(scope="module")
def large():
    """4 x 130 nodes, random couplings."""
    return couplings(WorkingGraph.perfect("zephyr", (4, 4)).lay_out(130))


def watched(problem, reads, seed, factors=(1.0,), programming=None, reference=None):
    """Judge reads at inverse temperatures that follow each other, each read with its code."""
    graph, monitor = problem.graph, DriftMonitor(reference)
    clamped = torch.rand(reads, graph.sizes[0], generator=torch.Generator().manual_seed(seed))
    clamped, kernel, parts = clamped < 0.5, CompiledGibbs(graph, SharedNoise(seed)), []
    for factor, mine in zip(factors, clamped.tensor_split(len(factors)), strict=True):
        hotter = BoltzmannProblem(graph, factor * problem.bias, factor * problem.coupling)
        parts.append(kernel.sample(hotter, mine, 40))
    number = np.arange(reads) if programming is None else programming
    monitor.watch(problem, torch.cat(parts), np.arange(reads), number)
    return monitor.verdict()


def test_steady_jobs_raise_no_alarm(large):
    """100 jobs of 40 to 200 reads, read by read and in four programmings.

    At the stated rate of 0.002, two or more of the 100 come in 1.8 % of seeds. Probabilities
    are uniform: none or more than 13 below 0.05 would come in 0.7 % of seeds.
    """
    found = []
    for seed in range(100):
        reads = int(40 * 5 ** (seed / 99))
        few = np.arange(reads) * 4 // reads
        found.append(watched(large, reads, seed, programming=few if seed % 2 else None))
    assert sum(bool(verdict.alarms) for verdict in found) <= 1
    assert 1 <= sum(verdict.drift < 0.05 for verdict in found) <= 13


def test_a_change_of_five_per_cent_is_seen(large):
    """In 18 of 20 jobs of 1,000 reads at least; about 99 of 100 are."""
    few = np.arange(1000) // 125
    found = [
        watched(large, 1000, seed, (1.0, 1.05), programming=few if seed % 2 else None)
        for seed in range(20)
    ]
    assert sum(bool(verdict.alarms) for verdict in found) >= 18
    assert np.mean([v.changed for v in found]) == pytest.approx(1.05, abs=0.01)
    assert np.median([v.moment for v in found]) == pytest.approx(0.5, abs=0.05)
    assert np.median([v.visible for v in found]) < 0.05


def test_the_annealer_is_compared_with_what_was_measured(large):
    few = np.arange(512) // 64
    same = watched(large, 512, 1, programming=few, reference=Estimate(1.0, 0.01, 7.0))
    assert same.moved > FALSE_ALARMS[1]
    assert not same.alarms
    other = watched(large, 512, 1, programming=few, reference=Estimate(1.2, 0.01, 7.0))
    assert other.moved < FALSE_ALARMS[1]
    assert "times the measured one" in other.alarms[0]
    one = watched(large, 512, 1, programming=0 * few, reference=Estimate(1.2, 0.01, 7.0))
    assert one.moved == 1  # one programming has no scatter to be judged by


@pytest.mark.parametrize("reads", [1, 2, 3, 40])
@pytest.mark.parametrize("field", [6.0, 200.0, 0.0])
def test_reads_without_a_temperature_are_no_error(model_graph, reads, field):
    """All spins along strong fields, or no fields at all."""
    n = model_graph.n_nodes
    bias = torch.full((1, n), field)
    problem = BoltzmannProblem(model_graph, bias, torch.zeros(model_graph.n_edges))
    monitor = DriftMonitor(Estimate(1.0, 0.01))
    monitor.watch(problem, torch.ones(reads, n, dtype=torch.bool), np.arange(reads))
    verdict = monitor.verdict()
    assert verdict.drift > FALSE_ALARMS[0]
    assert DriftMonitor().verdict().alpha is None


def test_a_warming_chip_is_noticed_through_the_sampler(problem, codes, make_annealer):
    """It warms by a third in 20 ms of its own time; a steady one is left alone, and so is one
    whose values were rescaled."""
    cases = ((0.0, {}, False), (0.0, {"out_of_range": "rescale"}, False), (-3.0, {}, True))
    for drift, given, alarms in cases:
        annealer = make_annealer(imperfections=Imperfections(beta_drift=drift))
        if given:
            annealer.properties["h_range"] = [-0.1, 0.1]
        sampler = AnnealerSampler(
            problem.graph,
            annealer,
            SharedNoise(0),
            Settings(beta=6.0, most_reads=64, **given),
            monitor=DriftMonitor(Estimate(1.0, 0.01)),
        )
        for _ in range(4):
            sampler.sample(problem, codes(1, 256))
        assert sampler.monitor is not None
        assert sampler.monitor.reads == 1024
        verdict = sampler.monitor.verdict()
        assert bool(verdict.alarms) == alarms
        assert (sampler.factor > 1) == bool(given)


def test_probabilities_of_walks_are_exact():
    """Independent steps of very different size: uniform within four errors of 1,000 walks."""
    rng, sizes, low = np.random.default_rng(1), np.geomspace(0.2, 5, 60), 0
    for walk in range(1_000):
        steps = rng.standard_normal(60) * sizes
        weight = sizes**2
        steps -= weight / weight.sum() * steps.sum()
        low += change_probability(steps, weight, walk)[0] < 0.1
    assert abs(low - 100) < 4 * 90**0.5


def test_long_walks_are_shortened():
    steps = np.repeat([1.0, -1.0], 5_000) + np.random.default_rng(2).standard_normal(10_000)
    p, before = change_probability(steps - steps.mean(), np.ones(10_000))
    assert p < 1e-3
    assert abs(before - 5_000) < 200
