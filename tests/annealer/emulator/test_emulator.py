"""The emulator as a solver: errors of the real client, times, seeds, physics."""

import dimod
import numpy as np
import pytest
from dimod.exceptions import BinaryQuadraticModelStructureError
from dwave.cloud.api.exceptions import RequestTimeout
from dwave.cloud.exceptions import SolverFailureError
from dwave.system.testing import MockDWaveSampler

from calo4pqvae.annealer.chip.constants import CHIPS
from calo4pqvae.annealer.emulator.emulator import EmulatedAnnealer
from calo4pqvae.annealer.emulator.imperfections import Imperfections
from calo4pqvae.annealer.jobs.timing import access_time
from calo4pqvae.annealer.programs.flux import flux_of_field
from calo4pqvae.errors import ConfigError

RAW = {"answer_mode": "raw", "auto_scale": False}


@pytest.mark.parametrize("name", ["system4", "prototype2.6"])
def test_published_chips_can_be_emulated(name):
    chip = CHIPS[name]
    annealer = EmulatedAnnealer(name)
    assert len(annealer.nodelist) == chip.qubits
    assert len(annealer.edgelist) == chip.couplers
    answer = annealer.sample_ising({annealer.nodelist[0]: 1.0}, {}, num_reads=50, **RAW)
    wanted = access_time(chip, reads=50, programmings=1)
    assert answer.info["timing"]["qpu_access_time"] == pytest.approx(wanted.total)
    assert annealer.used.total == pytest.approx(wanted.total)
    assert annealer.used.readout == 50 * chip.readout_us


def test_it_has_the_properties_and_parameters_of_a_solver(make_annealer):
    mock = MockDWaveSampler(topology_type="zephyr", topology_shape=[2, 4])
    missing = set(mock.properties) - set(make_annealer().properties)
    assert missing == {
        "anneal_offset_ranges",
        "anneal_offset_step",
        "anneal_offset_step_phi0",
        "per_qubit_coupling_range",
    }
    assert set(mock.parameters) - set(make_annealer().parameters) == {"warnings"}


BAD = {
    "reads": ({"num_reads": 10_001}, SolverFailureError, "num_reads"),
    "annealing": ({"annealing_time": 3000.0}, SolverFailureError, "annealing_time"),
    "too long": ({"num_reads": 10_000, "annealing_time": 200.0}, SolverFailureError, "takes"),
    "flux": ({"flux_biases": [0.0] * 3}, SolverFailureError, "160 numbers, not 3"),
    "unknown": ({"num_read": 1}, KeyError, "not a parameter"),
    "not emulated": ({"anneal_schedule": [[0, 0], [1, 1]]}, NotImplementedError, "honour"),
}


@pytest.mark.parametrize("case", BAD)
def test_it_refuses_what_a_solver_refuses(make_annealer, case):
    given, error, says = BAD[case]
    with pytest.raises(error, match=says):
        make_annealer().sample_ising({0: 1.0}, {}, **RAW | given)


def test_values_and_qubits_out_of_reach_are_refused(make_annealer, chip):
    annealer = make_annealer()
    with pytest.raises(SolverFailureError, match="out of range"):
        annealer.sample_ising({0: 6.1}, {}, **RAW)
    with pytest.raises(SolverFailureError, match="out of range"):
        annealer.sample_ising({}, {tuple(chip.couplers[0]): 1.1}, **RAW)
    annealer.sample_ising({}, {tuple(chip.couplers[0]): -1.9}, **RAW)
    with pytest.raises(BinaryQuadraticModelStructureError):
        annealer.sample_ising({0: 1.0}, {(0, 4): 1.0}, **RAW)
    with pytest.raises(SolverFailureError, match="auto_scale"):
        annealer.sample_ising({0: 1.0}, {}, flux_biases=[0.0] * 160)


@pytest.mark.parametrize("beta", [0.0, -1.0, float("inf"), float("nan")])
def test_a_chip_has_a_temperature(make_annealer, beta):
    with pytest.raises(ConfigError, match=f"inverse temperature above zero, not {beta}$"):
        make_annealer(beta=beta)


def test_failures_come_on_demand(make_annealer):
    annealer = make_annealer(failures={1: RequestTimeout("late")})
    annealer.sample_ising({0: 1.0}, {}, **RAW)
    with pytest.raises(RequestTimeout):
        annealer.sample_ising({0: 1.0}, {}, **RAW)
    annealer.sample_ising({0: 1.0}, {}, **RAW)


def mean(annealer, h=0.0, flux=0.0, **given):
    biases = [flux] + [0.0] * 159
    options = RAW | ({"flux_biases": biases} if flux else {}) | given
    answer = annealer.sample_ising({0: h}, {}, num_reads=8000, **options)
    return float(answer.record.sample.mean())


def test_one_qubit_has_the_hidden_temperature(make_annealer):
    """Mean spin -tanh(beta h); five errors of 8000 reads."""
    assert abs(mean(make_annealer(), h=0.1) + np.tanh(0.6)) < 5 / 8000**0.5
    assert abs(mean(make_annealer(beta=2.0), h=0.1) + np.tanh(0.2)) < 5 / 8000**0.5


def test_positive_flux_pushes_up_and_saturates(make_annealer):
    unit = flux_of_field(CHIPS["system4"])
    assert unit == pytest.approx(-5.48e-4, rel=0.01)
    flux = -0.1 * unit
    assert flux > 0
    assert abs(mean(make_annealer(), flux=flux) - np.tanh(0.6)) < 5 / 8000**0.5
    limited = make_annealer(imperfections=Imperfections(flux_limit=flux / 2))
    assert abs(mean(limited, flux=flux) - np.tanh(0.3)) < 5 / 8000**0.5


def test_auto_scale_changes_the_temperature(make_annealer):
    """It stretches a field of 0.1 to the bound of 6, where the spin is frozen."""
    assert mean(make_annealer(), h=0.1, auto_scale=True) == -1


def test_readout_errors(make_annealer):
    wrong = make_annealer(imperfections=Imperfections(readout=0.1))
    assert abs(mean(wrong, h=6.0) + 0.8) < 5 * 0.6 / 8000**0.5


def test_seeds_and_labels_decide(make_annealer):
    def draw(annealer, label):
        h = dict.fromkeys(range(40), 0.0)
        return annealer.sample_ising(h, {}, num_reads=3, label=label, **RAW).record.sample

    one, two = make_annealer(seed=1), make_annealer(seed=1)
    a, b = draw(one, "a"), draw(one, "b")
    assert np.array_equal(draw(two, "b"), b)
    assert np.array_equal(draw(two, "a"), a)
    assert not np.array_equal(a, b)
    assert not np.array_equal(draw(make_annealer(seed=2), "a"), a)
    assert not np.array_equal(draw(one, None), draw(one, None))


def test_answers_are_histograms_unless_raw_is_asked_for(make_annealer):
    annealer = make_annealer()
    answer = annealer.sample_ising({0: -0.1}, {}, num_reads=100, auto_scale=False)
    assert answer.record.num_occurrences.tolist() == sorted(
        answer.record.num_occurrences, reverse=True
    )
    assert len(answer) == 2
    raw = annealer.sample_ising({0: -0.1}, {}, num_reads=100, **RAW)
    assert len(raw) == 100
    energies = dimod.BinaryQuadraticModel.from_ising({0: -0.1}, {}).energies(
        (raw.record.sample, raw.variables)
    )
    assert np.allclose(raw.record.energy, energies)


def test_impossible_imperfections_are_refused():
    for broken in ({"readout": 2.0}, {"control_h": -1.0}, {"between_reads": 0}):
        with pytest.raises(ConfigError, match="out of range"):
            Imperfections(**broken)
