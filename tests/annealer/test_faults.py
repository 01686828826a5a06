"""What goes wrong with a cloud: no answer is lost, and none is paid for twice.

The real client of D-Wave talks to a server on loopback. Its answers depend on the label of a
submission, so that a run with faults must end in the very states of one without.
"""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from calo4pqvae._core.journal.table import Table
from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.annealer.chip.solvers import list_solvers, open_solver
from calo4pqvae.annealer.emulator.emulator import EmulatedAnnealer
from calo4pqvae.annealer.jobs.journal import Journal
from calo4pqvae.annealer.sampler import AnnealerSampler, Settings
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.cli.main import main
from calo4pqvae.config import load_config
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import AnnealerError, OutputError, PhysicsWarning
from calo4pqvae.models.build import build_model
from calo4pqvae.models.storage import save_model

sys.path.insert(0, str(Path(__file__).parent))
from cloud import TOKEN, Cloud, serving

READS, CONDITIONS = 24, 6
ABOUT = {"solver": "Advantage2_system4"}


@pytest.fixture(autouse=True)
def access(monkeypatch, tmp_path):
    """No cache and no configuration but what a test says."""
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in os.environ:
        if name.startswith("DWAVE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DWAVE_API_TOKEN", TOKEN)


@pytest.fixture
def cloud(make_annealer, monkeypatch):
    with serving(Cloud(make_annealer())) as server:
        monkeypatch.setenv("DWAVE_API_ENDPOINT", server.endpoint)
        yield server


@pytest.fixture
def draw(problem, codes, tmp_path):
    """A function that draws 24 states with a journal, and closes what it opened."""

    def run(given=problem, graph=None, **options):
        sampler = open_solver(polling_s=options.pop("polling", 20.0))
        journal = Journal(tmp_path / "journal", "run", ABOUT | (graph or {}))
        settings = Settings(**{"beta": 6.0} | options.pop("settings", {}))
        options = {"sleep": lambda _: None, "window": 3} | options
        try:
            annealer = AnnealerSampler(
                given.graph, sampler, SharedNoise(0), settings, record=journal, **options
            )
            return annealer.sample(given, codes(CONDITIONS, READS)), annealer
        finally:
            journal.close()
            sampler.close()

    return run


@pytest.fixture(scope="module")
def clean(problem, codes, chip):
    """The states of a run without faults, straight from the emulator."""
    emulator = EmulatedAnnealer("system4", graph=chip, beta=6.0, sweeps=30)
    annealer = AnnealerSampler(problem.graph, emulator, SharedNoise(0), Settings(beta=6.0))
    return annealer.sample(problem, codes(CONDITIONS, READS))


def paid_once(cloud, submissions=CONDITIONS):
    labels = [label for _, label, _ in cloud.charged]
    return len(labels) == len(set(labels)) == submissions


def test_without_faults(cloud, draw, clean):
    states, annealer = draw()
    assert torch.equal(states, clean)
    assert paid_once(cloud)
    assert annealer.usage.time.total == pytest.approx(6 * 8000 + 24 * 85.6)
    assert [solver.name for solver in list_solvers()] == ["Advantage2_system4"]


def test_a_second_run_reads_the_journal_and_pays_nothing(cloud, draw, clean):
    draw()
    states, annealer = draw()
    assert torch.equal(states, clean)
    assert paid_once(cloud)
    assert annealer.usage.reads == READS


def test_offline_solver(cloud, draw, clean):
    cloud.faults[3] = "offline"
    with pytest.raises(AnnealerError, match="is offline"):
        draw()
    assert len(cloud.charged) == 5  # two that were on their way are stored
    states, _ = draw()
    assert torch.equal(states, clean)
    assert paid_once(cloud)


def test_timeout_of_an_answer(cloud, draw, clean):
    """The solver keeps the problem: it is collected later, not sent again."""
    cloud.faults[2] = "stuck"

    def sleep(_):
        for message in cloud.problems.values():
            message.pop("stuck", None)

    states, annealer = draw(polling=0.3, sleep=sleep)
    assert annealer.dispatcher.retries == annealer.dispatcher.collected == 1
    assert torch.equal(states, clean)
    assert paid_once(cloud)


def test_an_answer_that_never_comes(cloud, draw, clean):
    cloud.faults[2] = "stuck"
    with pytest.raises(AnnealerError, match="gave up after 2 attempts"):
        draw(polling=0.3, attempts=2)
    for message in cloud.problems.values():
        message.pop("stuck", None)
    states, _ = draw()
    assert torch.equal(states, clean)
    assert paid_once(cloud)


def test_partial_answer(cloud, draw, codes):
    """Half of the reads came: the others are asked for under a label of their own."""
    cloud.faults[1] = "partial"
    states, annealer = draw()
    assert [reads for _, _, reads in cloud.charged].count(2) == 1
    assert paid_once(cloud, CONDITIONS + 1)
    assert annealer.usage.reads == READS
    again, _ = draw()
    assert torch.equal(states, again)
    assert torch.equal(states[:, :36], codes(CONDITIONS, READS))
    assert paid_once(cloud, CONDITIONS + 1)


def test_duplicate_answer(cloud, draw, clean):
    """Two submissions are given one name: the second's own answer is found by its label."""
    cloud.faults[4] = "half"
    states, _ = draw(window=1)
    assert torch.equal(states, clean)
    assert paid_once(cloud)


def test_connection_lost_after_the_problem_arrived(cloud, draw, clean):
    cloud.faults[2] = "drop"
    states, annealer = draw(window=1)
    assert annealer.dispatcher.collected == 1
    assert torch.equal(states, clean)
    assert paid_once(cloud)


@pytest.mark.parametrize("status", [429, 503])
def test_rate_limit_and_server_errors(cloud, draw, clean, status):
    cloud.faults |= {1: status, 2: status, 4: status}
    waits = []
    states, annealer = draw(window=1, sleep=waits.append)
    assert waits == [1, 2, 1]
    assert annealer.dispatcher.retries == 3
    assert torch.equal(states, clean)
    assert paid_once(cloud)


def test_wrong_and_expired_token(cloud, draw, clean, monkeypatch, tmp_path):
    cloud.faults[3] = 401
    with pytest.raises(AnnealerError, match="token") as caught:
        draw(window=1)
    assert len(cloud.charged) == 3
    assert TOKEN not in str(caught.value)
    kept = [path.read_bytes() for path in (tmp_path / "journal").rglob("*") if path.is_file()]
    assert not any(TOKEN.encode() in content for content in kept)
    cloud.token = "RENEWED-987"
    with pytest.raises(AnnealerError, match="token"):
        open_solver()
    monkeypatch.setenv("DWAVE_API_TOKEN", "RENEWED-987")
    states, _ = draw()
    assert torch.equal(states, clean)
    assert paid_once(cloud)


@pytest.mark.usefixtures("cloud")
def test_no_token_at_all(monkeypatch):
    monkeypatch.delenv("DWAVE_API_TOKEN")
    with pytest.raises(AnnealerError, match="no access to D-Wave is configured"):
        open_solver()


@pytest.mark.usefixtures("cloud")
def test_no_such_solver():
    with pytest.raises(AnnealerError, match="is not there"):
        open_solver("Advantage9")


WORKER = """
import json, os, signal, sys, torch
sys.path.insert(0, {here!r})
from small_chip import CHIP, couplings
from dwave.system import DWaveSampler
from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.annealer.jobs.journal import Journal
from calo4pqvae.annealer.sampler import AnnealerSampler, Settings

def run(environment, folder, about, where, count, after):
    os.environ.update(environment)
    original = getattr(Journal, where)
    def deadly(self, *arguments, **more):
        nonlocal count
        count -= 1
        if count == 0:
            if after:
                original(self, *arguments, **more)
            os.kill(os.getpid(), signal.SIGKILL)
        return original(self, *arguments, **more)
    setattr(Journal, where, deadly)
    graph = CHIP.lay_out(36)
    table = torch.rand(64, 36, generator=torch.Generator().manual_seed(3)) < 0.5
    record = Journal(folder, "run", about)
    sampler = AnnealerSampler(
        graph, DWaveSampler(), SharedNoise(0), Settings(beta=6.0), record=record, window=3
    )
    sampler.sample(couplings(graph), table[torch.arange(24) % 6])

for line in sys.stdin:  # imports take seconds, and are shared by all who are killed
    child = os.fork()
    if child == 0:
        run(*json.loads(line))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

MOMENTS = {
    "before it is sent": ("intend", 3, True),
    "sent, its name unknown": ("sent", 1, False),
    "sent, its name known": ("sent", 1, True),
    "answered, not stored": ("_store", 3, False),
    "stored": ("_store", 3, True),
}


@pytest.fixture(scope="module")
def workers():
    """A process that makes others, to be killed."""
    script = WORKER.format(here=str(Path(__file__).parent))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_between_submission_and_storage(cloud, draw, clean, workers, tmp_path, moment):
    names = (
        "HOME",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "DWAVE_API_ENDPOINT",
        "DWAVE_API_TOKEN",
    )
    environment = {name: os.environ[name] for name in names}
    order = (environment, str(tmp_path / "journal"), ABOUT, *MOMENTS[moment])
    workers.stdin.write(json.dumps(order) + "\n")
    workers.stdin.flush()
    assert int(workers.stdout.readline()) == -signal.SIGKILL
    states, _ = draw()
    assert torch.equal(states, clean)
    assert paid_once(cloud)


@pytest.mark.parametrize("more", [0, 1])
def test_disk_full(cloud, draw, problem, codes, make_annealer, monkeypatch, more):
    """Sqlite gets no or one more page: 24 submissions, of which some are marked by then."""
    single = Settings(beta=6.0, mode="single")
    clean = AnnealerSampler(problem.graph, make_annealer(), SharedNoise(0), single)
    begin = Table.__init__

    def small(self, *arguments, **given):
        begin(self, *arguments, **given)
        pages = int(self._connection.execute("PRAGMA page_count").fetchone()[0]) + more
        self._connection.execute(f"PRAGMA max_page_count = {pages}")

    with monkeypatch.context() as patch:
        patch.setattr(Table, "__init__", small)
        with pytest.raises(OutputError, match="nothing that was paid for is lost"):
            draw(window=1, settings={"mode": "single"})
    assert 0 < len(cloud.charged) < READS
    states, _ = draw(settings={"mode": "single"})
    assert torch.equal(states, clean.sample(problem, codes(CONDITIONS, READS)))
    assert paid_once(cloud, READS)


@pytest.mark.parametrize("where", ["answer", "everything"])
def test_a_damaged_journal_costs_what_is_damaged_and_no_money(
    cloud, draw, clean, tmp_path, where
):
    """An answer, or all marks but the header: collected from the solver, by name or label."""
    draw()
    path = tmp_path / "journal" / "journal.sqlite"
    content = bytearray(path.read_bytes())
    if where == "answer":
        at = content.rindex(b'"event": "stored"')
        content[at] ^= 1
    else:
        at = content.index(b"000000")
        for begin in range(len(content) - 8):
            if content[begin : begin + 5] == b"00000":
                content[begin] ^= 1
    path.write_bytes(content)
    with pytest.warns(PhysicsWarning, match="asked for again"):
        states, annealer = draw()
    assert torch.equal(states, clean)
    assert paid_once(cloud)
    assert annealer.dispatcher.collected >= 1


def test_two_jobs_do_not_share_a_journal(tmp_path):
    one = Journal(tmp_path / "j", "run", ABOUT)
    one.intend("000000", "digest", 3)
    with ThreadPoolExecutor() as pool:  # the thread that has a lock may take it again
        other = pool.submit(Journal, tmp_path / "j", "run", ABOUT)
        with pytest.raises(OutputError, match="is in use by"):
            other.result()
    one.close()
    with pytest.raises(AnnealerError, match="holds no journal to go on with"):
        Journal(tmp_path / "another", "run", ABOUT, resume=True)
    with pytest.raises(AnnealerError, match="its solver is Advantage2_system4, not other"):
        Journal(tmp_path / "j", "run", {"solver": "other"})
    again = Journal(tmp_path / "j", "another", ABOUT)
    assert again.run == "run"
    assert again.event("000000") == "intended"
    again.close()


def test_journals_of_earlier_versions_are_refused(tmp_path):
    (tmp_path / "journal.json").write_text("{}")
    with pytest.raises(AnnealerError, match="earlier version"):
        Journal(tmp_path, "run", ABOUT)


def test_chip_with_other_working_qubits(cloud, draw, clean, chip, make_annealer, model_graph):
    """One that the model does not use matters little, one that it uses is named."""
    cloud.faults[3] = "offline"
    with pytest.raises(AnnealerError, match="is offline"):
        draw(graph={"graph": chip.fingerprint})
    used = int(model_graph.labels[7])
    cloud.annealer = make_annealer(graph=_without(chip, used))
    with (
        pytest.warns(PhysicsWarning, match="working graph has changed"),
        pytest.raises(AnnealerError, match=rf"lacks 1 of the model's 144 qubits \({used}\)"),
    ):
        draw(graph={"graph": "another"})
    unused = next(q for q in chip.qubits.tolist() if q not in model_graph.labels.tolist())
    cloud.annealer = make_annealer(graph=_without(chip, unused))
    with pytest.warns(PhysicsWarning, match="working graph has changed"):
        states, _ = draw(graph={"graph": "another"})
    assert torch.equal(states, clean)
    assert paid_once(cloud)


def _without(chip, qubit):
    from dataclasses import replace

    kept = chip.qubits[chip.qubits != qubit]
    couplers = chip.couplers[(chip.couplers != qubit).all(axis=1)]
    return replace(chip, qubits=kept, couplers=couplers)


def test_values_out_of_range_are_refused_before_anything_is_sent(cloud, draw, tmp_path):
    with pytest.raises(AnnealerError, match=r"couplings J .* outside"):
        draw(settings={"beta": 0.1})
    assert cloud.charged == []
    assert not (tmp_path / "journal").exists()
    draw(settings={"beta": 0.1, "out_of_range": "rescale"})
    assert paid_once(cloud)


def test_values_out_of_range_in_any_gauge_are_refused_before_anything_is_sent(
    cloud, draw, problem
):
    """J = -1.3 is allowed, +1.3 is not, and a reversed spin makes one of the other."""
    negative = BoltzmannProblem(problem.graph, problem.bias, problem.coupling.abs())
    beta = float(negative.coupling.max()) / 4 / 1.3
    cloud.annealer.properties["h_range"] = [-60.0, 60.0]
    with pytest.raises(AnnealerError, match=r"of its spins are reversed: .*couplings J"):
        draw(negative, settings={"beta": beta, "gauges": 4})
    assert cloud.charged == []
    draw(negative, settings={"beta": beta})
    assert paid_once(cloud)


@pytest.mark.parametrize("out_of_range", ["rescale", "clip"])
def test_all_gauges_of_values_brought_into_range_are_sent(cloud, draw, problem, out_of_range):
    negative = BoltzmannProblem(problem.graph, problem.bias, problem.coupling.abs())
    beta = float(negative.coupling.max()) / 4 / 1.3
    draw(negative, settings={"beta": beta, "gauges": 4, "out_of_range": out_of_range})
    assert paid_once(cloud, 4 * CONDITIONS)


def test_the_limit_holds_for_the_rest_of_a_partial_answer(cloud, draw):
    """One programming of 24 reads and no more was allowed: the second is not sent."""
    limit = 1e-6 * (8000 * CONDITIONS + 85.6 * READS)
    cloud.faults[2] = "partial"
    with pytest.raises(AnnealerError, match="it was not sent: go on with the same command"):
        draw(settings={"limit_s": limit})
    charged = sum(8000 + 85.6 * reads for _, _, reads in cloud.charged)
    assert 1e-6 * charged <= limit * (1 + 1e-9)
    _, annealer = draw(settings={"limit_s": 2 * limit})
    assert annealer.usage.reads == READS
    assert paid_once(cloud, CONDITIONS + 1)


def test_a_limit_on_the_time_is_kept(cloud, draw):
    with pytest.raises(AnnealerError, match=r"more than the 0.02 s allowed; nothing was sent"):
        draw(settings={"limit_s": 0.02})
    assert cloud.charged == []


def test_the_command_generates_on_the_cloud(cloud, tmp_path, monkeypatch, toy_geometry, capsys):
    """As a user types it: solvers, a job cut short by an expired token, the rest of it."""
    settings = [
        "data.energy_gev=[0.1,10]",
        "prior.nodes_per_partition=36",
        "prior.bias_order=0",
        "prior.initial_scale=0.7",
        "network.encoder_widths=[8,4,16]",
        "network.decoder_widths=[16,4,4,8]",
    ]
    config = load_config("quick", settings=settings)
    model = build_model(config, toy_geometry)
    model.decoder.mean.data[0, 1].fill_(5.0)
    save_model(tmp_path / "run" / "model", model, config, {})
    monkeypatch.chdir(tmp_path)
    assert main(["annealer", "status", "--backend", "any", "--model", "run"]) == 0
    told = capsys.readouterr().out
    assert "solvers of this account" in told
    assert "4 x 36 nodes fit, 1 times side by side" in told
    words = ["generate", "--model", "run", "-n", "12", "--sampler", "annealer", "-o", "a.h5"]
    words += ["--max-seconds", "10", "--beta", "6", "--conditioning", "flux"]
    cloud.faults[5] = 401
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "token" in error
    assert TOKEN not in error
    assert main(words) == 0
    assert "answers are kept and not asked for again" in capsys.readouterr().err
    assert paid_once(cloud, 10)  # some showers share their code
    with ShowerFile("a.h5") as file:
        assert file.attrs["sampler"] == "Advantage2_system4"
        assert json.loads(file.attrs["annealer"])["reads"] == 12
        assert len(file.column("prior_energy")) == 12
