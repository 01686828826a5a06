"""The annealer as a sampler: the conformance suite, states of Gibbs, any dimod sampler."""

from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace

import dimod
import numpy as np
import pytest
import torch
from dwave.cloud.exceptions import SolverFailureError
from dwave.system.testing import MockDWaveSampler
from small_chip import BETA, couplings

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.annealer.calibration.checkup import compare_marginals
from calo4pqvae.annealer.chip.constants import CHIPS
from calo4pqvae.annealer.jobs.record import Record
from calo4pqvae.annealer.programs.flux import flux_of_field
from calo4pqvae.annealer.programs.placement import Placement
from calo4pqvae.annealer.programs.program import Program
from calo4pqvae.annealer.sampler import AnnealerSampler, Settings
from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.cpu.compiled import CompiledGibbs
from calo4pqvae.boltzmann.samplers.exact import enumerate_states
from calo4pqvae.errors import AnnealerError, ConfigError
from calo4pqvae.testing import ConformanceError, conformance_cases


class ExactChip(dimod.Sampler, dimod.Structured):
    """Boltzmann states at inverse temperature 6 by enumeration, on any graph; knows flux."""

    parameters = properties = {}  # noqa: RUF012
    nodelist = edgelist = ()

    def __init__(self, graph, sign=-1.0):
        self.nodelist = list(range(graph.n_nodes))
        self.edgelist = [(a, b) for a, b in graph.edges.T.tolist()]
        self.unit = sign * abs(flux_of_field(CHIPS["system4"]))
        self.calls = 0
        wide = [-1e3, 1e3]
        self.properties = {
            "chip_id": "Advantage2_system4",
            "num_qubits": graph.n_nodes,
            "h_range": wide,
            "j_range": wide,
            "num_reads_range": [1, 10_000],
        }

    def sample(self, bqm, num_reads=1, flux_biases=None, label="", **kwargs):  # noqa: ARG002
        self.calls += 1
        h, (a, b, j), _, names = bqm.to_numpy_vectors(return_labels=True)
        h = h + np.array(flux_biases or np.zeros(len(self.nodelist)))[names] / self.unit
        every = 2 * enumerate_states(len(h)).numpy().astype(np.int8) - 1
        energy = BETA * (every @ h + (every[:, a] * every[:, b]) @ j)
        weight = np.exp(energy.min() - energy)
        rng = np.random.default_rng([self.calls, *label.encode()])
        drawn = rng.choice(len(every), num_reads, p=weight / weight.sum())
        return dimod.SampleSet.from_samples_bqm((every[drawn], names), bqm)


def make(chip=ExactChip, beta=BETA, **settings):
    def for_graph(graph, seed):
        graph = replace(graph, labels=torch.arange(graph.n_nodes))
        placement = Placement(graph, graph.labels.numpy()[None])
        return AnnealerSampler(
            graph,
            chip(graph),
            SharedNoise(seed),
            Settings(beta=beta, **settings),
            placement=placement,
            record=Record(f"seed {seed}"),
        )

    return for_graph


WAYS = {
    "fold": {},
    "flux, gauges": {"conditioning": "flux", "gauges": 3},
}


@pytest.mark.parametrize("case", conformance_cases(), ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_it_conforms(way, case):
    case(make(**WAYS[way]), chains=5_003)


def forgetful_flip(self, signs):
    """Reverse fields and couplings but not the flux biases, as Ocean's composite does."""
    return replace(flip(self, signs), flux=self.flux)


flip = Program.flipped


def test_gauges_must_flip_the_flux(monkeypatch):
    monkeypatch.setattr(Program, "flipped", forgetful_flip)
    case = next(c for c in conformance_cases() if c.name == "distribution: a complete graph")
    with pytest.raises(ConformanceError):
        case(make(conditioning="flux", gauges=3), chains=2_001)


TWINS = {
    "temperature": make(beta=1.2 * BETA),
    "sign of the flux": make(lambda graph: ExactChip(graph, sign=1.0), conditioning="flux"),
}


@pytest.mark.parametrize("twin", TWINS)
def test_the_suite_catches_wrong_twins(twin):
    name = "distribution: a complete graph"
    case = next(case for case in conformance_cases() if case.name == name)
    with pytest.raises(ConformanceError):
        case(TWINS[twin], chains=2_001)


@pytest.fixture
def gibbs(problem, codes):
    """States of block Gibbs sampling under two codes."""
    return CompiledGibbs(problem.graph, SharedNoise(1)).sample(problem, codes(2, 4000), 300)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"conditioning": "flux"},
        {"conditioning": "flux", "gauges": 4},
        {"copies": None},
        {"fields": "flux", "anneal_us": 0.02},
    ],
    ids=str,
)
def test_states_of_the_emulator_are_those_of_gibbs(
    problem, codes, gibbs, make_annealer, settings, sampler_of
):
    """False-alarm rate 1e-4 for all nodes under both codes, and four errors of the energy."""
    clamped = codes(2, 4000)
    sampler = sampler_of(make_annealer(sweeps=100), problem.graph, **settings)
    states = sampler.sample(problem, clamped)
    assert torch.equal(states[:, :36], clamped)
    for code in clamped[:2]:
        mine = (clamped == code).all(dim=1)
        _, p = compare_marginals(states[mine][:, 36:], gibbs[mine][:, 36:])
        assert p > 1e-4 / 2
    a, b = (problem.double().energy(z) for z in (states, gibbs))
    assert abs(a.mean() - b.mean()) < 4 * (a.var() / 4000 + b.var() / 4000).sqrt()


def test_a_fast_anneal_takes_no_h_and_no_more_flux_than_the_chip_holds(
    problem, codes, make_annealer, sampler_of
):
    """Times of the fast range; fields that need more flux than is in use are refused."""
    fast = {"fields": "flux", "anneal_us": 0.02}
    sampler = sampler_of(make_annealer(), problem.graph, **fast)
    sampler.sample(problem, codes(1, 10))
    assert sampler.usage.time.anneal == pytest.approx(10 * 0.02)
    assert 0 < sampler.usage.flux < 0.01
    strong = sampler_of(make_annealer(), problem.graph, **fast, beta=0.2)
    with pytest.raises(AnnealerError, match=r"fields h .* outside, by up to a factor"):
        strong.sample(problem, codes(1, 2))
    slow = sampler_of(make_annealer(), problem.graph, fields="flux", anneal_us=5e3)
    with pytest.raises(AnnealerError, match="annealing_time must be"):
        slow.sample(problem, codes(1, 2))
    with pytest.raises(SolverFailureError, match="h is not allowed"):
        make_annealer().sample_ising({0: 0.1}, {}, fast_anneal=True, annealing_time=0.02)


def test_values_out_of_range(problem, codes, make_annealer, sampler_of):
    strong = couplings(problem.graph, scale=8.0)
    refuse = sampler_of(make_annealer(), problem.graph)
    with pytest.raises(AnnealerError, match="outside, by up to a factor"):
        refuse.sample(strong, codes(1, 2))
    rescale = sampler_of(make_annealer(), problem.graph, out_of_range="rescale")
    rescale.sample(strong, codes(1, 2))
    assert rescale.usage.divided_by == pytest.approx(rescale.usage.ranges.excess)
    mild = couplings(problem.graph, scale=2.5)
    clip = sampler_of(make_annealer(), problem.graph, out_of_range="clip")
    clip.sample(mild, codes(1, 2))
    assert clip.usage.divided_by == 1
    assert clip.usage.ranges.couplings > 0


def test_it_runs_on_the_mock_of_ocean(problem, codes):
    """Without changes; the mock's states are local minima and mean nothing."""
    mock = MockDWaveSampler(
        topology_type="zephyr", topology_shape=[2, 4], parameter_warnings=False
    )
    for way in ("fold", "flux"):
        sampler = AnnealerSampler(
            problem.graph,
            mock,
            SharedNoise(0),
            Settings(beta=BETA, conditioning=way),
            chip=CHIPS["system4"],
        )
        states = sampler.sample(problem, codes(3, 9))
        assert torch.equal(states[:, :36], codes(3, 9))
        assert sampler.usage.programmings == 3


@pytest.mark.parametrize("broken", [{"beta": 0.0}, {"anneal_us": -1.0}, {"gauges": -1}])
def test_impossible_settings_are_refused(broken):
    with pytest.raises(ConfigError, match="needs an inverse temperature"):
        Settings(**{"beta": 1.0} | broken)


def test_submissions_outstanding_are_bounded(problem, codes, make_annealer):
    """An asynchronous solver is never given more than the window, and is given all of it."""
    annealer = make_annealer()
    waiting, most = set(), 0

    def submit(model, **given):
        nonlocal most
        answer = annealer.sample(model, **given)
        waiting.add(given["label"])
        most = max(most, len(waiting))
        future: Future = Future()
        future.set_result(answer)

        def collect(done):
            waiting.discard(given["label"])
            return done.result()

        return dimod.SampleSet.from_future(future, collect)

    asynchronous = SimpleNamespace(
        sample=submit,
        properties=annealer.properties,
        nodelist=annealer.nodelist,
        edgelist=annealer.edgelist,
    )
    settings = Settings(beta=BETA, mode="single")
    noise = SharedNoise(0)
    sampler = AnnealerSampler(problem.graph, asynchronous, noise, settings, window=5)
    sampler.sample(problem, codes(4, 12))
    assert most == 5
    assert not waiting


def test_a_machine_of_any_number_of_partitions_is_sampled():
    """A lattice with nothing clamped has five partitions, the first of them empty."""
    graph = PartiteGraph.complete([0, 2, 2, 1, 1])
    annealer = make()(graph, 3)
    problem = BoltzmannProblem(graph, torch.full((1, 6), -3.0), torch.zeros(graph.n_edges))
    states = annealer.sample(problem, graph.nothing_clamped(400))
    assert 0 < states.double().mean() < 0.1  # sigmoid(-3) is 0.047
