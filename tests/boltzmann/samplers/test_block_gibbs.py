"""Block Gibbs against enumeration, with wrong twins that the same check must catch."""

from dataclasses import replace

import pytest
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.lattices import zephyr
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.block_gibbs import GibbsSampler
from calo4pqvae.boltzmann.samplers.exact import ExactSampler, enumerate_states
from calo4pqvae.errors import SamplerError
from calo4pqvae.testing.statistics import states_p_value

SIZES = (2, 2, 3, 2)
CHAINS = 24_000
FALSE_ALARM = 1e-4


@pytest.fixture(scope="module")
def problem():
    """Every chain has biases of its own, which follow its clamped bits."""
    generator = torch.Generator().manual_seed(1)
    graph = FourPartiteGraph.complete(SIZES)
    bias = torch.randn(4, graph.n_nodes, generator=generator)
    coupling = torch.randn(graph.n_edges, generator=generator)
    return BoltzmannProblem(graph, bias[torch.arange(CHAINS) % 4], coupling)


@pytest.fixture(scope="module")
def clamped():
    return enumerate_states(2)[torch.arange(CHAINS) % 4]


def p_value(problem, clamped, states):
    """P-value of the states under the four clamped patterns, each with its own biases."""
    subset = replace(problem, bias=problem.bias[:4])
    expected, _ = ExactSampler().conditional(subset, clamped[:4])
    return states_p_value(states[:, SIZES[0] :], torch.arange(CHAINS) % 4, expected)


def run(problem, clamped, seed=0, sweeps=60, start=None):
    sampler = GibbsSampler(problem.graph, SharedNoise(seed))
    return sampler.sample(problem, clamped, sweeps, start)


def test_last_states_follow_the_conditional_distribution(problem, clamped):
    states = run(problem, clamped)
    assert p_value(problem, clamped, states) > FALSE_ALARM
    assert torch.equal(states[:, : SIZES[0]], clamped)


def twin(problem, kind):
    coupling, bias = problem.coupling.clone(), problem.bias.clone()
    if kind == "one sign":
        coupling[-1] *= -1
    elif kind == "one bias":
        bias[:, -1] = 0
    elif kind == "swapped biases":
        bias = bias.roll(1, dims=0)
    else:
        bias[:, SIZES[0] :] *= 1.2
    return BoltzmannProblem(problem.graph, bias, coupling)


@pytest.mark.parametrize(
    "kind", ["one sign", "one bias", "swapped biases", "20 % in the biases"]
)
def test_the_check_catches_wrong_twins(problem, clamped, kind):
    assert p_value(problem, clamped, run(twin(problem, kind), clamped)) < FALSE_ALARM


def test_the_check_catches_chains_that_do_not_move(problem, clamped):
    assert p_value(problem, clamped, run(problem, clamped, sweeps=0)) < FALSE_ALARM


def test_one_row_of_biases_serves_all_chains(problem, clamped):
    shared = replace(problem, bias=problem.bias[:1])
    repeated = replace(problem, bias=problem.bias[:1].expand(CHAINS, -1))
    assert torch.equal(run(shared, clamped, sweeps=3), run(repeated, clamped, sweeps=3))


def test_the_start_is_used_and_left_alone(problem, clamped, generator):
    start = torch.rand(CHAINS, sum(SIZES), generator=generator) < 0.5
    kept = start.clone()
    states = run(problem, clamped, sweeps=0, start=start)
    assert torch.equal(states[:, SIZES[0] :], start[:, SIZES[0] :])
    assert torch.equal(states[:, : SIZES[0]], clamped)
    run(problem, clamped, sweeps=2, start=start)
    assert torch.equal(start, kept)


def test_chains_can_be_continued(problem, clamped):
    """Five sweeps are two and three, with the same stream of random numbers."""
    start = torch.zeros(CHAINS, sum(SIZES), dtype=torch.bool)
    sampler = GibbsSampler(problem.graph, SharedNoise(3))
    half = sampler.sample(problem, clamped, 2, start)
    parts = sampler.sample(problem, clamped, 3, half)
    assert torch.equal(parts, run(problem, clamped, seed=3, sweeps=5, start=start))


def test_same_seed_same_states(problem, clamped):
    assert torch.equal(run(problem, clamped, sweeps=4), run(problem, clamped, sweeps=4))
    assert not torch.equal(run(problem, clamped, sweeps=4), run(problem, clamped, 1, sweeps=4))


def dense_gibbs(problem, clamped, sweeps, noise):
    """The same chains with dense matrices in double precision."""
    graph = problem.graph
    w = torch.zeros(graph.n_nodes, graph.n_nodes, dtype=torch.float64)
    w[graph.edges[0], graph.edges[1]] = problem.coupling.double()
    w = w + w.T
    z = (noise.uniform(len(clamped), graph.n_nodes) < 0.5).double()
    z[:, : graph.sizes[0]] = clamped.double()
    for _ in range(sweeps):
        for part in graph.partitions[1:]:
            p = torch.sigmoid(z @ w[:, part] + problem.bias[:, part])
            z[:, part] = (noise.uniform(*p.shape) < p).double()
    return z.bool()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sparse_chains_equal_dense_ones_on_zephyr(generator, dtype):
    graph = zephyr(12)
    bias = torch.randn(1, graph.n_nodes, generator=generator, dtype=dtype)
    coupling = torch.randn(graph.n_edges, generator=generator, dtype=dtype)
    problem = BoltzmannProblem(graph, bias, coupling)
    clamped = torch.rand(50, 12, generator=generator) < 0.5
    expected = dense_gibbs(problem, clamped, 10, SharedNoise(4))
    assert torch.equal(run(problem, clamped, seed=4, sweeps=10), expected)


def test_two_ranks_run_the_chains_of_one_process(problem, clamped):
    few = replace(problem, bias=problem.bias[:1])
    ranks = [
        GibbsSampler(few.graph, SharedNoise(2, rank=r, world_size=2)).sample(few, rows, 5)
        for r, rows in enumerate(clamped[:100].split(50))
    ]
    assert torch.equal(torch.cat(ranks), run(few, clamped[:100], seed=2, sweeps=5))


def test_requests_that_do_not_fit_are_refused(problem, clamped):
    sampler = GibbsSampler(problem.graph, SharedNoise(0))
    one = replace(problem, bias=problem.bias[:1])
    with pytest.raises(SamplerError, match="clamped states have 1 nodes"):
        sampler.sample(one, clamped[:, :1], 1)
    with pytest.raises(SamplerError, match="rows of biases do not fit 7 chains"):
        sampler.sample(problem, clamped[:7], 1)
    with pytest.raises(SamplerError, match="number of sweeps must be >= 0, not -1"):
        sampler.sample(one, clamped, -1)
    with pytest.raises(SamplerError, match="initial states of shape"):
        sampler.sample(one, clamped[:7], 1, torch.zeros(7, 4, dtype=torch.bool))
    other = FourPartiteGraph.complete((2, 3, 2, 2))
    strange = BoltzmannProblem(other, problem.bias[:1], torch.zeros(other.n_edges))
    with pytest.raises(SamplerError, match="another graph"):
        sampler.sample(strange, clamped, 1)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_chains_follow_the_same_distribution(problem, clamped):
    """Random streams differ from the CPU's; the distribution may not."""
    there = replace(problem, bias=problem.bias.cuda(), coupling=problem.coupling.cuda())
    sampler = GibbsSampler(problem.graph, SharedNoise(0, "cuda"))
    states = sampler.sample(there, clamped.cuda(), 60).cpu()
    assert p_value(problem, clamped, states) > FALSE_ALARM


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_chains_equal_those_of_the_cpu_for_the_same_numbers(problem, clamped):
    class Mirrored(SharedNoise):
        """The CPU's numbers, moved to the device."""

        def uniform(self, rows, *shape):
            draw = torch.rand((rows, *shape), generator=self.stream)
            return draw.to(self.generator.device)

    states = []
    for device in ("cpu", "cuda"):
        noise = Mirrored(0, device)
        noise.stream = torch.Generator().manual_seed(8)
        bias, coupling = problem.bias.double().to(device), problem.coupling.double().to(device)
        there = BoltzmannProblem(problem.graph, bias, coupling)
        sampler = GibbsSampler(problem.graph, noise)
        states.append(sampler.sample(there, clamped.to(device), 5).cpu())
    assert torch.equal(*states)
