"""The machines of the suite: how fast they mix, and that they are what they claim."""

import pytest
import torch

from calo4pqvae.boltzmann.samplers.exact import enumerate_states
from calo4pqvae.testing.machines import balanced_machine, known_machines

MACHINES = {machine.name: machine for machine in known_machines()}


def sweep(machine, condition):
    """The matrix of one block Gibbs sweep between all states of the free nodes."""
    graph, n0 = machine.graph, machine.graph.sizes[0]
    free = enumerate_states(graph.n_latents)
    full = torch.cat([machine.codes[condition].expand(len(free), -1), free], dim=1).double()
    w = torch.zeros(graph.n_nodes, graph.n_nodes, dtype=torch.float64)
    w[graph.edges[0], graph.edges[1]] = machine.coupling.double()
    field = full @ (w + w.T) + machine.bias[condition % len(machine.bias)].double()
    whole = torch.eye(len(free), dtype=torch.float64)
    for part in graph.partitions[1:]:
        others = torch.ones(graph.n_nodes, dtype=torch.bool)
        others[part] = False
        matrix = (torch.cdist(full[:, others], full[:, others], p=0) == 0).double()
        for node in range(part.start, part.stop):
            up = torch.sigmoid(field[:, node, None])
            matrix *= torch.where(full[None, :, node] > 0, up, 1 - up)
        whole = whole @ matrix
    assert n0 == len(machine.codes[0])
    return whole


def distance(machine, condition, sweeps):
    """Total variation from the enumerated probabilities after sweeps from the worst start."""
    reached = torch.linalg.matrix_power(sweep(machine, condition), sweeps)
    return float((reached - machine.probabilities()[condition]).abs().sum(dim=1).max() / 2)


@pytest.mark.parametrize("name", MACHINES)
def test_a_hundred_sweeps_reach_the_distribution_from_any_start(name):
    machine = MACHINES[name]
    for condition in range(len(machine.codes)):
        assert distance(machine, condition, 100) < 1e-6


def test_few_sweeps_do_not_suffice_for_strong_couplings():
    assert distance(MACHINES["strong couplings"], 0, 10) > 0.02
    assert distance(MACHINES["a piece of Zephyr"], 0, 1) > 0.1


def test_each_machine_has_four_codes_or_more_and_no_small_coupling():
    for machine in MACHINES.values():
        assert len(machine.codes.unique(dim=0)) == len(machine.codes) >= 4
        assert machine.coupling.abs().min() >= 0.4
    assert len(MACHINES["biases of the energy"].bias.unique(dim=0)) == 8
    assert (MACHINES["an uneven sparse graph"].graph.degree == 0).any()


def test_conditions_are_dealt_evenly_and_not_in_turn():
    """Each of four conditions within five standard errors of a quarter."""
    machine = MACHINES["a complete graph"]
    condition = machine.conditions(20_000)
    counts = torch.bincount(condition, minlength=4)
    assert ((counts - 5000).abs() < 5 * (20_000 * 3 / 16) ** 0.5).all()
    for shift in (1, 4, 8, 64):
        assert 0.7 < (condition != condition.roll(shift)).double().mean() < 0.8


def test_balanced_nodes_are_up_about_half_of_the_time():
    machine = balanced_machine()
    mean = machine.probabilities() @ enumerate_states(machine.graph.n_latents).double()
    assert mean.min() > 0.3
    assert mean.max() < 0.7
