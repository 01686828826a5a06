"""dwave-pytorch-plugin: its block sampler, in torch with padded lists of neighbours.

It cannot clamp one partition and draw three, so it gets the free nodes.
"""

from torch import Tensor

from calo4pqvae._core.optional import require
from calo4pqvae.bench.contender import Draw, Prepare, Task
from calo4pqvae.boltzmann.ising import to_bits, to_ising

__all__ = ["dwave_plugin"]


def dwave_plugin(task: Task) -> Prepare:
    """Set up the free nodes as a graph-restricted Boltzmann machine."""
    models = require("dwave.plugins.torch.models.boltzmann_machine", "bench")
    samplers = require("dwave.plugins.torch.samplers.block_spin_sampler", "bench")
    graph, ising = task.lattice.free.graph, to_ising(task.lattice.free)
    edges = [tuple(edge) for edge in graph.edges.T.tolist()]
    machine = models.GraphRestrictedBoltzmannMachine(
        range(graph.n_nodes),
        edges,
        linear=dict(enumerate(ising.field[0].tolist())),
        quadratic=dict(zip(edges, ising.coupling.tolist(), strict=True)),
    ).to(task.device)
    colours = graph.partition_of_node.tolist()

    def prepare(seed: int) -> Draw:
        # Its chains persist, so that new ones need a new sampler.
        sampler = samplers.BlockSampler(
            machine, colours.__getitem__, task.chains, [1.0] * task.sweeps, "Gibbs", seed=seed
        ).to(task.device)

        def draw() -> Tensor:
            return to_bits(sampler.sample()).cpu()

        return draw

    return prepare
