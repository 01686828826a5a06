"""A repaired machine lies on the chip and loses what is said, which enumeration confirms."""

import numpy as np
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.annealer.emulator.emulator import EmulatedAnnealer
from calo4pqvae.annealer.repair import coupler_prices, repair
from calo4pqvae.annealer.request import Request
from calo4pqvae.annealer.sampler import AnnealerSampler, Settings
from calo4pqvae.boltzmann.lattices import zephyr
from calo4pqvae.boltzmann.log_z.normaliser import exact_log_z
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.boltzmann.reduction import restrict
from calo4pqvae.boltzmann.samplers.exact import enumerate_states


def machine_on(graph, scale=1.0):
    return BoltzmannMachine(graph, scale=scale, generator=torch.Generator().manual_seed(5))


def exact_divergence(p, q):
    """KL of two small machines without clamped nodes, by enumeration."""
    z = enumerate_states(p.graph.n_nodes)
    one, two = (
        -m.problem().double().energy(z) - exact_log_z(m.problem().double(), z[:1, :0])
        for m in (p, q)
    )
    return float((one.exp() * (one - two)).sum())


def holed(lattice, keep, seed):
    couplers = lattice.couplers[
        np.random.default_rng(seed).random(len(lattice.couplers)) < keep
    ]
    return WorkingGraph("holes", "zephyr", lattice.grid, lattice.qubits, couplers)


def test_a_repair_says_what_it_loses_and_a_fit_loses_less():
    graph = zephyr(3, m=1).unclamped()
    machine = machine_on(graph, 1.2)
    chip = holed(WorkingGraph.perfect("zephyr", (1, 4)), 0.55, 3)
    request = Request(machine, graph.nothing_clamped(4096), torch.zeros(4096, 1))
    found = repair(request, chip, sweeps=50, seed=1)
    assert found.lost > 0
    after = exact_divergence(machine, found.machine)
    assert found.after.value < 0.6 * found.before.value
    assert abs(found.after.value - after) < 5 * found.after.error + 0.01
    qubits = found.machine.graph.labels.numpy()
    assert chip.has_couplers(qubits[found.machine.graph.edges.numpy().T]).all()


def test_nothing_is_changed_where_nothing_is_missing():
    """Nodes that carry nothing and couplers that are 0 are not asked for."""
    graph = zephyr(10, m=2).unclamped()
    machine = machine_on(graph)
    machine.coupling[::3] = 0.0
    nodes = torch.ones(40, dtype=torch.bool)
    nodes[::4] = False
    chip = WorkingGraph.perfect("zephyr", (3, 4)).with_defects(320, 2600, seed=2)
    request = Request(machine, graph.nothing_clamped(64), torch.zeros(64, 1))
    found = repair(request, chip, sweeps=20, nodes=nodes)
    ideal = restrict(machine, nodes, machine.used_edges)
    assert (found.lost, found.before.value, found.after.value) == (0, 0.0, 0.0)
    assert torch.equal(found.machine.coupling, ideal.coupling)
    assert torch.equal(found.machine.bias, ideal.bias)
    emulator = EmulatedAnnealer(beta=8.5, graph=chip, sweeps=20)
    made = found.machine
    sampler = AnnealerSampler(made.graph, emulator, SharedNoise(0), Settings(beta=8.5))
    states = sampler.sample(made.problem(), made.graph.nothing_clamped(9))
    assert states.shape == (9, 30)


def test_a_folded_partition_needs_no_qubits():
    """4 x 12 nodes on a chip that has room for the three free partitions alone."""
    graph = zephyr(12, m=1)
    machine = machine_on(graph, 0.5)
    perfect = WorkingGraph.perfect("zephyr", (1, 4))
    free = np.sort(graph.labels.numpy()[12:])
    couplers = perfect.couplers[np.isin(perfect.couplers, free).all(axis=1)]
    chip = WorkingGraph("half", "zephyr", (1, 4), free, couplers)
    codes = torch.rand(256, 12, generator=torch.Generator().manual_seed(1)) < 0.5
    found = repair(Request(machine, codes), chip, sweeps=30)
    assert found.lost == 0
    emulator = EmulatedAnnealer(beta=8.5, graph=chip, sweeps=20)
    made = found.machine
    sampler = AnnealerSampler(made.graph, emulator, SharedNoise(0), Settings(beta=8.5))
    assert torch.equal(sampler.sample(made.problem(), codes)[:, :12], codes)


def test_prices_are_those_of_enumeration_for_weak_couplings():
    graph = zephyr(3, m=1).unclamped()
    machine = machine_on(graph, 0.15)
    z = enumerate_states(12)
    weight = torch.softmax(-machine.problem().double().energy(z), dim=0)
    draws = torch.multinomial(weight, 20_000, True, generator=torch.Generator().manual_seed(2))
    prices = coupler_prices(machine, z[draws], torch.zeros(len(draws), 1))
    for edge in (0, 5, 11):
        kept = torch.arange(graph.n_edges) != edge
        without = restrict(machine, torch.ones(12, dtype=torch.bool), kept)
        exact = exact_divergence(machine, without)
        # Leaving out without moving biases costs the mean's share, too.
        assert float(prices[edge]) < exact * 1.1
