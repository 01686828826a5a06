"""The cloud on loopback, and jobs that are sent to it through D-Wave's own client."""

import os

import pytest
from cloud import ABOUT, CONDITIONS, READS, TOKEN, Cloud, serving

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.annealer.chip.solvers import open_solver
from calo4pqvae.annealer.emulator.emulator import EmulatedAnnealer
from calo4pqvae.annealer.jobs.journal import Journal
from calo4pqvae.annealer.sampler import AnnealerSampler, Settings


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
