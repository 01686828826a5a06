"""Small machines with enumerated probabilities, chosen so that mistakes show.

Block Gibbs comes closer than 1e-6 in total variation to each of them within 100 sweeps, from
any start.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.lattices import zephyr
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.exact import ExactSampler, enumerate_states

__all__ = ["KnownMachine", "balanced_machine", "known_machines"]


@dataclass(frozen=True, eq=False)
class KnownMachine:
    """A Boltzmann machine under several conditions, each a clamped code with its biases.

    Arguments:
        name: what is special about it.
        graph: nodes and couplers.
        bias: one row for all conditions, or one row per condition.
        coupling: coupling of each edge.
        codes: state of partition 0 under each condition.
    """

    name: str
    graph: FourPartiteGraph
    bias: Float[Tensor, "rows nodes"]
    coupling: Float[Tensor, " edges"]
    codes: Bool[Tensor, "conditions clamped"]

    def probabilities(self) -> Float[Tensor, "conditions states"]:
        """Enumerate p(free | code) under each condition."""
        problem = BoltzmannProblem(self.graph, self.bias, self.coupling)
        return ExactSampler().conditional(problem, self.codes)[0]

    def conditions(self, chains: int, seed: int = 0) -> Tensor:
        """Deal the conditions out to chains at random, so that neighbours often differ."""
        generator = torch.Generator().manual_seed(seed)
        return torch.randint(len(self.codes), (chains,), generator=generator)

    def problem(
        self, condition: Tensor, device: torch.device | str = "cpu"
    ) -> BoltzmannProblem:
        """State the problem of chains under the given conditions, in tensors of its own."""
        bias = self.bias if len(self.bias) == 1 else self.bias[condition]
        coupling = self.coupling.to(device, copy=True)
        return BoltzmannProblem(self.graph, bias.to(device, copy=True), coupling)

    def clamped(self, condition: Tensor, device: torch.device | str = "cpu") -> Tensor:
        """Look up the codes of chains under the given conditions."""
        return self.codes[condition].to(device)


def known_machines() -> tuple[KnownMachine, ...]:
    """List the machines of the suite's chi-square tests, each with four or more codes."""
    generator = torch.Generator().manual_seed(7)
    complete = FourPartiteGraph.complete((2, 2, 3, 2))
    return (
        _random("a complete graph", complete, 1.0, generator),
        _random("a piece of Zephyr", zephyr(3), 1.0, generator),
        _random("an uneven sparse graph", _uneven(), 1.5, generator),
        _strong(),
        _energy_dependent(generator),
    )


def balanced_machine() -> KnownMachine:
    """Make a machine under one condition whose nodes are up for 30 % to 70 % of the time."""
    generator = torch.Generator().manual_seed(11)
    graph = FourPartiteGraph.complete((2, 2, 2, 2))
    machine = _random("balanced nodes", graph, 0.25, generator)
    return KnownMachine(machine.name, graph, machine.bias, machine.coupling, machine.codes[1:2])


def _random(
    name: str, graph: FourPartiteGraph, scale: float, generator: torch.Generator
) -> KnownMachine:
    coupling = _values((graph.n_edges,), scale, generator)
    bias = _balance(graph, coupling) + _values((graph.n_nodes,), scale / 2, generator)
    return KnownMachine(name, graph, bias[None], coupling, _codes(graph))


def _values(shape: tuple[int, ...], scale: float, generator: torch.Generator) -> Tensor:
    """Random signs, sizes from a half to three halves of the scale: each of them matters."""
    size, sign = torch.rand(2, *shape, generator=generator)
    return scale * (0.5 + size) * torch.where(sign < 0.5, -1.0, 1.0)


def _balance(graph: FourPartiteGraph, coupling: Tensor) -> Tensor:
    """Biases that leave every node up for half of the time."""
    ends = torch.zeros(graph.n_nodes).index_add(0, graph.edges.flatten(), coupling.repeat(2))
    return -ends / 2


def _codes(graph: FourPartiteGraph) -> Tensor:
    """All codes of two bits, or the four of three bits with an even number of bits up."""
    codes = enumerate_states(graph.sizes[0])
    return codes if len(codes) <= 4 else codes[codes.sum(dim=1) % 2 == 0]


def _uneven() -> FourPartiteGraph:
    """Partitions of 3, 1, 4 and 2 nodes; the last node has no coupler."""
    pairs = [(0, 3), (0, 8), (1, 4), (1, 8), (2, 5), (3, 4), (3, 6), (3, 8), (5, 8), (7, 8)]
    return FourPartiteGraph((3, 1, 4, 2), torch.tensor(pairs).T.contiguous(), torch.arange(10))


def _strong() -> KnownMachine:
    """Couplings of 2.5 in size and random sign, biases that nearly balance them."""
    generator = torch.Generator().manual_seed(5)
    graph = FourPartiteGraph.complete((2, 2, 2, 2))
    sign = 2.0 * torch.randint(2, (graph.n_edges,), generator=generator) - 1
    coupling = 2.5 * sign
    bias = _balance(graph, coupling) + 0.3
    return KnownMachine("strong couplings", graph, bias[None], coupling, _codes(graph))


def _energy_dependent(generator: torch.Generator) -> KnownMachine:
    """Eight incident energies, each with its own biases and its own code."""
    graph = FourPartiteGraph.complete((3, 2, 2, 3))
    prior = BoltzmannMachine(graph, bias_order=2)
    prior.bias.copy_(_values((3, graph.n_nodes), 0.8, generator))
    prior.coupling.copy_(_values((graph.n_edges,), 0.8, generator))
    t = torch.linspace(0, 1, 8)[:, None]
    codes = enumerate_states(3)[torch.tensor([0, 1, 3, 2, 6, 7, 5, 4])]
    return KnownMachine(
        "biases of the energy", graph, prior.node_bias(t), prior.coupling, codes
    )
