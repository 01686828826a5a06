"""A job is killed, or its disk is full: no answer is lost, and none is paid for twice."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from cloud import ABOUT, CONDITIONS, READS, paid_once

from calo4pqvae._core.journal.table import Table
from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.annealer.sampler import AnnealerSampler, Settings
from calo4pqvae.errors import OutputError

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
    "before it is sent": ("mark_intended", 3, True),
    "sent, its name unknown": ("sent", 1, False),
    "sent, its name known": ("sent", 1, True),
    "answered, not stored": ("_store", 3, False),
    "stored": ("_store", 3, True),
}


@pytest.fixture(scope="module")
def workers():
    """A process that makes others, to be killed."""
    script = WORKER.format(here=str(Path(__file__).parents[2] / "support"))
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
