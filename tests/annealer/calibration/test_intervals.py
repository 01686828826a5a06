"""Errors of a chip are found from its reads, and taken out of a temperature."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.annealer.calibration.control import ChipErrors, estimate_errors
from calo4pqvae.annealer.calibration.interval import simulate_reads
from calo4pqvae.annealer.calibration.measuring import measure_temperature
from calo4pqvae.annealer.calibration.readout import measure_readout
from calo4pqvae.annealer.calibration.shimming import measure_shims
from calo4pqvae.annealer.calibration.temperature import energies
from calo4pqvae.annealer.emulator.imperfections import IMPERFECTIONS, Imperfections
from calo4pqvae.annealer.programs.shims import Shims
from calo4pqvae.annealer.request import Request
from calo4pqvae.annealer.sampler import AnnealerSampler, Settings
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.boltzmann.samplers.cpu.compiled import CompiledGibbs
from calo4pqvae.errors import AnnealerError

PROGRAMMING = np.arange(32).repeat(16)


@pytest.mark.parametrize(
    "errors",
    [
        ChipErrors(),
        ChipErrors(h=0.03, j=0.0),
        ChipErrors(h=0.0, j=0.02),
        ChipErrors(h=0.02, j=0.01, repeats=0.2),
    ],
    ids=str,
)
def test_sizes_of_errors_are_found(problem, codes, errors):
    """Variances, from 512 reads of 108 nodes; they scatter by some 1.5e-4, and by 5e-4 where
    reads repeat."""
    clamped = codes(32, 32)[PROGRAMMING]
    states = simulate_reads(problem, clamped, PROGRAMMING, errors, 1.0, 6.0, 40, seed=5)
    found = estimate_errors(problem, states, PROGRAMMING, alpha=1.0, beta=6.0)
    slack = 1.5e-3 if errors.repeats else 6e-4
    assert abs(found.h**2 - errors.h**2) < slack
    assert abs(found.j**2 - errors.j**2) < slack
    assert abs(found.repeats - errors.repeats) < 0.06


def test_simulated_reads_without_errors_are_those_of_gibbs(problem, codes):
    """Mean energies within four errors."""
    clamped = codes(8, 512)
    made = simulate_reads(problem, clamped, PROGRAMMING, ChipErrors(), 1.0, 6.0, 60, seed=1)
    want = CompiledGibbs(problem.graph, SharedNoise(2)).sample(problem, clamped, 60)
    assert torch.equal(made[:, :36], clamped)
    a, b = (energies(problem, z) for z in (made, want))
    assert abs(a.mean() - b.mean()) < 4 * (a.var() / 512 + b.var() / 512).sqrt()


@pytest.mark.parametrize("readout", [0.0, 0.01])
def test_readout_errors_are_counted(problem, make_annealer, readout):
    annealer = make_annealer(imperfections=Imperfections(readout=readout))
    sampler = AnnealerSampler(problem.graph, annealer, SharedNoise(0), Settings(beta=6.0))
    found = measure_readout(sampler)
    assert abs(found.value - readout) <= 4 * found.error
    assert sampler.usage.programmings == 2


def machine_of(problem):
    machine = BoltzmannMachine(problem.graph)
    machine.bias.copy_(problem.bias)
    machine.coupling.copy_(problem.coupling)
    return machine


def test_the_chip_is_told_apart_from_its_errors(problem, codes, make_annealer):
    """Typical errors and 2 % of readout: matched energies are off, the chip's value is not."""
    sizes = replace(IMPERFECTIONS["typical"], readout=0.02)
    sampler = AnnealerSampler(
        problem.graph,
        make_annealer(imperfections=sizes, sweeps=40),
        SharedNoise(0),
        Settings(beta=6.0),
    )
    request = Request(machine_of(problem), codes(8, 512))
    fit = measure_temperature(sampler, request, reads=512, sweeps=40)
    assert abs(fit.chip.value - 6.0) < 4 * fit.chip.error
    assert fit.beta.value < 6.0 - 3 * fit.beta.error
    assert 0.015 < fit.errors.readout < 0.025
    assert "readout" in fit.covers
    assert sampler.settings == Settings(beta=fit.beta.value)


def test_shims_find_lasting_errors_and_take_them_out(problem, make_annealer, tmp_path):
    """Beside new errors of the same size in each of 12 programmings."""
    errors = Imperfections(control_h=0.03, control_j=0.03)
    annealer = make_annealer(imperfections=errors)
    sampler = AnnealerSampler(problem.graph, annealer, SharedNoise(0), Settings(beta=6.0))
    shims = measure_shims(sampler)
    wear = annealer._noise
    true = 0.03 * 0.5**0.5 * wear._field[shims.qubits]
    scale = 6.0 / 8.4  # the first guess of beta is that of another chip
    assert np.corrcoef(shims.field, true)[0, 1] > 0.75
    assert np.std(shims.field / scale - true) < 0.75 * np.std(true)
    lasting = 0.03 * 0.5**0.5 * wear._coupling[wear._graph.number_of(shims.couplers)]
    assert np.corrcoef(shims.coupling, lasting)[0, 1] > 0.75
    shims.save(tmp_path / "s.json")
    again = Shims.load(tmp_path / "s.json", shims.solver, shims.graph)
    assert np.array_equal(again.field, shims.field)
    with pytest.raises(AnnealerError, match="was measured on"):
        Shims.load(tmp_path / "s.json", shims.solver, "another")
    sampler.shims = again
    left = measure_shims(sampler)  # zeros are sent as they are, without shims
    assert np.corrcoef(left.field, true)[0, 1] > 0.75
    program = sampler.preflight.raw(problem).program([0], torch.zeros(1, 36, dtype=torch.bool))
    moved = again.apply(program, sampler.properties)
    assert np.allclose(program.h - moved.h, again.field)


def test_relaxed_states_are_nearer_to_gibbs(problem, codes, make_annealer):
    """On a chip twice as hot: sweeps take half of the energy's excess away at least."""
    clamped = codes(8, 512)
    want = energies(
        problem, CompiledGibbs(problem.graph, SharedNoise(2)).sample(problem, clamped, 60)
    )
    away = []
    for relax in (0, 5):
        settings = Settings(beta=12.0, relax=relax)
        sampler = AnnealerSampler(problem.graph, make_annealer(), SharedNoise(0), settings)
        states = sampler.sample(problem, clamped)
        assert torch.equal(states[:, :36], clamped)
        away.append(float(energies(problem, states).mean() - want.mean()))
    assert away[0] > 0
    assert abs(away[1]) < 0.5 * away[0]
