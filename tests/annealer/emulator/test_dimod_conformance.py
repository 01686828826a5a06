"""The emulator as a sampler of dimod: dimod's own assertions, and what they leave out."""

import unittest

import dimod
import dimod.testing
import numpy as np
import pytest
from dwave.cloud.exceptions import SolverFailureError
from dwave.system import EmbeddingComposite
from small_chip import CHIP

from calo4pqvae.annealer.emulator.emulator import EmulatedAnnealer

RAW = {"answer_mode": "raw", "auto_scale": False}
Q, P = (int(qubit) for qubit in CHIP.couplers[0])


def make():
    return EmulatedAnnealer("system4", graph=CHIP, beta=6.0, sweeps=20)


def embedded():
    """Any variables, placed by Ocean on the emulated qubits."""
    return EmbeddingComposite(make())


@dimod.testing.load_sampler_bqm_tests(embedded)
class TestEmbedded(unittest.TestCase):
    """Models of no, one, two and three variables; spins and bits; all of dimod's classes."""


def test_it_is_a_structured_sampler():
    dimod.testing.assert_sampler_api(make())
    dimod.testing.assert_structured_api(make())


@pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
@pytest.mark.parametrize("kind", [dimod.Float32BQM, dimod.Float64BQM, dimod.DictBQM])
@pytest.mark.parametrize("raw", [True, False])
def test_energies_offsets_and_vartypes(vartype, kind, raw):
    model = kind({Q: 0.5, P: -0.25}, {(Q, P): 0.5}, 7.25, vartype)
    given = {"answer_mode": "raw" if raw else "histogram"}
    found = make().sample(model, num_reads=50, auto_scale=False, **given)
    assert found.vartype is model.vartype
    assert int(found.record.num_occurrences.sum()) == 50
    dimod.testing.assert_sampleset_energies(found, model, precision=4)
    assert set(np.unique(found.record.sample)) <= ({-1, 1} if vartype == "SPIN" else {0, 1})


def test_bits_have_the_same_distribution_as_spins():
    """Mean of a bit in a field, at the hidden temperature; five errors of 8,000 reads."""
    model = dimod.BinaryQuadraticModel({Q: 0.2}, {}, 0.0, "BINARY")  # h = 0.1
    found = make().sample(model, num_reads=8_000, **RAW)
    wanted = (1 - np.tanh(0.6)) / 2
    assert abs(found.record.sample.mean() - wanted) < 5 * 0.5 / 8_000**0.5


@pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
def test_empty_models_are_answered(vartype):
    found = make().sample(dimod.BinaryQuadraticModel(vartype), num_reads=3, **RAW)
    assert found.record.sample.shape == (3, 0)
    model = dimod.BinaryQuadraticModel({}, {}, 2.5, vartype)
    assert make().sample(model, **RAW).record.energy.tolist() == [2.5]


def test_parameters_may_be_none_or_arrays():
    nothing = dict.fromkeys(("flux_biases", "num_reads", "annealing_time", "answer_mode"))
    assert len(make().sample_ising({Q: 0.1}, {}, auto_scale=False, **nothing)) == 1
    flux = np.zeros(CHIP.n_places)
    flux[Q] = 1e-3
    for given in (flux, flux.tolist()):
        found = make().sample_ising({Q: 0.0}, {}, flux_biases=given, num_reads=500, **RAW)
        assert found.record.sample.mean() > 0.9  # positive flux pushes up


@pytest.mark.parametrize(
    "given",
    [
        {"answer_mode": "all"},
        {"num_reads": 1.5},
        {"flux_biases": [0.0] * 3},
        {"flux_biases": [float("nan")] * CHIP.n_places},
    ],
    ids=str,
)
def test_other_values_are_refused(given):
    with pytest.raises(SolverFailureError):
        make().sample_ising({Q: 0.1}, {}, **RAW | given)


def test_no_two_answers_have_one_name():
    """Nor have they after a restart, which begins to count anew."""
    names = {
        make().sample_ising({Q: 0.1}, {}, label=label, **RAW).info["problem_id"]
        for label in ("a", "a", "b", None, None)
    }
    assert len(names) == 5
