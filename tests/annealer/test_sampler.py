"""The annealer as a sampler: the conformance suite, conditioning, gauges, ranges, sharing."""

from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace

import dimod
import numpy as np
import pytest
import torch
from dwave.system.testing import MockDWaveSampler
from small_chip import couplings

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.annealer.calibration.checkup import check_up, compare_marginals
from calo4pqvae.annealer.chip.constants import CHIPS
from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.annealer.emulator.emulator import EmulatedAnnealer
from calo4pqvae.annealer.emulator.imperfections import Imperfections
from calo4pqvae.annealer.jobs.record import Record
from calo4pqvae.annealer.programs.flux import flux_of_field
from calo4pqvae.annealer.programs.placement import Placement
from calo4pqvae.annealer.programs.program import Program
from calo4pqvae.annealer.programs.shares import equal_chains, share_out
from calo4pqvae.annealer.sampler import AnnealerSampler, Settings
from calo4pqvae.boltzmann.lattices import pegasus
from calo4pqvae.boltzmann.samplers.cpu.compiled import CompiledGibbs
from calo4pqvae.boltzmann.samplers.exact import enumerate_states
from calo4pqvae.errors import AnnealerError, ConfigError
from calo4pqvae.testing import ConformanceError, conformance_cases

BETA = 6.0


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


def sampler_of(annealer, graph, **settings):
    given = Settings(**{"beta": BETA} | settings)
    return AnnealerSampler(graph, annealer, SharedNoise(0), given)


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
    ],
    ids=str,
)
def test_states_of_the_emulator_are_those_of_gibbs(
    problem, codes, gibbs, make_annealer, settings
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


def test_held_qubits_obey_at_the_recommended_flux(problem, codes, make_annealer):
    """At least 99.9 % of reads; a tenth of that field does not hold them."""
    clamped = codes(4, 2000)
    firm = sampler_of(make_annealer(), problem.graph, conditioning="flux")
    firm.sample(problem, clamped)
    assert firm.usage.held_reads == 2000
    assert firm.usage.moved_reads <= 2
    assert 1e-4 < firm.usage.flux < 5e-3
    weak = sampler_of(make_annealer(), problem.graph, conditioning="flux", holding_field=0.1)
    weak.sample(problem, clamped)
    assert weak.usage.moved_reads > 1000


def test_flux_biases_saturate(problem, codes, make_annealer):
    annealer = make_annealer(imperfections=Imperfections(flux_limit=1e-5))
    sampler = sampler_of(annealer, problem.graph, conditioning="flux")
    sampler.sample(problem, codes(1, 500))
    assert sampler.usage.moved_reads > 250


def test_gauges_average_over_lasting_errors_of_the_control(problem, codes, make_annealer):
    """The error of the mean spins falls by a quarter at least."""
    clamped = codes(1, 4000)
    want = CompiledGibbs(problem.graph, SharedNoise(1)).sample(problem, clamped, 200)
    away = {}
    for gauges in (0, 16):
        errors = Imperfections(control_h=0.03, systematic=1.0)
        sampler = sampler_of(make_annealer(imperfections=errors), problem.graph, gauges=gauges)
        states = sampler.sample(problem, clamped)
        away[gauges] = (states.double().mean(0) - want.double().mean(0)).pow(2).mean().sqrt()
    assert away[16] < 0.75 * away[0]


def test_values_out_of_range(problem, codes, make_annealer):
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


def test_single_mode_programs_each_chain(problem, codes, make_annealer):
    sampler = sampler_of(make_annealer(), problem.graph, mode="single")
    plan = sampler.plan(problem, codes(2, 10))
    sampler.sample(problem, codes(2, 10))
    usage = sampler.usage
    assert plan.programmings == usage.programmings == plan.reads == usage.reads == 10
    assert plan.time.total == pytest.approx(usage.time.total)


def test_plans_are_what_is_used(problem, codes, make_annealer):
    sampler = sampler_of(make_annealer(), problem.graph, most_reads=7, gauges=2)
    plan = sampler.plan(problem, codes(3, 60))
    sampler.sample(problem, codes(3, 60))
    assert plan.programmings == sampler.usage.programmings == 9
    assert plan.time.total == pytest.approx(sampler.usage.time.total)


def test_small_models_lie_side_by_side(chip, make_annealer):
    """Two conditions share a programming, and states stay those of their own condition."""
    graph = chip.lay_out(4)
    problem = couplings(graph, 0.5)
    clamped = enumerate_states(4)[[3, 12]].repeat(1500, 1)
    sampler = sampler_of(make_annealer(), graph, copies=None)
    copies = sampler.placement.copies
    assert copies >= 2
    states = sampler.sample(problem, clamped)
    assert sampler.usage.reads < 2 * 3000 / copies
    want = CompiledGibbs(graph, SharedNoise(1)).sample(problem, clamped, 100)
    for k in range(2):
        assert compare_marginals(states[k::2], want[k::2])[1] > 1e-5


def test_chains_are_shared_out_once_each():
    rng = np.random.default_rng(0)
    groups = [np.arange(k, k + n) for k, n in zip([0, 50, 57, 60], [50, 7, 3, 1], strict=True)]
    for copies, most, gauges in rng.integers(1, 9, (50, 3)).tolist():
        shares = share_out(groups, copies=copies, most=most, gauges=gauges)
        served = np.concatenate([c for share in shares for c in share.chains])
        assert sorted(served) == list(range(61))
        assert max(share.reads for share in shares) <= most
        assert max(len(share.chains) for share in shares) <= copies


def test_equal_chains_are_found():
    bias = torch.tensor([[0.0], [1.0], [0.0], [0.0]])
    clamped = torch.tensor([[True], [True], [True], [False]])
    assert [g.tolist() for g in equal_chains(bias, clamped)] == [[0, 2], [1], [3]]
    assert [g.tolist() for g in equal_chains(bias[:1], clamped)] == [[0, 1, 2], [3]]


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


def test_a_check_up_finds_a_good_and_a_bad_chip(problem, codes, make_annealer):
    good = sampler_of(make_annealer(sweeps=100), problem.graph)
    assert all(f.good for f in check_up(good, problem, codes(1, 1), 400))
    remembering = make_annealer(imperfections=Imperfections(between_reads=1))
    found = check_up(sampler_of(remembering, problem.graph), problem, codes(1, 1), 1000)
    assert [f.name for f in found if not f.good] == ["memory of the last read"]
    hot = sampler_of(make_annealer(beta=3.0), problem.graph)
    assert "temperature" in [f.name for f in check_up(hot, problem, codes(1, 1)) if not f.good]


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


@pytest.mark.parametrize("factor", [1.0, 2.0, 4.0])
def test_rescaled_values_are_held_as_firmly(problem, codes, make_annealer, factor):
    """At most 1 in 1,000 reads moves a held qubit, where 1 in 100,000 may in equilibrium."""
    annealer = make_annealer(beta=BETA)
    most = float(problem.coupling.abs().max()) / 4 / BETA / factor
    for name in ("j_range", "extended_j_range"):
        annealer.properties[name] = [-most, most]
    sampler = sampler_of(annealer, problem.graph, conditioning="flux", out_of_range="rescale")
    sampler.sample(problem, codes(4, 4000))
    assert sampler.factor == pytest.approx(factor)
    assert sampler.usage.moved_reads <= 4
    # The field is that of the weaker couplings plus what the chip's own temperature takes.
    one = sampler.preflight.raw(problem).holding
    scaled = sampler.preflight.raw(problem, factor).holding
    extra = np.log(36 / 1e-5) / (2 * BETA)
    assert scaled - extra == pytest.approx((one - extra) / factor)


def test_pegasus_is_held_with_all_of_the_field(codes):
    """Its flux for a field is its own: h = 1 takes 7.06e-4 Phi_0 there, a quarter more."""
    assert flux_of_field(None, "pegasus") == pytest.approx(-7.06e-4, rel=0.01)
    assert flux_of_field(None) == pytest.approx(-5.74e-4, rel=0.01)
    graph = pegasus(20)
    constants = replace(CHIPS["system4"], name="p", topology="pegasus", grid=(6,))
    constants = replace(constants, mutual_pH=1.647, freeze_out_GHz=3.91, group_range=None)
    chip = WorkingGraph.perfect("pegasus", (6,), "Advantage_system4")
    emulator = EmulatedAnnealer(constants, graph=chip, beta=BETA, sweeps=20)
    sampler = sampler_of(emulator, graph, conditioning="flux")
    assert sampler.chip is None
    program = sampler.preflight.raw(couplings(graph)).program([0], codes(1, 1)[:, :20])
    held = program.flux[:20] / flux_of_field(constants)
    assert np.allclose(np.abs(held), sampler.preflight.raw(couplings(graph)).holding)


def test_times_that_are_not_stated_are_estimated(problem, codes, make_annealer):
    """A solver that states no times, or only the total, does not work for nothing."""
    whole = make_annealer()
    for fields in ({}, {"qpu_access_time": 16_000.0}, {"qpu_programming_time": 8_000.0}):

        def sample(model, fields=fields, **given):
            answer = whole.sample(model, **given)
            answer.info["timing"] = fields
            return answer

        silent = SimpleNamespace(
            sample=sample,
            properties=whole.properties,
            nodelist=whole.nodelist,
            edgelist=whole.edgelist,
        )
        sampler = sampler_of(silent, problem.graph)
        sampler.sample(problem, codes(2, 20))
        wanted = 32_000.0 if "qpu_access_time" in fields else 2 * 8_000 + 20 * 85.6
        assert sampler.usage.time.total == pytest.approx(wanted)
        assert sampler.account.charged == pytest.approx(wanted)


def test_no_submission_exceeds_the_limit_when_a_solver_takes_longer(
    problem, codes, make_annealer
):
    """Answers cost twice what was estimated: after the first, no other is sent."""
    whole, sent = make_annealer(), []

    def sample(model, **given):
        sent.append(given["label"])
        answer = whole.sample(model, **given)
        answer.info["timing"] = {"qpu_access_time": 2 * (8_000 + 85.6 * 5)}
        return answer

    slow = SimpleNamespace(
        sample=sample,
        properties=whole.properties,
        nodelist=whole.nodelist,
        edgelist=whole.edgelist,
    )
    limit = 1e-6 * 4 * (8_000 + 85.6 * 5)
    settings = Settings(beta=BETA, limit_s=limit)
    sampler = AnnealerSampler(problem.graph, slow, SharedNoise(0), settings, window=1)
    with pytest.raises(AnnealerError, match="it was not sent"):
        sampler.sample(problem, codes(4, 20))
    assert len(sent) == 1
