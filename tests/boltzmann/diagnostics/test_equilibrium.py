"""Mixing of small machines, whose sweep is a matrix that can be written down and inverted."""

import functools
import math

import pytest
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.diagnostics import equilibrium
from calo4pqvae.boltzmann.diagnostics.equilibrium import measure_mixing
from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.lattices import zephyr
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.block_gibbs import GibbsSampler
from calo4pqvae.boltzmann.samplers.exact import ExactSampler
from calo4pqvae.errors import SamplerError

PULL = 6.0
"""Errors allowed. Fewer than 1e-4 false alarms for this file even if the errors of the times,
estimates themselves, are a fifth too small."""
SIZES = (2, 3, 2, 2)
CODES = torch.tensor([[False, False], [True, False], [True, True]])


def machine(coupling, spread, seed=1):
    """Ferromagnet of couplings `coupling`, balanced, with random biases per condition."""
    generator = torch.Generator().manual_seed(seed)
    graph = FourPartiteGraph.complete(SIZES)
    bias = -coupling * graph.degree.float() / 2
    bias = bias + spread * torch.randn(len(CODES), graph.n_nodes, generator=generator)
    values = torch.full((graph.n_edges,), float(coupling))
    return BoltzmannProblem(graph, bias, values)


def gibbs(problem, seed=0):
    return GibbsSampler(problem.graph, SharedNoise(seed))


def sweep_matrix(problem, condition):
    """Probabilities of one sweep from each state of the free nodes to each other."""
    n0 = SIZES[0]
    joint, states = ExactSampler().conditional(problem, CODES)
    distribution = joint[condition]
    matrix = torch.eye(len(states), dtype=torch.float64)
    for part in problem.graph.partitions[1:]:
        others = torch.ones(states.shape[1], dtype=torch.bool)
        others[part.start - n0 : part.stop - n0] = False
        same = (states[:, None, others] == states[None, :, others]).all(dim=2)
        weight = same * distribution
        matrix = matrix @ (weight / weight.sum(dim=1, keepdim=True))
    return matrix, distribution, states


def exact_times(problem, condition, every=1):
    r"""Time of the energy and of each free node as records of every k-th sweep tell it.

    $k (2 \sum_{t \ge 0} P^{kt} - 1)$ for the sweep P, about the distribution.
    """
    matrix, distribution, states = sweep_matrix(problem, condition)
    clamped = CODES[condition].expand(len(states), -1)
    row = BoltzmannProblem(problem.graph, problem.bias[[condition]], problem.coupling)
    energy = row.energy(torch.cat([clamped, states], dim=1)).double()
    values = torch.cat([energy[:, None], states.double()], dim=1)
    centred = values - distribution @ values
    step = torch.linalg.matrix_power(matrix, every)
    summed = torch.linalg.solve(torch.eye(len(distribution)) - step + distribution, centred)
    return every * (2 * (distribution @ (centred * summed)) / (distribution @ centred**2) - 1)


def random_start_error(problem, condition, sweeps):
    """Total variation from the machine's distribution after some sweeps from random bits."""
    matrix, distribution, _ = sweep_matrix(problem, condition)
    start = torch.full_like(distribution, 1 / len(distribution))
    return float(
        (start @ torch.linalg.matrix_power(matrix, sweeps) - distribution).abs().sum() / 2
    )


@functools.cache
def measured(coupling, spread):
    """Measured on 512 chains, once for all tests that ask for it."""
    problem = machine(coupling, spread)
    return measure_mixing(problem, CODES, gibbs(problem), chains=512)


def deviations(found, problem):
    """Measured minus exact times of the energies and the slowest nodes, in errors."""
    result = []
    for c, mixing in enumerate(found.conditions):
        exact = exact_times(problem, c, found.thinning)
        node = float(exact[1 + mixing.slowest_node - SIZES[0]])
        result.append((mixing.tau_energy - float(exact[0])) / mixing.tau_energy_error)
        result.append((mixing.tau_node - node) / mixing.tau_node_error)
    return torch.tensor(result)


@pytest.mark.parametrize(("coupling", "spread"), [(0.3, 1.0), (1.0, 0.3), (1.4, 0.1)])
def test_times_are_those_of_the_sweep_matrix(coupling, spread):
    """Recorded at every sweep, and at every fourth for the strongest couplings."""
    problem, found = machine(coupling, spread), measured(coupling, spread)
    assert found.converged
    assert deviations(found, problem).abs().max() < PULL
    slowest = max(float(exact_times(problem, c).max()) for c in range(len(CODES)))
    assert found.burn_in / 10 == pytest.approx(slowest, rel=0.3)


def test_the_comparison_catches_couplings_that_are_off_by_5_percent():
    found = measured(1.4, 0.1)
    assert deviations(found, machine(1.4 * 1.05, 0.1)).abs().max() > PULL


@pytest.mark.parametrize(
    ("coupling", "spread", "seed"), [(0.3, 1.0, 1), (1.0, 0.3, 1), (1.4, 0.4, 3)]
)
def test_burn_in_suffices_and_a_twentieth_does_not(coupling, spread, seed):
    problem = machine(coupling, spread, seed)
    burn_in = measure_mixing(problem, CODES, gibbs(problem)).burn_in
    conditions = range(len(CODES))
    assert max(random_start_error(problem, c, burn_in) for c in conditions) < 1e-6
    assert max(random_start_error(problem, c, burn_in // 20) for c in conditions) > 0.01


@pytest.fixture(scope="module")
def bimodal():
    """Under condition 1, free nodes are all up or all down, for almost 10^6 sweeps."""
    return machine(4.0, 0.0)


def test_two_modes_do_not_pass_for_equilibrium(bimodal):
    with pytest.raises(SamplerError, match=r"after 1024 sweeps.* under condition 1,"):
        measure_mixing(bimodal, CODES, gibbs(bimodal), limit=2000)


def test_two_modes_measured_all_the_same(bimodal):
    """The energy, equal in both modes, does not see them."""
    found = measure_mixing(bimodal, CODES, gibbs(bimodal), limit=1024, allow_unconverged=True)
    assert not found.converged
    assert [mixing.converged for mixing in found.conditions] == [True, False, True]
    assert found.sweeps == 1024
    split = found.conditions[1]
    assert split.r_hat > 2
    assert split.tau_energy < 10
    assert math.isinf(split.tau_node)
    assert split.effective_per_second == 0
    with pytest.raises(SamplerError, match="1024 sweeps are too few"):
        _ = found.burn_in


def test_one_slow_pair_of_nodes_is_found_among_many():
    """Node 130 and its neighbour hold each other for some ten sweeps, all others are free."""
    graph = zephyr(60)
    edge = int((graph.edges == 130).any(dim=0).nonzero()[-1])
    coupling, bias = torch.zeros(graph.n_edges), torch.zeros(1, graph.n_nodes)
    coupling[edge] = 6.0
    bias[0, graph.edges[:, edge]] = -3.0
    problem = BoltzmannProblem(graph, bias, coupling)
    code = torch.zeros(1, 60, dtype=torch.bool)
    found = measure_mixing(problem, code, gibbs(problem), chains=64)
    assert found.conditions[0].slowest_node in graph.edges[:, edge].tolist()
    stay = math.tanh(1.5) ** 2
    assert found.conditions[0].tau_node == pytest.approx((1 + stay) / (1 - stay), rel=0.3)


def test_nodes_that_never_move_need_no_sweeps(bimodal):
    frozen = BoltzmannProblem(bimodal.graph, bimodal.bias - 1000, bimodal.coupling)
    found = measure_mixing(frozen, CODES, gibbs(frozen))
    assert (found.sweeps, found.thinning, found.burn_in) == (64, 1, 10)
    assert [mixing.r_hat for mixing in found.conditions] == [1, 1, 1]


def test_independent_draws_mix_at_once():
    problem = machine(1.4, 0.1)
    found = measure_mixing(problem, CODES, ExactSampler(SharedNoise(2)), chains=512)
    assert found.burn_in < 13


class Watched:
    """A sampler that keeps its requests and answers."""

    def __init__(self, sampler):
        self.sampler, self.calls = sampler, []

    def sample(self, problem, clamped, sweeps, start=None):
        states = self.sampler.sample(problem, clamped, sweeps, start)
        self.calls.append((problem, clamped, sweeps, start, states))
        return states


def test_chains_start_at_random_and_go_on(bimodal):
    watched = Watched(gibbs(bimodal))
    with pytest.raises(SamplerError, match="after 2048 sweeps"):
        measure_mixing(bimodal, CODES, watched, chains=3, limit=2048)
    starts = [call[3] for call in watched.calls]
    answers = [call[4] for call in watched.calls]
    assert starts[0] is None
    assert all(a is b for a, b in zip(starts[1:], answers, strict=False))
    sweeps = [call[2] for call in watched.calls]
    assert sweeps == [32] + (32 + 64 + 128 + 256 + 512) * [1] + 512 * [2]
    assert torch.equal(watched.calls[-1][1], CODES[[0, 0, 0, 1, 1, 1, 2, 2, 2]])
    assert torch.equal(watched.calls[-1][0].bias[::3], bimodal.bias)


def test_rate_counts_states_of_all_chains_per_second(monkeypatch):
    """The clock says that the timed call, as long as the last window, took two seconds."""
    problem = machine(0.3, 1.0)
    watched = Watched(gibbs(problem))
    ticks = iter([10.0, 12.0])
    monkeypatch.setattr(equilibrium.time, "perf_counter", lambda: next(ticks))
    found = measure_mixing(problem, CODES, watched)
    window = watched.calls[-1][2]
    assert window == found.sweeps // 2
    for mixing in found.conditions:
        expected = 64 * 3 * window / 2 / mixing.tau
        assert mixing.effective_per_second == pytest.approx(expected)


def test_one_row_of_biases_serves_all_conditions():
    problem = machine(0.5, 0.5)
    shared = BoltzmannProblem(problem.graph, problem.bias[:1], problem.coupling)
    repeated = BoltzmannProblem(problem.graph, problem.bias[:1].expand(3, -1), problem.coupling)
    found, expected = (measure_mixing(p, CODES, gibbs(p)) for p in (shared, repeated))
    for a, b in zip(found.conditions, expected.conditions, strict=True):
        assert (a.tau_energy, a.tau_node, a.r_hat) == (b.tau_energy, b.tau_node, b.r_hat)


@pytest.mark.parametrize("options", [{"chains": 1}, {"limit": 63}])
def test_too_few_chains_or_sweeps_are_refused(options):
    problem = machine(0.3, 1.0)
    with pytest.raises(SamplerError, match="at least 2 chains of 64 sweeps"):
        measure_mixing(problem, CODES, gibbs(problem), **options)
