"""What is refused before anything is sent: values, times, chips that lack a qubit."""

import pytest
import torch
from cloud import CONDITIONS, READS, paid_once

from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.errors import AnnealerError, PhysicsWarning


def test_chip_with_other_working_qubits(cloud, draw, clean, chip, make_annealer, model_graph):
    """One that the model does not use matters little; for another one it has to move."""
    cloud.faults[3] = "offline"
    with pytest.raises(AnnealerError, match="is offline"):
        draw(graph={"graph": chip.fingerprint})
    used = int(model_graph.labels[50])
    cloud.annealer = make_annealer(graph=_without(chip, used))
    with (
        pytest.warns(PhysicsWarning, match="working graph has changed"),
        pytest.raises(AnnealerError, match="its place on the chip"),
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
