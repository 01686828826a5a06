"""Memory of successive reads: its size, its error, what it can see, and that it is seen."""

import numpy as np
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.annealer.calibration.memory import read_memory
from calo4pqvae.annealer.emulator.imperfections import Imperfections
from calo4pqvae.annealer.sampler import AnnealerSampler, Settings
from calo4pqvae.boltzmann.samplers.cpu.compiled import CompiledGibbs


def test_independent_reads_have_none(problem, codes):
    """100 sets of 128 reads: the stated error is theirs, and at most 4 are called remembering
    (0.3 % of seeds have more)."""
    found = []
    for seed in range(100):
        kernel = CompiledGibbs(problem.graph, SharedNoise(seed))
        states = kernel.sample(problem, codes(1, 128), 40)
        found.append(read_memory(states, np.arange(128) // 16))
    pulls = np.array([m.correlation / m.error for m in found])
    assert abs(pulls.mean()) < 0.4
    assert 0.75 < pulls.std() < 1.25
    assert sum(m.remembers for m in found) <= 4


def test_what_is_called_visible_is_seen(problem, codes):
    """Reads that repeat with this probability have this correlation; 9 of 10 are found."""
    kernel = CompiledGibbs(problem.graph, SharedNoise(1))
    one = np.zeros(128, int)
    visible = read_memory(kernel.sample(problem, codes(1, 128), 40), one).visible
    assert visible < 0.15  # energies alone see 0.47
    seen, rng = 0, np.random.default_rng(1)
    for _ in range(100):
        states, rows = kernel.sample(problem, codes(1, 128), 40), [0]
        for read in range(1, 128):
            rows.append(rows[-1] if rng.random() < visible else read)
        seen += read_memory(states[rows], one).remembers
    assert seen >= 75


def test_a_correlation_of_a_tenth_is_seen_with_the_recommended_reads(problem, codes):
    """In 93 % of 200 checks or more, where 95 are meant and 97 found: 0.1 % of seeds fail. A
    twin with two thirds of the reads, as a formula recommends that does not know that repeated
    reads raise the alarm, sees it less often."""
    kernel, rng = CompiledGibbs(problem.graph, SharedNoise(1)), np.random.default_rng(2)
    pool = kernel.sample(problem, codes(1, 4096), 40)
    pilot = read_memory(pool[:128], np.arange(128) // 16)
    wanted = round(pilot.reads_for(0.1) / 8)
    seen = []
    for each in (wanted, 2 * wanted // 3):
        n, found = 8 * each, 0
        for _ in range(200):
            fresh = rng.random(n) >= 0.1
            rows = rng.integers(0, 4096, n)[np.maximum.accumulate(fresh * np.arange(n))]
            found += read_memory(pool[rows], np.arange(n) // each).remembers
        seen.append(found / 200)
    assert seen[0] >= 0.93
    assert seen[1] < 0.93


def test_the_emulator_remembers_in_short_programmings_too(problem, codes, make_annealer):
    """Between any two successive reads, also of a programming of sixteen."""
    for between, remembers in ((None, False), (1, True)):
        annealer = make_annealer(imperfections=Imperfections(between_reads=between))
        settings = Settings(beta=6.0, most_reads=16)
        sampler = AnnealerSampler(problem.graph, annealer, SharedNoise(0), settings)
        states = sampler.sample(problem, codes(1, 128))
        found = read_memory(states, sampler.programming)
        assert found.remembers == remembers
        assert (found.correlation > 0.1) == remembers


def test_constant_reads_tell_nothing():
    found = read_memory(torch.ones(20, 5, dtype=torch.bool), np.zeros(20, int))
    assert not found.remembers
    assert found.visible == np.inf
