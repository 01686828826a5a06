"""Held qubits obey their flux biases, and reversed spins average over errors."""

from dataclasses import replace

import numpy as np
import pytest
from small_chip import BETA, couplings

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.annealer.chip.constants import CHIPS
from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.annealer.emulator.emulator import EmulatedAnnealer
from calo4pqvae.annealer.emulator.imperfections import Imperfections
from calo4pqvae.annealer.programs.flux import flux_of_field
from calo4pqvae.boltzmann.lattices import pegasus
from calo4pqvae.boltzmann.samplers.cpu.compiled import CompiledGibbs


def test_held_qubits_obey_at_the_recommended_flux(problem, codes, make_annealer, sampler_of):
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


def test_flux_biases_saturate(problem, codes, make_annealer, sampler_of):
    annealer = make_annealer(imperfections=Imperfections(flux_limit=1e-5))
    sampler = sampler_of(annealer, problem.graph, conditioning="flux")
    sampler.sample(problem, codes(1, 500))
    assert sampler.usage.moved_reads > 250


def test_gauges_average_over_lasting_errors_of_the_control(
    problem, codes, make_annealer, sampler_of
):
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


@pytest.mark.parametrize("factor", [1.0, 2.0, 4.0])
def test_rescaled_values_are_held_as_firmly(problem, codes, make_annealer, factor, sampler_of):
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


def test_pegasus_is_held_with_all_of_the_field(codes, sampler_of):
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
