"""What goes wrong with a cloud: no answer is lost, and none is paid for twice.

The real client of D-Wave talks to a server on loopback. Its answers depend on the label of a
submission, so that a run with faults must end in the very states of one without.
"""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from calo4pqvae.errors import AnnealerError, OutputError, PhysicsWarning
from calo4pqvae.random import SharedNoise
from calo4pqvae.samplers.annealer import journal as journal_module
from calo4pqvae.samplers.annealer.journal import Journal
from calo4pqvae.samplers.annealer.sampler import AnnealerSampler, Settings
from calo4pqvae.samplers.annealer.solvers import list_solvers, open_solver

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

    def run(resume=False, graph=None, **options):
        sampler = open_solver(polling_s=options.pop("polling", 20.0))
        journal = Journal(tmp_path / "journal", "run", ABOUT | (graph or {}), resume=resume)
        settings = Settings(**{"beta": 6.0} | options.pop("settings", {}))
        options = {"sleep": lambda _: None, "window": 3} | options
        try:
            annealer = AnnealerSampler(
                problem.graph, sampler, SharedNoise(0), settings, record=journal, **options
            )
            return annealer.sample(problem, codes(CONDITIONS, READS)), annealer
        finally:
            journal.close()
            sampler.close()

    return run


@pytest.fixture(scope="module")
def clean(problem, codes):
    """The states of a run without faults, straight from the emulator."""
    from calo4pqvae.samplers.annealer.emulator import EmulatedAnnealer
    from conftest import CHIP

    emulator = EmulatedAnnealer("system4", graph=CHIP, beta=6.0, sweeps=30)
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
    states, annealer = draw(resume=True)
    assert torch.equal(states, clean)
    assert paid_once(cloud)
    assert annealer.usage.reads == READS


def test_offline_solver(cloud, draw, clean):
    cloud.faults[3] = "offline"
    with pytest.raises(AnnealerError, match="is offline"):
        draw()
    assert len(cloud.charged) == 5  # two that were on their way are stored
    states, _ = draw(resume=True)
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
    states, _ = draw(resume=True)
    assert torch.equal(states, clean)
    assert paid_once(cloud)


def test_partial_answer(cloud, draw, codes):
    """Half of the reads came: the others are asked for under a label of their own."""
    cloud.faults[1] = "partial"
    states, annealer = draw()
    assert [reads for _, _, reads in cloud.charged].count(2) == 1
    assert paid_once(cloud, CONDITIONS + 1)
    assert annealer.usage.reads == READS
    again, _ = draw(resume=True)
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
    states, _ = draw(resume=True)
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
import os, signal, sys, torch
sys.path.insert(0, {here!r})
from conftest import CHIP, couplings
from dwave.system import DWaveSampler
from calo4pqvae.random import SharedNoise
from calo4pqvae.samplers.annealer import journal
from calo4pqvae.samplers.annealer.sampler import AnnealerSampler, Settings

where, count = {where!r}, {count}
def deadly(self, *arguments, **more):
    global count
    count -= 1
    if count == 0:
        if {after}:
            original(self, *arguments, **more)
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, *arguments, **more)
original = getattr(journal.Journal, where)
setattr(journal.Journal, where, deadly)
graph = CHIP.lay_out(36)
table = torch.rand(64, 36, generator=torch.Generator().manual_seed(3)) < 0.5
record = journal.Journal({folder!r}, "run", {about!r})
sampler = AnnealerSampler(
    graph, DWaveSampler(), SharedNoise(0), Settings(beta=6.0), record=record, window=3
)
sampler.sample(couplings(graph), table[torch.arange(24) % 6])
"""

MOMENTS = {
    "before it is sent": ("intend", 3, True),
    "sent, its name unknown": ("sent", 3, False),
    "sent, its name known": ("sent", 3, True),
    "answered, not stored": ("_store", 3, False),
    "stored, not marked": ("_store", 3, True),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_between_submission_and_storage(cloud, draw, clean, tmp_path, moment):
    where, count, after = MOMENTS[moment]
    script = WORKER.format(
        here=str(Path(__file__).parent),
        where=where,
        count=count,
        after=after,
        folder=str(tmp_path / "journal"),
        about=ABOUT,
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, env=os.environ
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    states, _ = draw(resume=True)
    assert torch.equal(states, clean)
    assert paid_once(cloud)


@pytest.mark.parametrize("write", [2, 5, 9])
def test_disk_full(cloud, draw, clean, monkeypatch, write):
    """At the second answer; and in the log, where a later mark does not fit any more."""
    real, count = os.fsync, 0

    def full(descriptor):
        nonlocal count
        count += 1
        if count >= write:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(journal_module.os, "fsync", full)
        with pytest.raises(OutputError, match="nothing that was paid for is lost"):
            draw(window=1)
    states, _ = draw(resume=True)
    assert torch.equal(states, clean)
    assert paid_once(cloud)


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
        draw(resume=True, graph={"graph": "another"})
    unused = next(q for q in chip.qubits.tolist() if q not in model_graph.labels.tolist())
    cloud.annealer = make_annealer(graph=_without(chip, unused))
    with pytest.warns(PhysicsWarning, match="working graph has changed"):
        states, _ = draw(resume=True, graph={"graph": "another"})
    assert torch.equal(states, clean)
    assert paid_once(cloud)


def _without(chip, qubit):
    from dataclasses import replace

    kept = chip.qubits[chip.qubits != qubit]
    couplers = chip.couplers[(chip.couplers != qubit).all(axis=1)]
    return replace(chip, qubits=kept, couplers=couplers)


def test_values_out_of_range_are_refused_before_anything_is_sent(cloud, draw):
    with pytest.raises(AnnealerError, match=r"couplings J .* outside"):
        draw(settings={"beta": 0.1})
    assert cloud.charged == []
    draw(settings={"beta": 0.1, "out_of_range": "rescale"}, resume=True)
    assert paid_once(cloud)


def test_a_limit_on_the_time_is_kept(cloud, draw):
    with pytest.raises(AnnealerError, match=r"more than the 0.02 s allowed; nothing was sent"):
        draw(settings={"limit_s": 0.02})
    assert cloud.charged == []
