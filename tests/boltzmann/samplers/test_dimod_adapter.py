"""Samplers of dimod behind the adapter: the suite, wrong twins, answers that are refused."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.lattices import zephyr
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.dimod_adapter import (
    DimodSampler,
    dwave_gibbs,
    gibbs_parameters,
)
from calo4pqvae.boltzmann.samplers.exact import enumerate_states
from calo4pqvae.errors import MissingExtraError, SamplerError
from calo4pqvae.testing import ConformanceError, conformance_cases

dimod = pytest.importorskip("dimod")
dwave_samplers = pytest.importorskip("dwave.samplers")
Annealing = dwave_samplers.SimulatedAnnealingSampler

SIZES = (2, 2, 3, 2)


class Enumeration(dimod.Sampler):
    """Exact draws by enumeration that takes no start, merges equal reads and sorts them.

    It keeps the models and the arguments that it is given.
    """

    properties, parameters = {}, {"num_reads": [], "seed": []}

    def __init__(self):
        self.models, self.arguments = [], []

    def sample(self, bqm, num_reads=1, seed=None, **kwargs):
        self.models.append(bqm)
        self.arguments.append({"num_reads": num_reads, "seed": seed, **kwargs})
        every = 2 * enumerate_states(bqm.num_variables).numpy().astype(np.int8) - 1
        energy = bqm.energies((every, list(bqm.variables)))
        weight = np.exp(energy.min() - energy)
        drawn = np.random.default_rng(seed).choice(
            len(every), num_reads, p=weight / weight.sum()
        )
        answer = dimod.SampleSet.from_samples_bqm((every[drawn], list(bqm.variables)), bqm)
        answer = answer.aggregate()
        return answer.slice(sorted_by="energy")


class Negated(Annealing):
    def sample(self, bqm, **kwargs):
        return super().sample(-bqm, **kwargs)


class OneStream(Annealing):
    """Every read of a submission uses the same random numbers."""

    def sample(self, bqm, *, num_reads, initial_states, **kwargs):
        states, names = initial_states
        reads = [
            super(OneStream, self).sample(
                bqm, initial_states=(states[k : k + 1], names), **kwargs
            )
            for k in range(num_reads)
        ]
        return dimod.concatenate(reads)


class Undealt(DimodSampler):
    """Reads go to chains in the order of the answer."""

    def _random(self, chains):
        return super()._random(chains)[0], torch.arange(chains).double()


class OneSeed(DimodSampler):
    def _random(self, chains):
        seeds, order = super()._random(chains)
        return torch.zeros_like(seeds), order


def make(sampler, kind=DimodSampler, **options):
    return lambda graph, seed: kind(graph, sampler, SharedNoise(seed), **options)


MAKERS = {
    "dwave Gibbs": lambda graph, seed: dwave_gibbs(graph, SharedNoise(seed)),
    "enumeration": lambda graph, seed: DimodSampler(graph, Enumeration(), SharedNoise(seed)),
}


@pytest.mark.parametrize("case", conformance_cases(), ids=str)
@pytest.mark.parametrize("sampler", MAKERS)
def test_samplers_conform(sampler, case):
    case(MAKERS[sampler], exact_sweeps=100)


def colder(sweeps):
    return gibbs_parameters(sweeps) | {"beta_schedule": [1.3]}


TWINS = {
    "sign": ("distribution: a complete graph", make(Negated(), parameters=gibbs_parameters)),
    "temperature": ("distribution: strong couplings", make(Annealing(), parameters=colder)),
    "sorted reads": ("independence", make(Enumeration(), Undealt)),
    "one seed": ("independence", make(Annealing(), OneSeed, parameters=gibbs_parameters)),
    "one stream": ("independence", make(OneStream(), parameters=gibbs_parameters)),
}


@pytest.mark.parametrize("twin", TWINS)
def test_the_suite_catches_wrong_twins(twin):
    name, maker = TWINS[twin]
    case = next(case for case in conformance_cases() if case.name == name)
    with pytest.raises(ConformanceError):
        case(maker, exact_sweeps=20, chains=2_001)


@pytest.fixture
def graph():
    return FourPartiteGraph.complete(SIZES)


def random_problem(graph, generator, rows=1):
    bias = torch.randn(rows, graph.n_nodes, generator=generator)
    return BoltzmannProblem(graph, bias, torch.randn(graph.n_edges, generator=generator))


def test_submissions_have_the_energies_of_the_problem(graph, generator):
    """Up to a constant, for every clamped code and state; float64 leaves 1e-12."""
    problem, codes = random_problem(graph, generator, rows=4), enumerate_states(2)
    wrapped = Enumeration()
    DimodSampler(graph, wrapped, SharedNoise(0)).sample(problem, codes, 1)
    free = enumerate_states(7)
    exact = replace(problem, bias=problem.bias.double(), coupling=problem.coupling.double())
    found = []
    for model in wrapped.models:
        energy = model.energies((2 * free.numpy().astype(np.int8) - 1, list(range(2, 9))))
        found.append(energy - energy[0])
    for chain, code in enumerate(codes):
        states = torch.cat([code.expand(len(free), -1), free], dim=1)
        one = replace(exact, bias=exact.bias[chain : chain + 1].expand(len(free), -1))
        energy = one.energy(states).numpy()
        assert any(np.allclose(energy - energy[0], f, rtol=0, atol=1e-12) for f in found)


def test_chains_under_equal_biases_are_one_submission(graph, generator):
    problem = random_problem(graph, generator, rows=6)
    twice = replace(problem, bias=problem.bias[[0, 0, 1, 1, 0, 0]].clone())
    twice.bias[1, 0] += 1  # the bias of a clamped node changes nothing
    codes = enumerate_states(2)[[0, 0, 0, 0, 3, 0]]
    wrapped = Enumeration()
    DimodSampler(graph, wrapped, SharedNoise(0), parameters={"note": 7}).sample(twice, codes, 1)
    assert sorted(each["num_reads"] for each in wrapped.arguments) == [1, 2, 3]
    assert all(each["note"] == 7 for each in wrapped.arguments)
    assert len({each["seed"] for each in wrapped.arguments}) == 3


def test_no_two_submissions_share_a_seed(graph, generator):
    problem, codes = random_problem(graph, generator, rows=300), torch.zeros(300, 2) > 0
    wrapped = Enumeration()
    for rank in (0, 1):
        noise = SharedNoise(0, rank=rank, world_size=2)
        DimodSampler(graph, wrapped, noise).sample(problem, codes, 1)
    seeds = {each["seed"] for each in wrapped.arguments}
    assert len(seeds) == 600
    assert min(seeds) >= 0
    assert max(seeds) < 2**31


def test_two_ranks_run_the_chains_of_one_process(graph, generator):
    """If no two chains share biases; submissions do not reach over processes."""
    problem = random_problem(graph, generator, rows=100)
    clamped = torch.rand(100, 2, generator=generator) < 0.5
    alone = dwave_gibbs(graph, SharedNoise(2)).sample(problem, clamped, 3)
    ranks = [
        dwave_gibbs(graph, SharedNoise(2, rank=rank, world_size=2)).sample(
            replace(problem, bias=problem.bias[rows]), clamped[rows], 3
        )
        for rank, rows in enumerate(torch.arange(100).split(50))
    ]
    assert torch.equal(torch.cat(ranks), alone)


def test_every_chain_continues_from_its_own_start(graph, generator):
    start = torch.rand(200, 9, generator=generator) < 0.5
    clamped = enumerate_states(2)[torch.arange(200) % 4]
    sampler = DimodSampler(graph, dimod.IdentitySampler(), SharedNoise(0), spare=3)
    states = sampler.sample(random_problem(graph, generator), clamped, 5, start)
    assert torch.equal(states, torch.cat([clamped, start[:, 2:]], dim=1))


def test_dwave_takes_one_start_per_read(generator):
    """Two states, all up and all down, each kept by fields of 200: no node ever flips."""
    graph = FourPartiteGraph.complete((0, 2, 2, 2))
    problem = BoltzmannProblem(graph, torch.full((1, 6), -200.0), torch.full((12,), 100.0))
    start = (torch.rand(500, 1, generator=generator) < 0.5).expand(-1, 6)
    states = dwave_gibbs(graph, SharedNoise(0)).sample(problem, start[:, :0], 9, start)
    assert torch.equal(states, start)


def flips_of_one_sweep(spare):
    """Mean of each node, in standard errors, 1500 chains with biases of their own."""
    graph, chains = FourPartiteGraph.complete((1, 6, 0, 0)), 1500
    bias = torch.linspace(1, 1.1, chains)[:, None].repeat(1, 7)
    problem = BoltzmannProblem(graph, bias, torch.zeros(graph.n_edges))
    sampler = DimodSampler(
        graph, Annealing(), SharedNoise(5), parameters=gibbs_parameters, spare=spare
    )
    clamped = torch.zeros(chains, 1, dtype=torch.bool)
    start = torch.ones(chains, 7, dtype=torch.bool)
    up = sampler.sample(problem, clamped, 1, start)[:, 1:].double()
    p = torch.sigmoid(bias[:, 1:]).double()
    return ((up - p).sum(dim=0) / (p * (1 - p)).sum(dim=0).sqrt()).abs().max()


def test_one_sweep_of_independent_nodes_is_an_exact_draw():
    """Six normal deviations exceed 4.3 for one seed in ten thousand."""
    assert flips_of_one_sweep(spare=16) < 4.3
    assert flips_of_one_sweep(spare=0) > 4.3, "dwave's first numbers are good now: drop spare"


def test_a_structured_sampler_gets_the_qubits_of_the_lattice(generator):
    graph = zephyr(8)
    labels = graph.labels
    couplers = [tuple(sorted(pair)) for pair in labels[graph.edges].T.tolist()]
    chip = dimod.StructureComposite(Annealing(), labels.tolist(), couplers)
    sampler = DimodSampler(graph, chip, SharedNoise(0), parameters=gibbs_parameters)
    states = sampler.sample(random_problem(graph, generator), torch.zeros(5, 8) > 0, 2)
    assert states.shape == (5, 32)


def test_no_chains_and_no_couplers_are_possible(graph, generator):
    empty = torch.zeros(0, 2, dtype=torch.bool)
    problem = random_problem(graph, generator)
    assert dwave_gibbs(graph, SharedNoise(0)).sample(problem, empty, 1).shape == (0, 9)
    lonely = FourPartiteGraph.complete((0, 4, 0, 0))
    problem = random_problem(lonely, generator)
    states = dwave_gibbs(lonely, SharedNoise(0)).sample(problem, torch.zeros(3, 0) > 0, 1)
    assert states.shape == (3, 4)


class Bad(dimod.Sampler):
    """Answers with one thing wrong."""

    properties, parameters = {}, {}

    def __init__(self, fault):
        self.fault = fault

    def sample(self, bqm, num_reads=1, **kwargs):  # noqa: ARG002
        names = list(bqm.variables)
        reads = num_reads - (self.fault == "few")
        spins = np.ones((reads, len(names)), np.int8)
        if self.fault == "values":
            spins[-1, 0] = 3
        if self.fault == "binary":
            spins[:, 0] = 0
        if self.fault == "variables":
            names[0] = "other"
        kind = "BINARY" if self.fault == "binary" else "SPIN"
        return dimod.SampleSet.from_samples((spins, names), kind, energy=np.zeros(reads))


class Merging(Bad, dimod.Initialized):
    def sample(self, bqm, **kwargs):
        return super().sample(bqm, num_reads=kwargs["num_reads"]).aggregate()


@pytest.mark.parametrize(
    ("wrapped", "message"),
    [
        (Bad("few"), "Bad answered 5 reads where 6 were asked"),
        (Bad("variables"), "Bad answered with other variables"),
        (Bad("values"), "Bad answered with spins other than -1 and 1"),
        (Merging(""), "Merging merged equal reads"),
        (dimod.ExactSolver(), "ExactSolver answered 128 reads where 6 were asked"),
    ],
)
@pytest.mark.filterwarnings("ignore:Ignoring unknown kwarg")
def test_bad_answers_are_refused(graph, generator, wrapped, message):
    problem, clamped = random_problem(graph, generator), torch.zeros(6, 2) > 0
    with pytest.raises(SamplerError, match=message):
        DimodSampler(graph, wrapped, SharedNoise(0)).sample(problem, clamped, 1)


def test_binary_answers_are_understood(graph, generator):
    sampler = DimodSampler(graph, Bad("binary"), SharedNoise(0))
    states = sampler.sample(random_problem(graph, generator), torch.zeros(6, 2) > 0, 1)
    assert states[0].tolist() == [False] * 3 + [True] * 6


def test_what_cannot_be_wrapped_is_refused(graph, generator):
    with pytest.raises(SamplerError, match="is not an instance of dimod"):
        DimodSampler(graph, Annealing, SharedNoise(0))
    twice = replace(graph, labels=graph.labels // 2)
    with pytest.raises(SamplerError, match="same label"):
        dwave_gibbs(twice, SharedNoise(0))
    sampler = DimodSampler(graph, Annealing(), SharedNoise(0), parameters={"seed": 1})
    with pytest.raises(SamplerError, match="seed is set for each submission"):
        sampler.sample(random_problem(graph, generator), torch.zeros(6, 2) > 0, 1)


def test_a_missing_library_is_named_with_its_extra(graph, monkeypatch):
    monkeypatch.setitem(sys.modules, "dimod", None)
    with pytest.raises(MissingExtraError, match=r"dimod .*calo4pqvae\[dimod\]"):
        DimodSampler(graph, Annealing(), SharedNoise(0))
